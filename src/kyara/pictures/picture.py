"""The pixels of a picture, and how to get more of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture:
    """The pixels of one picture, upright.

    Attributes:
        image: mode RGB or RGBA; may be smaller than the file's picture.
        width, height: of the upright picture in the file, in pixels; boxes refer to these.
        finer: decodes it once more, with so many pixels on the longest side, and raises a
            `PictureError` where that fails; None: there are no more pixels, or no way to them.
    """

    image: Image.Image
    width: int
    height: int
    finer: Callable[[int], Picture] | None = field(default=None, compare=False, repr=False)
