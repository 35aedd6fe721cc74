"""How much memory pictures may take while they are decoded, all threads together.

A file of a few bytes may claim to hold any number of pixels, and decoders make room for what it
claims. So its cost is counted from its header, before anything of it is decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

__all__ = ["BUDGET", "Budget", "cost_of", "webp_size"]

# Bytes that a pixel takes in Pillow, of modes that do not take four.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# What decoders take for themselves: libwebp has two canvases, OpenJPEG an integer per channel.
_DECODERS = {"WEBP": 12, "AVIF": 12, "HEIF": 12, "JPEG2000": 20}
_RESULT = 4  # RGB and RGBA
_TURNED = 4  # a picture that is not upright is copied once more


class Budget:
    """Bytes that are shared by all threads.

    Attributes:
        limit: how many there are.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._freed = threading.Condition()

    @contextmanager
    def spending(self, amount: int) -> Iterator[None]:
        """Wait until so many bytes are free; in the block they are not.

        Raises:
            MemoryError: there are never so many.
        """
        if amount > self.limit:
            raise MemoryError
        with self._freed:
            self._freed.wait_for(lambda: self._used + amount <= self.limit or self._used == 0)
            self._used += amount
        try:
            yield
        finally:
            with self._freed:
                self._used -= amount
                self._freed.notify_all()


BUDGET = Budget(1_000_000_000)
"""For this process. `--memory` sets its limit."""


def cost_of(image: Image.Image, *, turned: bool = False) -> int:
    """Bytes that decoding an open picture takes at its height, made 8-bit and, where it is
    `turned`, upright."""
    stored = _STORED.get(image.mode, 4)
    result = 0 if image.mode in ("RGB", "RGBA") else _RESULT
    per_pixel = stored + result + _TURNED * turned + _DECODERS.get(image.format or "", 0)
    return image.width * image.height * per_pixel


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height that the first 30 bytes of a WebP claim; None if they are of none.

    Pillow's decoder makes room for them when the file is opened, before it can be asked.
    """
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    match head[12:16]:
        case b"VP8X":
            return _number(head[24:27]) + 1, _number(head[27:30]) + 1
        case b"VP8L":
            bits = _number(head[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _number(head[26:28]) & 0x3FFF, _number(head[28:30]) & 0x3FFF
    return None


def _number(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")
