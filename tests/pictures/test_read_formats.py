"""Every format and every kind of pixel comes out as upright 8-bit RGB or RGBA."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from kyara.pictures.read import Picture, decode, flatten
from tests.support import encoded, quadrants, run_process

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


def colours(picture: Picture, at: tuple[int, int]) -> tuple[int, ...]:
    value = picture.image.getpixel(at)
    assert isinstance(value, tuple)
    return value


def corners(picture: Picture) -> list[str]:
    """The colours of the quadrants, row by row, by name."""
    rgb = np.asarray(flatten(picture.image), dtype=int)
    height, width = rgb.shape[:2]
    named = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    found = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            distances = {n: int(abs(rgb[y, x] - colour).sum()) for n, colour in named.items()}
            found.append(min(distances, key=distances.__getitem__))
            assert min(distances.values()) < 60
    return found


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "PPM", "TGA", "PCX", "QOI"]
)
def test_common_formats_are_read(kind: str) -> None:
    if kind == "JPEG2000" and not features.check("jpg_2000"):
        pytest.skip("this Pillow has no JPEG 2000")
    if kind == "QOI" and kind not in Image.SAVE:
        pytest.skip("this Pillow writes no QOI")
    picture = decode(encoded(quadrants(), kind))
    assert (picture.width, picture.height) == (64, 32)
    assert picture.image.mode == "RGB"
    assert corners(picture) == ["red", "green", "blue", "white"]


@needs_avif
def test_avif_is_read() -> None:
    assert corners(decode(encoded(quadrants(), "AVIF"))) == ["red", "green", "blue", "white"]


def test_heic_is_read_with_the_package_for_it() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    picture = decode(encoded(quadrants(), "HEIF", quality=95))
    assert (picture.width, picture.height) == (64, 32)
    assert corners(picture) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("absent", "kind", "hint"),
    [
        pytest.param("pillow_heif", "HEIF", "pip install 'kyara[heic]'"),
        pytest.param("PIL.AvifImagePlugin", "AVIF", "AVIF", marks=needs_avif),
    ],
)
def test_without_the_library_there_is_one_clear_line(
    tmp_path: Path, absent: str, kind: str, hint: str
) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = tmp_path / "phone.pic"
    path.write_bytes(encoded(quadrants(), kind))
    script = f"import sys; sys.modules[{absent!r}] = None; from kyara.cli.main import main; main()"
    arguments = [sys.executable, "-c", script, "embed", path.name, "--out", "x.npz", "--no-cache"]
    ran = run_process(arguments, tmp_path)
    assert ran.code == 2
    (skipped,) = [line for line in ran.err.splitlines() if "phone.pic" in line]
    assert hint in skipped
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_cmyk_keeps_its_colours(compression: str | None) -> None:
    image = quadrants().convert("CMYK")
    data = encoded(image, "TIFF", compression=compression) if compression else b""
    picture = decode(data or encoded(image, "JPEG", quality=95))
    assert picture.image.mode == "RGB"
    assert corners(picture) == ["red", "green", "blue", "white"]


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values)


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (32768, 128), (65535, 255), (257, 1)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_brightness(kind: str, value: int, expected: int) -> None:
    data = encoded(grey(np.full((4, 4), value, dtype=np.uint16)), kind)
    assert colours(decode(data), (1, 1)) == (expected, expected, expected)


def test_32_bit_grey_is_taken_for_16_bit_in_a_wider_file() -> None:
    data = encoded(grey(np.full((4, 4), 32768, dtype=np.int32)), "TIFF")
    assert colours(decode(data), (1, 1)) == (128, 128, 128)


def test_floating_point_grey_is_stretched_over_what_it_holds() -> None:
    data = encoded(grey(np.array([[-1.0, 0.0, 1.0]], dtype=np.float32)), "TIFF")
    picture = decode(data)
    assert [colours(picture, (x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_constant_floating_point_grey_is_no_error() -> None:
    data = encoded(grey(np.full((2, 2), 0.5, dtype=np.float32)), "TIFF")
    assert decode(data).image.size == (2, 2)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palettes_become_rgb(mode: str) -> None:
    image = Image.new("L", (8, 8), 255).convert(mode)
    picture = decode(encoded(image, "PNG"))
    assert picture.image.mode == "RGB"
    assert colours(picture, (3, 3)) == WHITE


def transparent_palette() -> bytes:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((5, 5), 1)
    return encoded(image, "PNG", transparency=0)


def transparent_grey() -> bytes:
    image = Image.new("LA", (8, 8), (10, 0))
    image.putpixel((5, 5), (200, 255))
    return encoded(image, "PNG")


def colour_key() -> bytes:
    image = Image.new("RGB", (8, 8), (10, 20, 30))
    image.putpixel((5, 5), (200, 100, 50))
    return encoded(image, "PNG", transparency=(10, 20, 30))


def grey_key() -> bytes:
    image = Image.new("L", (8, 8), 10)
    image.putpixel((5, 5), 200)
    return encoded(image, "PNG", transparency=10)


def transparent_gif() -> bytes:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((5, 5), 1)
    return encoded(image, "GIF", transparency=0)


@pytest.mark.parametrize(
    "make", [transparent_palette, transparent_grey, colour_key, grey_key, transparent_gif]
)
def test_every_kind_of_transparency_shows_the_paper(make: Callable[[], bytes]) -> None:
    picture = decode(make())
    assert picture.image.mode == "RGBA"
    assert flatten(picture.image).getpixel((1, 1)) == WHITE
    assert flatten(picture.image, (1, 2, 3)).getpixel((1, 1)) == (1, 2, 3)
    assert flatten(picture.image).getpixel((5, 5)) != WHITE


def test_half_transparent_colours_are_blended() -> None:
    picture = decode(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG"))
    value = flatten(picture.image).getpixel((0, 0))
    assert value == (127, 127, 127)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    options = {} if kind == "TIFF" else {"duration": 100, "loop": 0}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    picture = decode(data)
    assert (picture.width, picture.height) == (16, 16)
    red, green, blue = np.asarray(flatten(picture.image), dtype=int)[8, 8]
    assert red > 240
    assert green < 15
    assert blue < 15


def test_a_colour_profile_is_no_obstacle() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert corners(decode(encoded(quadrants(), "JPEG", icc_profile=profile)))[0] == "red"


def test_the_content_decides_not_the_name() -> None:
    picture = decode(encoded(quadrants(), "PNG"), where="really-a-png.jpg")
    assert corners(picture) == ["red", "green", "blue", "white"]
