"""Small pictures for a report, as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from kyara.encode.preprocess import cut
from kyara.errors import PictureError
from kyara.pictures.read import decode, flatten, read_bytes
from kyara.types import Box

__all__ = ["Thumbnail", "thumbnail"]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture: WebP in a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


def thumbnail(path: Path, box: Box | None, side: int) -> Thumbnail | None:
    """The picture at `path`, or the part of it in `box`, at most `side` pixels wide and high.

    None if it cannot be read.
    """
    try:
        whole = box is None
        picture = decode(read_bytes(path), longest=side if whole else None, where=path)
    except PictureError:
        return None
    image = picture.image if box is None else cut(picture, box)
    image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    stream = io.BytesIO()
    flatten(image).save(stream, "WEBP", quality=70, method=2)
    encoded = base64.b64encode(stream.getvalue()).decode("ascii")
    return Thumbnail(f"data:image/webp;base64,{encoded}", image.width, image.height)
