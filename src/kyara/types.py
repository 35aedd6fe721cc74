"""The values that travel through Kyara, validated where they are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box",
    "Detection",
    "FloatArray",
    "Match",
    "PixelArray",
    "Progress",
    "Thresholds",
    "Tick",
    "Verification",
    "silent",
]

FloatArray: TypeAlias = NDArray[np.float32]
PixelArray: TypeAlias = NDArray[np.uint8]


class Tick(Protocol):
    """Told that `count` more are done."""

    def __call__(self, count: int = 1, /) -> None: ...


Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Tick]]
"""Opens a progress bar of that label and length; its value is told what is done."""


def _unheard(_count: int = 1, /) -> None:
    """The `Tick` that tells nobody."""


def silent(_label: str, _total: int) -> AbstractContextManager[Tick]:
    """The `Progress` that shows nothing."""
    return nullcontext(_unheard)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright picture; the origin is the top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(edge) for edge in self.as_tuple()):
            raise ValueError(f"expected finite box edges, got {self.as_tuple()}")
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"expected left < right and top < bottom, got {self.as_tuple()}")

    def as_tuple(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom)."""
        return (self.left, self.top, self.right, self.bottom)

    def overlap(self, other: Box) -> float:
        """Their common area by the area of both together, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return 0.0
        common = width * height
        return common / (self.area + other.area - common)

    @property
    def area(self) -> float:
        """In pixels."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class Detection:
    """One drawn figure in a picture.

    Attributes:
        box: where it is, in pixels of the upright picture.
        kind: `head`, `figure` or `whole` (the picture itself).
        score: the detector's confidence, 0 to 1.
    """

    box: Box
    kind: str
    score: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("head", "figure", "whole"):
            raise ValueError(f"expected kind head, figure or whole, got {self.kind!r}")
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"expected a score from 0 to 1, got {self.score}")


@dataclass(frozen=True)
class Verification:
    """Do two detections show the same character?

    Attributes:
        score: similarity; higher is more alike (cosine: -1 to 1).
        probability: calibrated probability of "same", 0 to 1, or None for an
            encoder without calibration.
        same: the verdict, or None where there is neither a calibration nor a threshold of
            the model's makers to base it on.
    """

    score: float
    probability: float | None
    same: bool | None


@dataclass(frozen=True)
class Match:
    """One character of a gallery as an answer for a probe.

    Attributes:
        character: its name.
        score: what the judge gives it; higher is more alike.
        probability: calibrated probability that it is this character, or None.
    """

    character: str
    score: float
    probability: float | None


@dataclass(frozen=True)
class Thresholds:
    """How high a score must be so that no more than a given share of what is wrong passes.

    Attributes:
        rates: shares, rising, above 0 and up to 1.
        scores: the least score that passes, for each of the rates.
    """

    rates: tuple[float, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.rates, self.rates[1:], strict=False))
        if not self.rates or not rising or not 0.0 < self.rates[0] <= self.rates[-1] <= 1.0:
            raise ValueError(f"expected rising rates from 0 to 1, got {self.rates}")
        if len(self.scores) != len(self.rates):
            raise ValueError(f"expected {len(self.rates)} scores, got {len(self.scores)}")

    def at(self, rate: float) -> float:
        """The score for a rate: interpolated along the logarithm of the rate; outside of those
        that were measured, the nearest one holds."""
        return float(np.interp(math.log(rate), np.log(self.rates), self.scores))


def as_embeddings(array: Any, *, dimension: int | None = None) -> FloatArray:
    """`array` as float32 embeddings of shape (n, d).

    Raises:
        ValueError: not two-dimensional, not finite, or not `dimension` wide.
    """
    embeddings = np.ascontiguousarray(array, dtype=np.float32)
    if embeddings.ndim != 2:
        raise ValueError(f"expected embeddings of shape (n, d), got shape {embeddings.shape}")
    if dimension is not None and embeddings.shape[1] != dimension:
        raise ValueError(f"expected embeddings of dimension {dimension}, got {embeddings.shape[1]}")
    if not np.isfinite(embeddings).all():
        raise ValueError("expected finite embeddings, got NaN or infinity")
    return embeddings


def normalised(embeddings: FloatArray) -> FloatArray:
    """Rows scaled to unit L2 norm; a zero row stays zero. Shape (n, d) in and out."""
    # In float64: the square of a float32 may be too large, or too small, for another.
    norms = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(embeddings / np.where(norms > 0, norms, 1), dtype=np.float32)
