"""References of each character, and probes against them: closed-set identification.

The judges score them in a real gallery, as they do for `kyara identify`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import Mask, PrecisionRecall, Vector, bootstrap, precision_recall_of
from kyara.evaluate.protocols.contract import (
    CURVE_RECALL,
    Curve,
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    estimates,
    names_of,
    no_values,
    query_means,
)
from kyara.evaluate.trials import (
    Embedded,
    Identified,
    Indices,
    draw_enrolment,
    gallery_of_pictures,
    identified,
)
from kyara.identify.judge import Avg
from kyara.identify.left_out import scores_left_out
from kyara.types import FloatArray

__all__ = ["Enrolment", "Tiers"]

PRECISION = 0.95
"""The precision at which a recall is given: one name in twenty is wrong."""


@dataclass(frozen=True)
class Enrolment:
    """n references per character, all other pictures are probes: is the best character right?

    Over characters with more than n pictures; where fewer than two have so many, there is no
    value. The mean over `draws` random choices of the references.

    With a threshold on the best score, fewer probes get a name and more of the names are
    right: precision (right names of all names) against recall (right names of all probes).

    Attributes:
        counts: the values of n.
        draws: how many choices of references.
        bootstrap: how often the characters are drawn anew for the intervals, 0 for none; the
            probes' characters are drawn, not the enrolled.
    """

    name: ClassVar[str] = "enrolment"
    counts: tuple[int, ...] = (1, 5, 10)
    draws: int = 20
    bootstrap: int = 200

    def primary(self, _judge: str) -> str:
        """The steadiest, which every encoder has: the mean over a few references."""
        return f"top1_{self.middle}_{Avg.name}"

    def metrics(self, judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """Top-1, average precision and recall at a precision, for each n and judge."""
        return tuple(
            metric for n in self.counts for judge in judges for metric in _rates_of(n, judge)
        )

    @property
    def middle(self) -> int:
        """The n whose curves are kept."""
        return sorted(self.counts)[len(self.counts) // 2]

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics, and precision against recall."""
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        curves: dict[str, Curve] = {}
        for n in self.counts:
            part = embedded.with_more_than(n)
            chance = np.random.default_rng((seed, n))
            found = self._identified(part, measured, n, chance)
            for judge in measured.judges:
                names = names_of(_rates_of(n, judge.name))
                if not found:
                    metrics |= no_values(names).metrics
                    continue
                # Every judge meets the same references, and then the same draws of characters.
                again = (part.character_count, self.bootstrap, deepcopy(chance))
                title = f"{n} {judge.name}"
                outcome = _named(names, Identified.together(found[judge.name]), again, title)
                metrics |= outcome.metrics
                curves |= outcome.curves if n == self.middle else {}
        return Outcome(metrics, curves)

    def _identified(
        self, embedded: Embedded, measured: Measured, n: int, rng: np.random.Generator
    ) -> Mapping[str, list[Identified]]:
        """By judge, what it finds in each draw; nothing where it is too few characters."""
        if embedded.character_count < 2:
            return {}
        draws = []
        for _ in range(self.draws):
            draw = draw_enrolment(embedded, np.full(embedded.character_count, n), rng)
            draws.append(identified(embedded, draw, measured.judges, measured.encoder.id))
        return {judge.name: [one[judge.name] for one in draws] for judge in measured.judges}


def _rates_of(n: int, judge: str) -> tuple[MetricInfo, ...]:
    title = f"enrol-{n} {judge}"
    return (
        MetricInfo(f"top1_{n}_{judge}", title),
        MetricInfo(f"ap_{n}_{judge}", f"{title}, average precision"),
        MetricInfo(f"recall_{n}_{judge}", f"{title}, recall at precision 95 %"),
    )


