"""What a detector's scores mean: a probability, and the one from which on a box counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from kyara.errors import DataError
from kyara.evaluate.detection import Judged
from kyara.files import writing
from kyara.manifest import save_manifest
from kyara.manifest.detector import DetectionSpec, load_detector_manifest

__all__ = ["calibrated", "write_calibration"]

Vector = NDArray[np.float64]

_STEPS = 50
_RIDGE = 1e-3
"""Keeps the slope finite where right and wrong do not overlap."""


def calibrated(judged: Mapping[str, Sequence[Judged]], spec: DetectionSpec) -> DetectionSpec:
    """`spec` with slope, intercept and threshold as these pictures have them.

    The curve is logistic in the score's own log-odds (Platt 1999): how often a box of that score
    is right. The threshold is the probability with the best F1, the harmonic mean of precision and
    recall. Every source weighs the same, however many boxes it has.

    Args:
        judged: by source, found with `spec`.

    Raises:
        DataError: there are not both right and wrong boxes.
    """
    parts = [[one for one in group if len(one.scores)] for group in judged.values()]
    parts = [group for group in parts if group]
    scores = [np.concatenate([one.scores for one in group]) for group in parts]
    right = np.concatenate([one.right for group in parts for one in group])
    if not right.any() or right.all():
        raise DataError("a calibration needs right and wrong boxes")
    weights = np.concatenate([np.full(len(s), 1.0 / len(s)) for s in scores])
    said = np.clip(np.concatenate(scores), 1e-7, 1 - 1e-7)
    odds = (np.log(said / (1 - said)) - spec.intercept) / spec.slope
    slope, intercept = _logistic(odds, right.astype(np.float64), weights)
    chances = 1 / (1 + np.exp(-(slope * odds + intercept)))
    found = [max(1, sum(len(one.sizes) for one in group)) for group in parts]
    shares = np.concatenate([np.full(len(s), 1.0 / n) for s, n in zip(scores, found, strict=True)])
    return msgspec.structs.replace(
        spec,
        slope=round(slope, 4),
        intercept=round(intercept, 4),
        threshold=math.floor(1000 * _best(chances, right, shares, len(parts))) / 1000,
    )


def _logistic(x: Vector, right: Vector, weights: Vector) -> tuple[float, float]:
    """Slope (above 0) and intercept, by Newton's method."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    beta = np.asarray([1.0, 0.0])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-design @ beta))
        gradient = design.T @ (weights * (right - p)) - _RIDGE * beta
        curve = (design * (weights * p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    return max(0.05, float(beta[0])), float(beta[1])


def _best(chances: Vector, right: NDArray[np.bool_], shares: Vector, heads: int) -> float:
    """The probability with the best F1; `shares` of the heads of a source, `heads` in all."""
    order = np.argsort(-chances, kind="stable")
    good = np.cumsum(shares[order] * right[order])
    taken = np.cumsum(shares[order])
    last = np.diff(chances[order], append=-1.0) != 0
    quality = np.where(last, 2 * good / (taken + heads), 0.0)
    return float(chances[order][quality.argmax()])


def write_calibration(directory: Path, spec: DetectionSpec) -> None:
    """Put `spec` into the manifest of the detector in `directory`; its id changes.

    Raises:
        PluginError: there is no such detector.
        OutputError: it cannot be written; the plugin is as it was.
    """
    manifest = msgspec.structs.replace(load_detector_manifest(directory), detection=spec)
    with writing(directory):
        save_manifest(manifest, directory)
