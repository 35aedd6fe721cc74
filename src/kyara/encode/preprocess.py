"""Crops: the pixels of figures, as the encoder wants them; made here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from kyara.manifest import InputSpec
from kyara.pictures.read import Picture, flatten
from kyara.pictures.source import Content
from kyara.types import Box, PixelArray

__all__ = ["crop", "crops_of", "cut", "decode_for", "whole_crop"]


def decode_for(content: Content, spec: InputSpec, *, longest: int = 0) -> Picture:
    """Decode a whole picture with as few pixels as will do.

    Args:
        spec: of the encoder, which may get the whole picture.
        longest: pixels that a detector needs on the longest side.

    Raises:
        PictureError: see `kyara.pictures.read.decode`.
    """
    if spec.fit == "pad":
        return content.decode(longest=max(spec.size, longest))
    return content.decode(longest=longest or None, shortest=spec.size)


def crops_of(
    content: Content,
    boxes: Sequence[Box],
    spec: InputSpec,
    *,
    decoded: Picture | None = None,
) -> list[PixelArray]:
    """A crop (size, size, 3) of each box, in pixels of the upright picture.

    Args:
        decoded: the picture, if it was decoded already; where that has too few pixels for a
            box, it is decoded once more.

    Raises:
        PictureError: see `kyara.pictures.read.decode`.
    """
    picture = decode_for(content, spec) if decoded is None else decoded
    longest = max(picture.width, picture.height)
    parts = [box for box in boxes if not _is_all(box, picture)]
    wanted = min(1.0, max((_scale(box, spec) for box in parts), default=0.0))
    # A hair less will do: sizes of decoders are rounded.
    if max(picture.image.size) / longest < 0.99 * wanted:
        picture = content.decode(longest=math.ceil(wanted * longest))
    return [crop(picture, box, spec) for box in boxes]


def whole_crop(content: Content, spec: InputSpec) -> PixelArray:
    """The crop of the whole picture.

    Raises:
        PictureError: see `kyara.pictures.read.decode`.
    """
    picture = decode_for(content, spec)
    return crop(picture, Box(0.0, 0.0, float(picture.width), float(picture.height)), spec)


def _scale(box: Box, spec: InputSpec) -> float:
    """How much smaller than in the file a picture may be decoded for a crop of the box."""
    sides = (box.right - box.left, box.bottom - box.top)
    return spec.size / (max(sides) if spec.fit == "pad" else min(sides))


def _is_all(box: Box, picture: Picture) -> bool:
    return box.as_tuple() == (0.0, 0.0, float(picture.width), float(picture.height))


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
    if _is_all(box, picture):
        return picture.image
    x, y = picture.image.width / picture.width, picture.image.height / picture.height
    left, right = _span(box.left * x, box.right * x, picture.image.width)
    top, bottom = _span(box.top * y, box.bottom * y, picture.image.height)
    return picture.image.crop((left, top, right, bottom))


def _span(begin: float, end: float, size: int) -> tuple[int, int]:
    """The pixels from `begin` to `end`, at least one, within `size`."""
    first = min(max(0, round(begin)), size - 1)
    return first, max(first + 1, min(size, round(end)))
