"""Boxes (n, 4) of left, top, right, bottom: how much they overlap, and which of them stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kyara.types import FloatArray

__all__ = ["overlaps", "suppressed"]


def overlaps(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n, m): common area by area of both together."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = _areas(a)[:, None] + _areas(b)[None] - common
    return np.asarray(common / np.maximum(areas, 1e-9), dtype=np.float32)


def _areas(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), dtype=np.float32)


def suppressed(boxes: FloatArray, scores: FloatArray, most: float) -> NDArray[np.intp]:
    """Indices of the boxes that stay, the best first: a box that overlaps a better one by more
    than `most` goes (greedy non-maximum suppression)."""
    order = np.argsort(-scores, kind="stable")
    stay = []
    while len(order):
        best, order = order[0], order[1:]
        stay.append(best)
        order = order[overlaps(boxes[best][None], boxes[order])[0] <= most]
    return np.asarray(stay, dtype=np.intp)
