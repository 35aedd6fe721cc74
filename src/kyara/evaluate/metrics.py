"""Numbers that say how good scores are: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kyara.extras import optional
from kyara.types import FloatArray

__all__ = [
    "ZACI20_FNR",
    "BCubed",
    "Mask",
    "PrecisionRecall",
    "Roc",
    "Vector",
    "average_precision",
    "b_cubed",
    "bootstrap",
    "first_is_right",
    "interval",
    "precision_recall_of",
    "r_precision",
    "roc_of",
    "roc_of_counts",
]

Vector: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

ZACI20_FNR = 0.139
"""The false-negative rate at which the ZACI-20 benchmark compares false-positive rates."""

_ROUNDING = 1e-9  # 1 - (1 - x) is not quite x, and must not jump over a step of the curve


@dataclass(frozen=True)
class Roc:
    """Error rates at every threshold, from the strictest to the loosest.

    Between two thresholds the rates are interpolated linearly: that is what guessing between
    the two reaches, and scores that tie (one step that is both up and right) get no favour.

    Attributes:
        fpr: share of the different pairs that are taken for the same, rising from 0 to 1.
        tpr: share of the same pairs that are, rising from 0 to 1.
    """

    fpr: Vector
    tpr: Vector

    def equal_error_rate(self) -> float:
        """Where false positives and false negatives are equally frequent (ISO/IEC 19795-1)."""
        gap = 1.0 - self.tpr - self.fpr  # from 1 down to -1
        after = int(np.argmax(gap <= 0.0))
        before = after - 1
        share = gap[before] / (gap[before] - gap[after])
        return float(self.fpr[before] + share * (self.fpr[after] - self.fpr[before]))

    def fpr_at_fnr(self, fnr: float) -> float:
        """The least false-positive rate at which at most `fnr` of the same pairs are missed."""
        wanted = 1.0 - fnr - _ROUNDING
        after = int(np.argmax(self.tpr >= wanted))
        if after == 0:
            return float(self.fpr[0])
        before = after - 1
        share = (wanted - self.tpr[before]) / (self.tpr[after] - self.tpr[before])
        return float(self.fpr[before] + share * (self.fpr[after] - self.fpr[before]))

    def tpr_at_fpr(self, fpr: float) -> float:
        """The largest true-positive rate with at most `fpr` false positives."""
        before = int(np.searchsorted(self.fpr, fpr + _ROUNDING, side="right")) - 1
        after = before + 1
        if after == len(self.fpr):
            return float(self.tpr[-1])
        share = max(0.0, fpr - self.fpr[before]) / (self.fpr[after] - self.fpr[before])
        return float(self.tpr[before] + share * (self.tpr[after] - self.tpr[before]))


def roc_of(scores: ArrayLike, same: ArrayLike) -> Roc:
    """The curve of scores (n,) with labels (n,): whether the pair shows the same character.

    Computed by scikit-learn's `roc_curve`.

    Raises:
        ValueError: pairs of one kind only, or not as many scores as labels.
    """
    labels = np.asarray(same, dtype=bool)
    values = np.asarray(scores)
    if labels.shape != values.shape or labels.ndim != 1:
        raise ValueError(f"expected scores and labels (n,), got {values.shape}, {labels.shape}")
    if not labels.any() or labels.all():
        raise ValueError("expected pairs of both kinds, same and different")
    fpr, tpr, _ = optional("sklearn.metrics").roc_curve(labels, values)
    return Roc(np.asarray(fpr, dtype=np.float64), np.asarray(tpr, dtype=np.float64))


def roc_of_counts(same: Vector, different: Vector) -> Roc | None:
    """The curve of pairs counted by score, lowest scores first; shape (bins,) each.

    None where there are no pairs of one kind.
    """
    tpr, fpr = _cumulated(same), _cumulated(different)
    if tpr[-1] <= 0.0 or fpr[-1] <= 0.0:
        return None
    return Roc(fpr / fpr[-1], tpr / tpr[-1])


def _cumulated(counts: Vector) -> Vector:
    return np.concatenate(([0.0], np.cumsum(counts[::-1])))


def first_is_right(scores: FloatArray, relevant: Mask, excluded: Mask) -> Vector:
    """Per query, 1 if its best-scored candidate is relevant, else 0; NaN if none could be.

    Args:
        scores: shape (queries, candidates).
        relevant: which candidates are right answers, same shape.
        excluded: which candidates do not count for that query, same shape.
    """
    allowed = np.where(excluded, -np.inf, scores)
    wanted = relevant & ~excluded
    best = np.argmax(allowed, axis=1)
    hits = wanted[np.arange(len(scores)), best].astype(np.float64)
    return np.where(wanted.any(axis=1), hits, np.nan)


def average_precision(scores: FloatArray, relevant: Mask, excluded: Mask) -> Vector:
    """Per query, the mean of the precision at each right answer; NaN if there is none.

    The same as scikit-learn's `average_precision_score` query by query (but for ties, which
    keep their order here), in a thirtieth of its time. After Manning, Raghavan and Schütze
    (2008), "Introduction to Information Retrieval", 8.4. Arguments: see `first_is_right`.
    """
    order = np.argsort(np.where(excluded, np.inf, -scores), axis=1, kind="stable")
    wanted = np.take_along_axis(relevant & ~excluded, order, axis=1)
    found = np.cumsum(wanted, axis=1)
    ranks = np.arange(1, scores.shape[1] + 1)
    total = (found / ranks * wanted).sum(axis=1)
    count = wanted.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def r_precision(scores: FloatArray, relevant: Mask, excluded: Mask) -> Vector:
    """Per query with R right answers, the share of right ones among the first R; NaN if R is 0.

    After Manning, Raghavan and Schütze (2008), 8.4. Arguments: see `first_is_right`.
    """
    order = np.argsort(np.where(excluded, np.inf, -scores), axis=1, kind="stable")
    wanted = np.take_along_axis(relevant & ~excluded, order, axis=1)
    count = wanted.sum(axis=1)
    among_first = np.arange(scores.shape[1]) < count[:, None]
    found = (wanted & among_first).sum(axis=1)
    return np.where(count > 0, found / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class PrecisionRecall:
    """Names given to probes, from the strictest threshold on the best score to the loosest.

    Attributes:
        precision: right names of all names given.
        recall: right names of all probes, rising.
    """

    precision: Vector
    recall: Vector

    def average_precision(self) -> float:
        """The area under the steps: the sum of each precision times the recall it adds."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def recall_at(self, precision: float) -> float:
        """The largest recall with at least that precision; 0 if there is none."""
        return float(self.recall[self.precision >= precision - _ROUNDING].max(initial=0.0))

    def precision_at(self, recall: float) -> float:
        """The largest precision with at least that recall; 0 if it is never reached."""
        return float(self.precision[self.recall >= recall - _ROUNDING].max(initial=0.0))


