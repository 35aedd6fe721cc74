"""Pictures come out upright, whatever way the camera was held, also when decoded smaller."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, features

from kyara.pictures.read import decode, flatten
from tests.support import encoded, quadrants

KINDS = ["JPEG", "TIFF", "PNG", "WEBP", "AVIF"]


def stored_as(orientation: int, kind: str, size: tuple[int, int] = (64, 32)) -> bytes:
    """The quadrants as a camera held in that way would store them."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quadrants(size)
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(stored, kind, exif=exif.tobytes())


def assert_upright(image: Image.Image) -> None:
    rgb = np.asarray(flatten(image), dtype=int)
    height, width = rgb.shape[:2]
    ys, xs = [height // 4, 3 * height // 4], [width // 4, 3 * width // 4]
    found = rgb[np.ix_(ys, xs)].reshape(4, 3)
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    np.testing.assert_allclose(found, expected, atol=40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_way_of_storing_is_what_exif_means(orientation: int) -> None:
    """Pillow's own reading of the tag agrees with how these tests make their files."""
    with Image.open(io.BytesIO(stored_as(orientation, "JPEG"))) as image:
        assert_upright(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(kind: str, orientation: int) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    picture = decode(stored_as(orientation, kind))
    assert (picture.width, picture.height) == (64, 32)
    assert picture.image.size == (64, 32)
    assert_upright(picture.image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_upright(orientation: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    picture = decode(stored_as(orientation, "HEIF"))
    assert (picture.width, picture.height) == picture.image.size == (64, 32)
    assert_upright(picture.image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_reduced_decoding_keeps_the_way_up_and_the_full_size(orientation: int) -> None:
    picture = decode(stored_as(orientation, "JPEG", (1600, 800)), longest=100)
    assert (picture.width, picture.height) == (1600, 800)
    assert picture.image.size == (200, 100)  # an eighth: the least that the decoder offers
    assert_upright(picture.image)


@pytest.mark.parametrize("orientation", [0, 9, 6000])
def test_a_nonsensical_orientation_is_ignored(orientation: int) -> None:
    picture = decode(stored_as(orientation, "JPEG"))
    assert (picture.width, picture.height) == (64, 32)
    assert_upright(picture.image)


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({}, (1600, 800)),
        ({"longest": 1600}, (1600, 800)),
        ({"longest": 400}, (400, 200)),
        ({"longest": 401}, (800, 400)),
        ({"shortest": 400}, (800, 400)),
        ({"shortest": 100}, (200, 100)),
        ({"shortest": 100, "longest": 800}, (800, 400)),
        ({"longest": 1}, (200, 100)),
    ],
)
def test_jpeg_is_decoded_no_larger_than_needed(
    needs: dict[str, int], expected: tuple[int, int]
) -> None:
    data = encoded(quadrants((1600, 800)), "JPEG")
    assert decode(data, **needs).image.size == expected


def test_other_formats_are_decoded_in_full() -> None:
    assert decode(encoded(quadrants((160, 80)), "PNG"), longest=10).image.size == (160, 80)
