"""A hash that hardly changes when a picture is saved again, made smaller or recoloured.

The signs of the lowest frequencies of the discrete cosine transform of its brightness (Zauner
2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"). Against zero, not
against their median: then a mirrored picture has the same hash but for every other column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kyara.pictures.read import flatten

__all__ = ["BYTES", "MIRRORED", "SIDE", "bits_of", "perceptual_hash"]

SIDE = 32
"""Pixels that a picture is made to be wide and high."""

_KEPT = 8
"""Frequencies along each side, the lowest ones."""

BYTES = _KEPT * _KEPT // 8
"""Of a hash. The first bit, that of the mean brightness, is always 0."""

MIRRORED = np.tile(np.where(np.arange(_KEPT) % 2, -1.0, 1.0), _KEPT).astype(np.float32)[1:]
"""By which the bits of a picture are multiplied to be those of the mirrored one."""

_WAVES = np.cos(np.pi * np.outer(np.arange(_KEPT), 2 * np.arange(SIDE) + 1) / (2 * SIDE))


def perceptual_hash(image: Image.Image) -> bytes:
    """The hash of a picture in RGB or RGBA, `BYTES` long; what is transparent is paper."""
    grey = flatten(image).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    waves = _WAVES @ np.asarray(grey, dtype=np.float64) @ _WAVES.T
    signs = waves.ravel() > 0
    signs[0] = False
    return np.packbits(signs).tobytes()


def bits_of(hashes: list[bytes]) -> NDArray[np.float32]:
    """Hashes as rows of 1 and -1, shape (n, 63): the bits in which two differ are half of 63
    less their product."""
    packed = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), BYTES)
    return np.where(np.unpackbits(packed, axis=1)[:, 1:], 1.0, -1.0).astype(np.float32)
