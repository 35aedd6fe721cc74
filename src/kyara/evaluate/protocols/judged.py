"""What came of judging pictures, and the figures that say how good that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from kyara.evaluate.inboxes import Inbox
from kyara.evaluate.metrics import Mask, Vector, bootstrap
from kyara.evaluate.protocols.contract import Estimate, estimates
from kyara.evaluate.protocols.open_set import AS_IT_RUNS, AT_BEST, at_threshold, figures
from kyara.evaluate.trials import Indices
from kyara.identify.judge import Rule
from kyara.types import FloatArray

__all__ = ["FIGURES", "Judged", "estimates_of", "judged"]

FIGURES: dict[str, tuple[str, bool]] = {
    **{key: (title, True) for key, title in AT_BEST.items()},
    **AS_IT_RUNS,
    "calibration_error": ("calibration error", False),
}
"""By key, the title and whether higher is better, in the order of `estimates_of`."""

_BINS = 10


@dataclass(frozen=True)
class Judged:
    """The best character of each of some pictures.

    Attributes:
        scores: above the threshold, shape (p,).
        chances: the probability that the best is right, NaN where there is none; shape (p,).
        right, known: whether the best is right, and whether anybody could be; shape (p,).
        owners: a number for each one's character, shape (p,).
        named: for each rate that was asked for, whether it has a name; shape (p, rates), NaN
            where the judge has no thresholds by rate.
    """

    scores: FloatArray
    chances: FloatArray
    right: Mask
    known: Mask
    owners: Indices
    named: FloatArray

    @classmethod
    def together(cls, parts: Sequence[Judged]) -> Judged:
        """Several as one."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*(np.concatenate(column) for column in columns))


def judged(inbox: Inbox, rule: Rule) -> Judged:
    """What a rule makes of the pictures of an inbox; nothing was asked by rate."""
    scores = rule.judge.scores(inbox.pictures, inbox.gallery)
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(best)), best]
    counts = inbox.gallery.counts[best].tolist()
    chances = [
        rule.judge.probability(score, count)
        for score, count in zip(top.tolist(), counts, strict=True)
    ]
    return Judged(
        np.asarray(top if rule.threshold is None else top - rule.threshold),
        np.array([np.nan if chance is None else chance for chance in chances]),
        best == inbox.own,
        inbox.known,
        inbox.owners,
        np.zeros((len(top), 0), dtype=np.float32),
    )


def estimates_of(
    names: Sequence[str], found: Judged, samples: int, rng: np.random.Generator
) -> dict[str, Estimate]:
    """The values of `FIGURES`, and of the strangers with a name by rate, with the pictures'
    characters drawn anew."""
    # As for open-set identification: strictest first, and a tie favours nobody.
    order = np.lexsort((found.known, -found.scores))
    known, right = found.known[order], found.right[order]
    chances, named = found.chances[order], found.named[order]
    default = found.scores[order] >= 0.0
    _, owners = np.unique(found.owners[order], return_inverse=True)

    def statistic(draws: Vector) -> Vector:
        weights = draws[owners]
        return np.concatenate(
            [
                figures(known, right, weights),
                at_threshold(known, right, default, weights),
                [_calibration_error(chances, right, weights)],
                _shares(named, weights * ~known),
            ]
        )

    clusters = int(owners.max()) + 1
    replicates = bootstrap(statistic, clusters, samples, rng)
    return estimates(names, statistic(np.ones(clusters)), replicates)


def _calibration_error(chances: FloatArray, right: Mask, weights: Vector) -> float:
    """How far probabilities are from what comes true, on average over pictures."""
    if np.isnan(chances).any() or not weights.any():
        return float("nan")
    bins = np.minimum((chances * _BINS).astype(np.intp), _BINS - 1)
    off = np.bincount(bins, weights * (chances - right), minlength=_BINS)
    return float(np.abs(off).sum() / weights.sum())


def _shares(named: FloatArray, weights: Vector) -> Vector:
    total = float(weights.sum())
    return np.full(named.shape[1], np.nan) if total == 0.0 else (weights @ named) / total
