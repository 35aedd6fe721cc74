"""How well a detector finds heads: average precision, recall at so many false boxes, by source
and by the size of a head.

A box is right if it overlaps a head that no better box has by at least one half (IoU), as in
Pascal VOC (Everingham et al. 2010); the precision that counts at a recall is the best at that
recall or beyond it, and its area is the average precision (all-point interpolation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kyara.detect.boxes import overlaps
from kyara.evaluate.metrics import bootstrap, interval
from kyara.types import FloatArray

__all__ = [
    "SIZES",
    "DetectionFigures",
    "Estimate",
    "Judged",
    "average_precision",
    "figures_of",
    "judge",
    "recall_at",
]

Vector = NDArray[np.float64]

SIZES = ((0.0, 0.04), (0.04, 0.08), (0.08, 0.2), (0.2, 0.45), (0.45, 10.0))
"""Longer side of a head by that of the picture: from, up to."""
FALSE_BOXES = (0.1, 1.0)
"""False boxes a picture that recall is told at."""


@dataclass(frozen=True)
class Judged:
    """What was found in one picture, and what is there.

    Attributes:
        scores: (k,) of the boxes that count.
        right: (k,) whether a head is there that no better box has.
        sizes: (n,) longer side of each head by that of the picture.
        reached: (n,) the score of the box that has the head, NaN where none has.
    """

    scores: Vector
    right: NDArray[np.bool_]
    sizes: Vector
    reached: Vector


@dataclass(frozen=True)
class Estimate:
    """A number, and its 95 % interval over pictures if there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DetectionFigures:
    """Of one source, or of all.

    Attributes:
        ap: average precision at an overlap of one half; None where there are no heads.
        recall: at 0.1 and 1 false boxes a picture; None where there are no heads.
        at_threshold: recall of the heads, and false boxes a picture, at the detector's own
            threshold.
        by_size: heads, and the share of them that is found at the threshold, by `SIZES`.
    """

    pictures: int
    heads: int
    ap: Estimate | None
    recall: tuple[Estimate, Estimate] | None
    recall_at_threshold: float | None
    false_at_threshold: Estimate
    by_size: tuple[tuple[int, float | None], ...]


def judge(
    boxes: FloatArray,
    scores: FloatArray,
    heads: FloatArray,
    *,
    longest: float,
    complete: bool = True,
    doubtful: FloatArray | None = None,
    least: float = 0.5,
) -> Judged:
    """Compare what was found with the heads of a picture.

    Args:
        boxes, scores: (k, 4), (k,).
        heads: (n, 4).
        longest: longer side of the picture, in the same pixels.
        complete: whether every head is among `heads`; if not, a box without a head counts
            neither way.
        doubtful: (m, 4): nor does a box that lies as one of these, or with its middle in it.
        least: overlap from which on a box has a head.
    """
    order = np.argsort(-scores, kind="stable")
    overlap = overlaps(boxes[order], heads)
    reached = np.full(len(heads), np.nan)
    right = np.zeros(len(order), dtype=np.bool_)
    for place, row in enumerate(overlap):
        free = np.where(np.isnan(reached), row, -1.0)
        if len(free) and free.max() >= least:
            right[place] = True
            reached[free.argmax()] = scores[order[place]]
    counted = right | (complete & ~_lies_in(boxes[order], doubtful, least))
    sides = (heads[:, 2:] - heads[:, :2]).max(axis=1) / longest
    return Judged(
        scores[order][counted].astype(np.float64), right[counted], sides.astype(np.float64), reached
    )


def _lies_in(boxes: FloatArray, areas: FloatArray | None, least: float) -> NDArray[np.bool_]:
    if areas is None or not len(areas):
        return np.zeros(len(boxes), dtype=np.bool_)
    x, y = (boxes[:, None, :2] + boxes[:, None, 2:]).transpose(2, 0, 1) / 2
    inside = (x > areas[:, 0]) & (x < areas[:, 2]) & (y > areas[:, 1]) & (y < areas[:, 3])
    return np.asarray((inside | (overlaps(boxes, areas) >= least)).any(axis=1))


def average_precision(
    scores: Vector, right: NDArray[np.bool_], weights: Vector, heads: float
) -> float:
    """Area under the interpolated curve; NaN without heads.

    Args:
        weights: (k,) how often each box counts; `heads`: how many heads there are, so counted.
    """
    recall, _, precision = _curve(scores, right, weights, heads)
    if not heads:
        return float("nan")
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * best).sum())


def recall_at(
    scores: Vector, right: NDArray[np.bool_], weights: Vector, heads: float, false: float
) -> float:
    """The share of the heads that is found while there are at most `false` wrong boxes."""
    recall, wrong, _ = _curve(scores, right, weights, heads)
    if not heads:
        return float("nan")
    return float(recall[wrong <= false].max(initial=0.0))


def _curve(
    scores: Vector, right: NDArray[np.bool_], weights: Vector, heads: float
) -> tuple[Vector, Vector, Vector]:
    """Recall, wrong boxes and precision, from the best score downwards; of equal scores, the last:
    no threshold comes between them."""
    order = np.argsort(-scores, kind="stable")
    good = np.cumsum(weights[order] * right[order])
    wrong = np.cumsum(weights[order] * ~right[order])
    last = np.diff(scores[order], append=-np.inf) != 0
    good, wrong = good[last], wrong[last]
    precision = good / np.maximum(good + wrong, 1e-12)
    return good / max(heads, 1e-12), wrong, precision


def figures_of(
    judged: Sequence[Judged], threshold: float, *, samples: int = 200, seed: int = 0
) -> DetectionFigures:
    """All figures of some pictures.

    Args:
        threshold: the detector's own.
        samples: of the bootstrap over pictures; 0 for no intervals.
    """
    pictures = len(judged)
    owner = np.repeat(np.arange(pictures), [len(one.scores) for one in judged])
    scores = np.concatenate([one.scores for one in judged])
    right = np.concatenate([one.right for one in judged])
    counts = np.asarray([len(one.sizes) for one in judged], dtype=np.float64)
    over = scores >= threshold

    def all_of(draws: Vector) -> Vector:
        weights, heads, drawn = draws[owner], float(draws @ counts), float(draws.sum())
        false = float((weights * (over & ~right)).sum() / drawn)
        ap = average_precision(scores, right, weights, heads)
        recalls = [recall_at(scores, right, weights, heads, f * drawn) for f in FALSE_BOXES]
        return np.asarray([ap, *recalls, false])

    values = all_of(np.ones(pictures))
    draws = bootstrap(all_of, pictures, samples, np.random.default_rng(seed))
    estimates = [
        Estimate(float(value), *(interval(draws[:, n]) or (None, None)) if samples else ())
        for n, value in enumerate(values)
    ]
    sizes = np.concatenate([one.sizes for one in judged])
    found = np.concatenate([one.reached for one in judged]) >= threshold  # NaN is not
    return DetectionFigures(
        pictures=pictures,
        heads=len(sizes),
        ap=estimates[0] if len(sizes) else None,
        recall=(estimates[1], estimates[2]) if len(sizes) else None,
        recall_at_threshold=float(found.mean()) if len(sizes) else None,
        false_at_threshold=estimates[3],
        by_size=tuple(_found_between(sizes, found, low, high) for low, high in SIZES),
    )


def _found_between(
    sizes: Vector, found: NDArray[np.bool_], low: float, high: float
) -> tuple[int, float | None]:
    these = (sizes >= low) & (sizes < high)
    return int(these.sum()), float(found[these].mean()) if these.any() else None
