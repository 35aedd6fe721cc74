"""Small pictures: for a report as data URIs, for others as WebP."""

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

__all__ = ["Thumbnail", "small_webp", "thumbnail"]


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
        image = _small(read_bytes(path), box, side, path)
    except PictureError:
        return None
    encoded = base64.b64encode(_webp(image)).decode("ascii")
    return Thumbnail(f"data:image/webp;base64,{encoded}", image.width, image.height)


def small_webp(data: bytes, box: Box | None, side: int, where: Path) -> bytes:
    """The same of a file's content, as the bytes of a WebP.

    Args:
        where: the file, for the message of an error.

    Raises:
        PictureError: it is no picture, broken or too large.
    """
    return _webp(_small(data, box, side, where))


def _small(data: bytes, box: Box | None, side: int, where: Path) -> Image.Image:
    picture = decode(data, longest=side if box is None else None, where=where)
    image = picture.image if box is None else cut(picture, box)
    image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return flatten(image)


def _webp(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=70, method=2)
    return stream.getvalue()
