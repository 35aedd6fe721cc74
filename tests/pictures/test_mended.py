"""Whole pixels are read, whatever else is in the file; missing ones are not made up."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kyara.errors import PictureError
from kyara.pictures.read import count_frames, decode, measure
from tests.pictures.test_read_broken import chunk
from tests.support import encoded, quadrants

GARBAGE = {
    "camera data": chunk(b"eXIf", b"odd EXIF, as some tools write it"),
    "a text that swells": chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b'{"n":1}' * 300_000)),
    "a profile that swells": chunk(b"iCCP", b"x\0\0" + zlib.compress(b"p" * 2_000_000)),
    "a text with a wrong sum": chunk(b"tEXt", b"a\0b")[:-4] + b"\0\0\0\0",
    "a text that does not unpack": chunk(b"zTXt", b"a\0\0no stream"),
    "a time that is none": chunk(b"tIME", b"\xff"),
}


def detailed(size: tuple[int, int] = (200, 200)) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("place", ["before the pixels", "after them"])
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_beside_the_pixels_of_a_png(garbage: bytes, place: str, tmp_path: Path) -> None:
    data = encoded(quadrants(), "PNG")
    at = 33 if place == "before the pixels" else len(data) - 12
    dirty = data[:at] + garbage + data[at:]
    found = decode(dirty).image
    assert found.tobytes() == decode(data).image.tobytes()
    assert count_frames(dirty) == 1
    (tmp_path / "dirty.png").write_bytes(dirty)
    assert measure(tmp_path / "dirty.png").upright == quadrants().size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_camera_data_is_not_heeded(kind: str) -> None:
    for exif in (b"Exif\0\0odd", b"Exif\0\0II*\0\xff\xff\xff\xff", b"odd"):
        data = encoded(quadrants(), kind, exif=exif)
        assert decode(data).image.size == quadrants().size


@pytest.mark.parametrize(
    ("drawn", "options"),
    [
        *((detailed(), o) for o in ({}, {"progressive": True}, {"quality": 95}, {"quality": 20})),
        *((quadrants((200, 200)), o) for o in ({}, {"quality": 95}, {"quality": 20})),
        (Image.new("RGB", (90, 90)), {}),
    ],
)
def test_a_jpeg_without_its_last_marker(drawn: Image.Image, options: dict[str, object]) -> None:
    data = encoded(drawn, "JPEG", **options)
    whole = decode(data).image
    for ending in (data[:-2], data[:-1], data[:-2] + b"\0\0"):
        assert decode(ending).image.tobytes() == whole.tobytes()


@settings(max_examples=30)
@given(st.floats(0.3, 0.8), st.sampled_from([20, 75, 95]))
def test_a_jpeg_that_was_cut_off_is_refused(part: float, quality: int) -> None:
    data = encoded(detailed(), "JPEG", quality=quality)
    with pytest.raises(PictureError, match="broken"):
        decode(data[: int(part * len(data))])


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("paper", ["black", "white"])
def test_blank_frames_at_the_beginning_are_passed_over(kind: str, paper: str) -> None:
    blank, drawn = Image.new("RGB", (64, 32), paper), quadrants()
    data = encoded(blank, kind, save_all=True, append_images=[blank, drawn, drawn], duration=50)
    found = np.asarray(decode(data).image.convert("RGB"), dtype=int)
    assert np.abs(found - np.asarray(drawn, dtype=int)).mean() < 10
    assert decode(data, frame=1).image.size == (64, 32)  # a frame that is asked for is given


def test_an_animation_of_nothing_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), (n, n, n)) for n in (0, 9, 18)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert decode(data).image.getpixel((0, 0))[:3] == (0, 0, 0)  # type: ignore[index]
