"""Progressive JPEG without its fine scans: the same pixels, and broken files stay broken."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from kyara.errors import PictureError
from kyara.pictures.progressive import without_fine_scans
from kyara.pictures.read import decode


def drawing(size: tuple[int, int] = (1000, 700), mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 9, 3), dtype=np.uint8)).resize(size)
    grain = Image.fromarray(rng.integers(0, 30, (size[1], size[0], 3), dtype=np.uint8))
    return Image.blend(coarse, grain, 0.2).convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"progressive": True, "quality": 90, **options})
    return stream.getvalue()


def eighth(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (image.width // 8, image.height // 8))
        return np.asarray(image)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1000, 700), (903, 1201), (1023, 517)])
def test_the_pixels_at_an_eighth_are_the_same(
    subsampling: str, mode: str, size: tuple[int, int]
) -> None:
    data = jpeg(drawing(size, mode), subsampling=subsampling)
    lighter = without_fine_scans(data)
    assert len(lighter) < 0.8 * len(data)
    assert np.array_equal(eighth(lighter), eighth(data))


def test_restart_markers_are_no_ends_of_scans() -> None:
    data = jpeg(drawing(), restart_marker_rows=2)
    assert np.array_equal(eighth(without_fine_scans(data)), eighth(data))


def test_what_follows_the_picture_does_not_matter() -> None:
    data = jpeg(drawing())
    assert without_fine_scans(data + b"\xff\xc2 and more") == without_fine_scans(data)


def test_ordinary_jpeg_comes_back_as_it_is() -> None:
    data = jpeg(drawing(), progressive=False)
    assert without_fine_scans(data) is data


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 20, 200, 5_000, -2, -1])
def test_cut_off_files_come_back_as_they_are(kept: int) -> None:
    data = jpeg(drawing())[:kept]
    assert without_fine_scans(data) is data


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_cut_off_files_are_still_noticed(share: float) -> None:
    data = jpeg(drawing())
    with pytest.raises(PictureError, match="truncated"):
        decode(data[: int(share * len(data))], longest=112)


def test_noise_never_fails() -> None:
    rng = np.random.default_rng(1)
    data = bytearray(jpeg(drawing((300, 200))))
    for position in rng.integers(2, len(data), 300).tolist():
        broken = bytes(data[:position]) + bytes([int(rng.integers(256))]) + bytes(data[position:])
        assert isinstance(without_fine_scans(broken), bytes)


def test_orientation_survives() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(jpeg(drawing(), exif=exif), longest=112)
    assert (picture.width, picture.height) == (700, 1000)
    assert picture.image.size == (88, 125)