def _named(
    names: Sequence[str],
    found: Identified,
    chance: tuple[int, int, np.random.Generator],
    title: str,
) -> Outcome:
    """Rates of what was found. `chance`: see the arguments of `bootstrap`."""
    if not len(found.scores):
        return no_values(names)
    curve_of = _sorted_once(found.scores, found.right, found.owners)

    def statistic(draws: Vector) -> Vector:
        curve = curve_of(draws)
        if curve is None:
            return np.full(len(names), np.nan)
        return np.array([curve.recall[-1], curve.average_precision(), curve.recall_at(PRECISION)])

    count, samples, rng = chance
    once = np.ones(count)
    replicates = bootstrap(statistic, count, samples, rng)
    whole = curve_of(once)
    metrics = estimates(names, statistic(once), replicates)
    if whole is None:
        return Outcome(metrics)
    precisions = tuple(whole.precision_at(recall) for recall in CURVE_RECALL)
    name = f"precision_{title.replace(' ', '_')}"
    return Outcome(metrics, {name: Curve("precision_recall", precisions, title)})


def _sorted_once(
    best: FloatArray, right: Mask, owners: Indices
) -> Callable[[Vector], PrecisionRecall | None]:
    # Sorting is what takes time, and no draw changes the order.
    order = np.argsort(-best, kind="stable")
    best, right, owners = best[order], right[order], owners[order]
    return lambda draws: precision_recall_of(best, right, draws[owners])


@dataclass(frozen=True)
class Tiers:
    """Identification by how many references the right character has: each picture against all
    others of its source, by character; the tiers are those of Kyara's forerunner.

    A picture whose character has no other picture is no probe, but its character can be a
    wrong answer.

    Attributes:
        bounds: the tiers begin at 1 and at each of these.
        bootstrap: how often the characters are drawn anew for the intervals; 0 for none.
    """

    name: ClassVar[str] = "tiers"
    bounds: tuple[int, ...] = (5, 10, 50)
    bootstrap: int = 200

    def primary(self, _judge: str) -> str:
        """Many have the fewest references: the first tier, where the average is steady."""
        return f"tier_{self._labels()[0]}_{Avg.name}"

    def metrics(self, judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """Top-1 of each tier, by judge; no value where a tier is empty."""
        titles = [
            *(f"{begin} to {end - 1} references" for begin, end in self._spans()),
            f"{self.bounds[-1]} references or more",
        ]
        return tuple(
            MetricInfo(f"tier_{label}_{judge}", f"{title}, {judge}")
            for judge in judges
            for label, title in zip(self._labels(), titles, strict=True)
        )

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        references = _reference_counts(embedded)
        tiers = np.searchsorted(self.bounds, references, side="right")
        for judge, hits in _hits(embedded, measured).items():
            for tier, label in enumerate(self._labels()):
                inside = np.where((tiers == tier) & (references > 0), hits, np.nan)[None]
                again = np.random.default_rng((seed, tier))
                name = f"tier_{label}_{judge}"
                found = query_means((name,), inside, embedded.characters, self.bootstrap, again)
                metrics |= found.metrics
        return Outcome(metrics)

    def _spans(self) -> list[tuple[int, int]]:
        return list(zip((1, *self.bounds), self.bounds, strict=False))

    def _labels(self) -> list[str]:
        return [*(f"{begin}_{end - 1}" for begin, end in self._spans()), str(self.bounds[-1])]


def _reference_counts(embedded: Embedded) -> Indices:
    """For each picture, how many others of its character are of another scene, shape (n,)."""
    pairs = np.stack([embedded.characters, embedded.scenes])
    _, cell, together = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    return np.bincount(embedded.characters)[embedded.characters] - together[cell.ravel()]


def _hits(embedded: Embedded, measured: Measured) -> dict[str, Vector]:
    """By judge: for each picture, against all others but those of its scene, 1 if its best
    character is its own, else 0; shape (n,)."""
    hits = {judge.name: np.zeros(len(embedded)) for judge in measured.judges}
    if not len(embedded):
        return hits
    order = np.argsort(embedded.characters, kind="stable")
    gallery = gallery_of_pictures(embedded, order, measured.encoder.id)
    for rows, found in scores_left_out(gallery, measured.judges, embedded.scenes[order]):
        own = embedded.characters[order[rows]]
        for name, scores in zip(hits, found, strict=True):
            hits[name][order[rows]] = np.argmax(scores, axis=1) == own
    return hits
