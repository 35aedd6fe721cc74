"""Inboxes, as users have them: what comes of the default, and of a rate that was asked for.

The judge is the one that users get, fitted to each inbox, and beside it the same judge without
that (`--no-adapt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.inboxes import Inbox, InboxShape, draw_inboxes
from kyara.evaluate.metrics import Mask, Vector, bootstrap
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    estimates,
    names_of,
    no_values,
)
from kyara.evaluate.protocols.open_set import AS_IT_RUNS, AT_BEST, at_threshold, figures
from kyara.evaluate.trials import Embedded, Indices
from kyara.identify.default import choose_judge
from kyara.identify.judge import RATES, Rule
from kyara.types import FloatArray

__all__ = ["SHAPES", "Inboxes"]

SHAPES = (
    InboxShape(),
    InboxShape(pictures=10),
    InboxShape(pictures=50),
    InboxShape(strangers=0.1),
    InboxShape(strangers=0.9),
    InboxShape(references=1),
    InboxShape(references=10),
    InboxShape(characters=2),
    InboxShape(pictures=500, characters=100),
)
"""One as most are, and what differs from it in one thing."""

_BINS = 10
_HOW = {"adapted": True, "as_is": False}
_ASKED = {f"strangers_named_at_{round(100 * r)}": r for r in RATES}


@dataclass(frozen=True)
class _Found:
    """The best character of each picture of some inboxes.

    Attributes:
        scores: above the threshold of the inbox, shape (p,).
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


@dataclass(frozen=True)
class Inboxes:
    """Random inboxes of several shapes, judged as `kyara sort` judges them.

    Measured are, for each shape, adapted and as the model is: the figures of
    `OpenSetIdentification`; how far off probabilities are (the expected calibration error, in ten
    bins); and of the strangers those with a name where 1, 5 or 10 % were asked for.

    Attributes:
        shapes: of the inboxes; the first stands in the tables.
        draws: inboxes of each shape and source.
        bootstrap: samples for the intervals; the pictures' characters are drawn.
    """

    name: ClassVar[str] = "inboxes"
    shapes: tuple[InboxShape, ...] = SHAPES
    draws: int = 5
    bootstrap: int = 200

    def primary(self, judge: str) -> str:  # noqa: ARG002
        """DIR at 5 % FPIR of the first shape."""
        return f"dir_at_fpir_5_{self.shapes[0].key}_adapted"

    def metrics(self, judges: Sequence[str]) -> tuple[MetricInfo, ...]:  # noqa: ARG002
        """Every figure for each shape, adapted and not; whatever judges are measured beside."""
        return tuple(m for shape in self.shapes for how in _HOW for m in self._of(shape, how))

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        for number, shape in enumerate(self.shapes):
            again = np.random.default_rng((seed, number))
            inboxes = list(
                draw_inboxes(
                    embedded, shape, self.draws, measured.encoder.id, again, measured.strangers
                )
            )
            for how, adapt in _HOW.items():
                names = names_of(self._of(shape, how))
                if not inboxes:
                    metrics |= no_values(names).metrics
                    continue
                found = _together([_judged(inbox, measured, adapt) for inbox in inboxes])
                metrics |= _estimates(names, found, self.bootstrap, rng)
        return Outcome(metrics)

    def _of(self, shape: InboxShape, how: str) -> list[MetricInfo]:
        which = f"{shape.title}, {how.replace('_', ' ')}"
        shown = shape == self.shapes[0]
        titles = {key: (title, True) for key, title in AT_BEST.items()} | AS_IT_RUNS
        titles["calibration_error"] = ("calibration error", False)
        for key, rate in _ASKED.items():
            titles[key] = (f"strangers named, {round(100 * rate)} % asked", False)
        return [
            MetricInfo(f"{key}_{shape.key}_{how}", f"{title}, {which}", higher, in_tables=shown)
            for key, (title, higher) in titles.items()
        ]


def _judged(inbox: Inbox, measured: Measured, adapt: bool) -> _Found:
    rule = choose_judge(measured.encoder, adapt=adapt).fitted(inbox.gallery, inbox.pictures)
    scores = rule.judge.scores(inbox.pictures, inbox.gallery)
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(best)), best]
    counts = inbox.gallery.counts[best].tolist()
    chances = [
        rule.judge.probability(score, count)
        for score, count in zip(top.tolist(), counts, strict=True)
    ]
    return _Found(
        np.asarray(top if rule.threshold is None else top - rule.threshold),
        np.array([np.nan if chance is None else chance for chance in chances]),
        best == inbox.own,
        inbox.known,
        inbox.owners,
        np.stack([_named(inbox, measured, adapt, rate) for rate in RATES], axis=1),
    )


def _named(inbox: Inbox, measured: Measured, adapt: bool, rate: float) -> FloatArray:
    encoder = measured.encoder
    plain = choose_judge(encoder, adapt=adapt)
    if plain.judge.threshold(rate) is None:
        return np.full(len(inbox.pictures), np.nan)
    rule: Rule = choose_judge(encoder, at_fpir=rate, adapt=adapt)
    rule = rule.fitted(inbox.gallery, inbox.pictures)
    best = rule.judge.scores(inbox.pictures, inbox.gallery).max(axis=1)
    return np.asarray(best >= (rule.threshold or 0.0), dtype=np.float64)


def _together(parts: Sequence[_Found]) -> _Found:
    return _Found(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("scores", "chances", "right", "known", "owners", "named")
        )
    )


def _estimates(
    names: Sequence[str], found: _Found, samples: int, rng: np.random.Generator
) -> dict[str, Estimate]:
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
