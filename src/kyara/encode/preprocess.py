"""A crop: the pixels of a detection, as the encoder wants them."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from kyara.manifest import InputSpec
from kyara.pictures.read import Picture, decode, flatten
from kyara.types import Box, PixelArray

__all__ = ["crop", "cut", "decode_for"]


def decode_for(
    data: bytes, spec: InputSpec, *, where: str | os.PathLike[str] | None = None
) -> Picture:
    """Decode a whole picture with as few pixels as `spec` needs of it.

    Raises:
        PictureError: see `kyara.pictures.read.decode`.
    """
    if spec.fit == "pad":
        return decode(data, longest=spec.size, where=where)
    return decode(data, shortest=spec.size, where=where)


def crop(picture: Picture, box: Box, spec: InputSpec) -> PixelArray:
    """The pixels of `box` as uint8 RGB, shape (size, size, 3).

    Args:
        box: in pixels of the upright picture, whatever size it was decoded at.
    """
    region = cut(picture, box)
    width, height = spec.size, spec.size
    if spec.fit == "pad":
        scale = spec.size / max(region.size)
        width = max(1, round(region.width * scale))
        height = max(1, round(region.height * scale))
    # Shrunk before flattened: fewer pixels to blend, and Pillow weighs colour by alpha.
    small = region.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    square = Image.new("RGB", (spec.size, spec.size), spec.fill)
    square.paste(flatten(small, spec.fill), ((spec.size - width) // 2, (spec.size - height) // 2))
    return np.asarray(square)


def cut(picture: Picture, box: Box) -> Image.Image:
    """The pixels of `box`, at the size that the picture was decoded at; at least one.

    Args:
        box: in pixels of the upright picture, whatever size it was decoded at.
    """
    if box.as_tuple() == (0.0, 0.0, float(picture.width), float(picture.height)):
        return picture.image
    x, y = picture.image.width / picture.width, picture.image.height / picture.height
    left, right = _span(box.left * x, box.right * x, picture.image.width)
    top, bottom = _span(box.top * y, box.bottom * y, picture.image.height)
    return picture.image.crop((left, top, right, bottom))


def _span(begin: float, end: float, size: int) -> tuple[int, int]:
    """The pixels from `begin` to `end`, at least one, within `size`."""
    first = min(max(0, round(begin)), size - 1)
    return first, max(first + 1, min(size, round(end)))