def precision_recall_of(best: FloatArray, right: Mask, weights: Vector) -> PrecisionRecall | None:
    """The curve of probes whose best scores (p,) descend; None if nothing has a weight.

    Args:
        right: whether the best-scored character is the probe's own, shape (p,).
        weights: how much each probe counts, shape (p,).
    """
    total = float(weights.sum())
    if total <= 0.0:
        return None
    # Probes that tie are named together, so a threshold lies only behind the last of them.
    ends = np.append(np.flatnonzero(np.diff(best)), len(best) - 1)
    named = np.cumsum(weights)[ends]
    found = np.cumsum(weights * right)[ends]
    return PrecisionRecall(found / np.maximum(named, _ROUNDING), found / total)


@dataclass(frozen=True)
class BCubed:
    """Per picture: of its cluster, the share that shows its character (precision), and of its
    character, the share that is in its cluster (recall); shapes (n,)."""

    precision: Vector
    recall: Vector

    def f(self, weights: Vector | None = None) -> float:
        """The harmonic mean of both means."""
        p = float(np.average(self.precision, weights=weights))
        r = float(np.average(self.recall, weights=weights))
        return 2.0 * p * r / (p + r)


def b_cubed(clusters: ArrayLike, characters: ArrayLike) -> BCubed:
    """B³ of clusters (n,) against the truth (n,), numbers from 0 on (Bagga and Baldwin 1998;
    why it and not another: Amigó et al. 2009). A picture counts as its own fellow."""
    found, true = np.asarray(clusters, dtype=np.intp), np.asarray(characters, dtype=np.intp)
    if found.shape != true.shape or found.ndim != 1:
        raise ValueError(f"expected clusters and characters (n,), got {found.shape}, {true.shape}")
    cells = found * (true.max(initial=0) + 1) + true
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    both = counts[cell].astype(np.float64)
    return BCubed(both / np.bincount(found)[found], both / np.bincount(true)[true])


def bootstrap(
    statistic: Callable[[Vector], Vector], clusters: int, samples: int, rng: np.random.Generator
) -> Vector:
    """Values (samples, k) of a statistic with the clusters drawn anew each time.

    Pictures of one character are not independent, so whole characters are drawn, with
    replacement (Bolle, Ratha and Pankanti 2004, "the subsets bootstrap"); a pair of two
    characters counts as often as the product of their draws (Owen 2007, "the pigeonhole
    bootstrap").

    Args:
        statistic: from how often each cluster was drawn (clusters,) to k values; NaN where
            they have none.
    """
    draws = rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=samples)
    return np.array([statistic(weights.astype(np.float64)) for weights in draws])


def interval(replicates: Vector, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of bootstrap values (samples,) (Efron and Tibshirani 1993).

    NaN are left out; None if more than half of the values are.
    """
    known = replicates[~np.isnan(replicates)]
    if len(known) == 0 or 2 * len(known) < len(replicates):
        return None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(known, (tail, 1.0 - tail))
    return float(low), float(high)
