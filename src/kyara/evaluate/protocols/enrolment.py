"""References of each character, and probes against them: closed-set identification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import Mask, PrecisionRecall, Vector, bootstrap, precision_recall_of
from kyara.evaluate.protocols.contract import (
    CURVE_RECALL,
    Curve,
    Estimate,
    Outcome,
    estimates,
    no_values,
    query_means,
)
from kyara.evaluate.trials import BLOCK, Compare, Embedded, Indices, draw_enrolment
from kyara.identify.judge import best_of
from kyara.types import Aggregation, FloatArray

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

    @property
    def primary(self) -> str:
        """The steadiest: the mean over a few references, rather than one or many."""
        return f"top1_{self.middle}_{Aggregation.AVG.value}"

    @property
    def middle(self) -> int:
        """The n whose curves are kept."""
        return sorted(self.counts)[len(self.counts) // 2]

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """Top-1, average precision and recall at a precision, for each n and aggregation."""
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        curves: dict[str, Curve] = {}
        for n in self.counts:
            part = embedded.with_more_than(n)
            for how in Aggregation:
                # Seeded alike, so that both aggregations see the same references.
                again = np.random.default_rng((seed, n))
                outcome = self._identified(part, compare, n, how, again)
                metrics |= outcome.metrics
                curves |= outcome.curves if n == self.middle else {}
        return Outcome(metrics, curves)

    def _identified(
        self,
        embedded: Embedded,
        compare: Compare,
        n: int,
        how: Aggregation,
        rng: np.random.Generator,
    ) -> Outcome:
        which = f"{n}_{how.value}"
        names = (f"top1_{which}", f"ap_{which}", f"recall_{which}")
        if embedded.character_count < 2:
            return no_values(names)
        best, right, owners = [], [], []
        for _ in range(self.draws):
            draw = draw_enrolment(embedded, np.full(embedded.character_count, n), rng)
            scores, own = draw.scores(embedded, compare, how)
            first = np.argmax(scores, axis=1)
            rows = np.arange(len(scores))
            best.append(scores[rows, first])
            right.append(own[rows, first])
            owners.append(embedded.characters[draw.probes])
        return _named(
            names,
            np.concatenate(best),
            np.concatenate(right),
            np.concatenate(owners),
            (embedded.character_count, self.bootstrap, rng),
            f"precision_{which}",
        )


def _named(
    names: tuple[str, ...],
    best: FloatArray,
    right: Mask,
    owners: Indices,
    chance: tuple[int, int, np.random.Generator],
    curve_name: str,
) -> Outcome:
    """Rates of probes with a best score, whether the character that has it is right, and
    their own character; shapes (p,). `chance`: see the arguments of `bootstrap`."""
    if not len(best):
        return no_values(names)
    curve_of = _sorted_once(best, right, owners)

    def statistic(draws: Vector) -> Vector:
        curve = curve_of(draws)
        if curve is None:
            return np.full(len(names), np.nan)
        return np.array([curve.recall[-1], curve.average_precision(), curve.recall_at(PRECISION)])

    count, samples, rng = chance
    once = np.ones(count)
    replicates = bootstrap(statistic, count, samples, rng)
    whole = curve_of(once)
    precisions = () if whole is None else tuple(whole.precision_at(r) for r in CURVE_RECALL)
    return Outcome(
        estimates(names, statistic(once), replicates),
        {curve_name: Curve("precision_recall", precisions)} if precisions else {},
    )


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

    @property
    def primary(self) -> str:
        """Many have the fewest references: the first tier, where the average is steady."""
        return f"tier_{self._labels()[0]}_{Aggregation.AVG.value}"

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """Top-1 of each tier, by either aggregation; no value where a tier is empty."""
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        for how in Aggregation:
            hits, references = _leave_one_out(embedded, compare, how)
            tiers = np.searchsorted(self.bounds, references, side="right")
            for tier, label in enumerate(self._labels()):
                inside = np.where((tiers == tier) & (references > 0), hits, np.nan)[None]
                again = np.random.default_rng((seed, tier))
                name = f"tier_{label}_{how.value}"
                metrics |= self._mean(name, inside, embedded.characters, again)
        return Outcome(metrics)

    def _labels(self) -> list[str]:
        begins = (1, *self.bounds)
        inner = [f"{begin}_{end - 1}" for begin, end in zip(begins, self.bounds, strict=False)]
        return [*inner, str(begins[-1])]

    def _mean(
        self, name: str, hits: Vector, characters: Indices, rng: np.random.Generator
    ) -> Mapping[str, Estimate]:
        return query_means((name,), hits, characters, self.bootstrap, rng).metrics


def _leave_one_out(
    embedded: Embedded, compare: Compare, how: Aggregation
) -> tuple[Vector, Indices]:
    """For each picture, 1 if its best character is its own, else 0, and how many references
    its character has; both of shape (n,)."""
    order = np.argsort(embedded.characters, kind="stable")
    characters, scenes = embedded.characters[order], embedded.scenes[order]
    starts = np.searchsorted(characters, np.arange(embedded.character_count))
    hits, references = np.zeros(len(embedded)), np.zeros(len(embedded), dtype=np.intp)
    for begin in range(0, len(embedded), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scores = compare(embedded.embeddings[rows], embedded.embeddings[order])
        excluded = embedded.scenes[rows, None] == scenes[None]
        by_character = _aggregated(scores, excluded, starts, how)
        own = embedded.characters[rows]
        hits[rows] = np.argmax(by_character, axis=1) == own
        allowed = (~excluded & (characters[None] == own[:, None])).sum(axis=1)
        references[rows] = allowed
    return hits, references


def _aggregated(
    scores: FloatArray, excluded: Mask, starts: Indices, how: Aggregation
) -> FloatArray:
    """`aggregate` without the excluded scores; -inf where none of a character's is left."""
    if how is Aggregation.ANY:
        return best_of(np.where(excluded, np.float32(-np.inf), scores), starts)
    kept = ~excluded
    sums = np.add.reduceat(np.where(excluded, 0.0, scores), starts, axis=1, dtype=np.float64)
    counts = np.add.reduceat(kept, starts, axis=1, dtype=np.float64)
    return np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf).astype(np.float32)
