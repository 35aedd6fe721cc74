"""A crop is the pixels of a box, padded or squashed into a square."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kyara.encode.preprocess import crop, decode_for
from kyara.manifest import InputSpec
from kyara.pictures.read import Picture, decode
from kyara.pictures.source import Encoded
from kyara.types import Box
from tests.support import encoded, quadrants

PAD = InputSpec(size=32, fit="pad", fill=(10, 20, 30))
SQUASH = InputSpec(size=32, fit="squash", fill=(10, 20, 30))


def plain(width: int, height: int, colour: tuple[int, ...] = (200, 100, 50)) -> Picture:
    mode = "RGB" if len(colour) == 3 else "RGBA"
    return Picture(Image.new(mode, (width, height), colour), width, height)


def whole(picture: Picture) -> Box:
    return Box(0, 0, picture.width, picture.height)


@pytest.mark.parametrize(("width", "height"), [(64, 32), (16, 8), (32, 16)])
def test_padding_keeps_the_proportions_and_centres(width: int, height: int) -> None:
    picture = plain(width, height)
    pixels = crop(picture, whole(picture), PAD)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    inside = (pixels == (200, 100, 50)).all(axis=2)
    assert inside[8:24].all()
    assert (pixels[~inside] == (10, 20, 30)).all()
    assert (~inside).sum() == 32 * 16


def test_upright_pictures_are_padded_at_the_sides() -> None:
    picture = plain(32, 64)
    pixels = crop(picture, whole(picture), PAD)
    assert (pixels[:, 8:24] == (200, 100, 50)).all()
    assert (pixels[:, :8] == (10, 20, 30)).all()
    assert (pixels[:, 24:] == (10, 20, 30)).all()


def test_squashing_fills_the_square() -> None:
    picture = plain(64, 16)
    assert (crop(picture, whole(picture), SQUASH) == (200, 100, 50)).all()


@pytest.mark.parametrize("spec", [PAD, SQUASH])
def test_transparency_is_laid_over_the_fill(spec: InputSpec) -> None:
    clear = plain(32, 32, (255, 0, 0, 0))
    assert (crop(clear, whole(clear), spec) == (10, 20, 30)).all()
    half = plain(32, 32, (210, 120, 30, 128))
    np.testing.assert_allclose(crop(half, whole(half), spec)[5, 5], (110, 70, 30), atol=1)


def test_colours_under_transparency_do_not_bleed() -> None:
    """Shrinking must weigh colours by their opacity: no green fringe around the red."""
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[:] = (0, 255, 0, 0)
    pixels[::2] = (255, 0, 0, 255)
    picture = Picture(Image.fromarray(pixels), 64, 64)
    spec = InputSpec(size=16, fill=(255, 0, 0))
    assert crop(picture, whole(picture), spec)[..., 1].max() < 10


def test_a_box_cuts_out_its_part() -> None:
    picture = decode(encoded(quadrants((64, 64)), "PNG"))
    np.testing.assert_array_equal(crop(picture, Box(0, 0, 32, 32), PAD)[16, 16], (255, 0, 0))
    np.testing.assert_array_equal(crop(picture, Box(32, 0, 64, 32), PAD)[16, 16], (0, 255, 0))
    np.testing.assert_array_equal(crop(picture, Box(0, 32, 32, 64), PAD)[16, 16], (0, 0, 255))


def test_a_box_counts_in_pixels_of_the_file_also_when_decoded_smaller() -> None:
    data = encoded(quadrants((1600, 800)), "JPEG", quality=95)
    small, full = decode(data, longest=100), decode(data)
    assert small.image.width < full.image.width
    for box in (Box(0, 0, 800, 400), Box(800, 0, 1600, 400), Box(400, 200, 1200, 600)):
        np.testing.assert_allclose(
            crop(small, box, PAD).astype(int), crop(full, box, PAD).astype(int), atol=60
        )


def test_a_box_may_reach_beyond_the_picture() -> None:
    picture = decode(encoded(quadrants((64, 64)), "PNG"))
    np.testing.assert_array_equal(
        crop(picture, Box(-50, -50, 32, 32), PAD), crop(picture, Box(0, 0, 32, 32), PAD)
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
@pytest.mark.parametrize("spec", [PAD, SQUASH])
def test_extreme_proportions_leave_something_to_see(size: tuple[int, int], spec: InputSpec) -> None:
    picture = plain(*size)
    assert (crop(picture, whole(picture), spec) == (200, 100, 50)).all(axis=2).any()


@settings(deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 8),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.sampled_from([PAD, SQUASH]),
)
def test_any_box_in_any_picture_gives_a_square(
    width: int, height: int, reduced: int, parts: tuple[float, ...], spec: InputSpec
) -> None:
    image = Image.new("RGB", (-(-width // reduced), -(-height // reduced)), (200, 100, 50))
    left, right = sorted(parts[:2])
    top, bottom = sorted(parts[2:])
    if (right - left) * width < 0.01 or (bottom - top) * height < 0.01:
        return
    box = Box(left * width, top * height, right * width, bottom * height)
    pixels = crop(Picture(image, width, height), box, spec)
    assert pixels.shape == (32, 32, 3)
    assert (pixels == (200, 100, 50)).all(axis=2).any()


@pytest.mark.parametrize(
    ("spec", "size"),
    [(InputSpec(size=100, fit="pad"), (200, 100)), (InputSpec(size=101, fit="squash"), (400, 200))],
)
def test_pictures_are_decoded_as_small_as_the_crop_allows(
    spec: InputSpec, size: tuple[int, int]
) -> None:
    data = encoded(quadrants((1600, 800)), "JPEG")
    picture = decode_for(Encoded(data), spec)
    assert picture.image.size == size
    assert (picture.width, picture.height) == (1600, 800)
