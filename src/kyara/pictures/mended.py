"""Files whose pixels are whole though something else in them is not.

Programs write text, colour profiles and camera data into pictures that others cannot read, and
some leave out the last marker of a JPEG. None of that is a reason not to look at the pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from kyara.types import PixelArray

__all__ = ["mended"]

_PNG = b"\x89PNG\r\n\x1a\n"
_OF_PIXELS = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"))
"""Chunks that a picture is made of; all others say something about it."""

_END = b"\xff\xd9"
_CUTS = (4, 16, 64)
"""Bytes that are left out to see which part of a JPEG the last ones hold."""
_BLOCK = 16
"""Rows of pixels that blocks of a JPEG have at most."""
_BLURRED = 2
"""Rows above a block that its colours reach into."""
_LARGEST = 20_000_000
"""Pixels of a JPEG that is looked at twice more."""


def mended(data: bytes) -> bytes | None:
    """The same picture in a file without what keeps it from being read; None if there is
    nothing of that kind in it, or pixels are missing."""
    if data.startswith(_PNG):
        return _only_pixels(data)
    if data.startswith(b"\xff\xd8") and not data.rstrip(b"\0").endswith(_END):
        return _ended(data)
    return None


def _only_pixels(data: bytes) -> bytes | None:
    kept = [data[begin:end] for kind, begin, end in _chunks(data) if kind in _OF_PIXELS]
    found = b"".join([_PNG, *kept])
    return found if len(found) < len(data) else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of each chunk of a PNG, as far as it goes."""
    at = len(_PNG)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + length + 12
        yield data[at + 4 : at + 8], at, end
        at = end


def _ended(data: bytes) -> bytes | None:
    """A JPEG with its last marker, if its pixels go on to the last row: that is what its last
    bytes hold. In one that was cut off they hold what lies further up."""
    whole = _pixels(data + _END)
    if whole is None:
        return None
    for cut in _CUTS:
        shorter = _pixels(data[:-cut] + _END)
        if shorter is None or shorter.shape != whole.shape:
            return None
        rows = np.flatnonzero((whole != shorter).any(axis=(1, 2)))
        if len(rows) > 0:
            last = (len(whole) - 1) // _BLOCK * _BLOCK - _BLURRED
            return data + _END if int(rows[0]) >= last else None
    return data + _END


def _pixels(data: bytes) -> PixelArray | None:
    """The pixels (h, w, 3) of a JPEG, as stored; None if it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as opened:
            if opened.width * opened.height > _LARGEST:
                return None
            return np.asarray(opened.convert("RGB"))
    except Exception:  # on broken data decoders raise anything
        return None
