"""What is measured: each protocol a small frozen object with a primary metric.

A protocol is anything with `name`, `primary` and `run(embedded, compare, rng)`; one that is
not here is passed to `kyara.evaluate.suite.evaluate` beside, or instead of, these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from kyara.evaluate.metrics import (
    ZACI20_FNR,
    Mask,
    Roc,
    Vector,
    average_precision,
    bootstrap,
    first_is_right,
    roc_of,
    roc_of_counts,
)
from kyara.evaluate.trials import (
    BLOCK,
    Compare,
    Embedded,
    Indices,
    Pairs,
    draw_enrolment,
    pairs_of,
)
from kyara.types import Aggregation, FloatArray

__all__ = [
    "CURVE_FPR",
    "Enrolment",
    "Estimate",
    "EvaluationProtocol",
    "Outcome",
    "Retrieval",
    "Verification",
    "standard_protocols",
]

CURVE_FPR = tuple(float(rate) for rate in np.round(np.logspace(-4, 0, 41), 6))
"""The false-positive rates at which a curve is kept, evenly spaced on a logarithmic axis."""

_BINS = 2048  # per kind of pair, for the bootstrap: a rate is then good to 1 / 2048


@dataclass(frozen=True)
class Estimate:
    """A value, or None where the data do not allow one, with its bootstrap values."""

    value: float | None
    replicates: Vector | None = None


@dataclass(frozen=True)
class Outcome:
    """What a protocol found on one source.

    Attributes:
        metrics: by name; the same names on every source.
        curve: false-negative rate at each of `CURVE_FPR`, if the protocol has such a curve.
    """

    metrics: Mapping[str, Estimate]
    curve: tuple[float, ...] | None = None


class EvaluationProtocol(Protocol):
    """One way to measure an encoder."""

    @property
    def name(self) -> str:
        """Short, fit for a key in JSON."""
        ...

    @property
    def primary(self) -> str:
        """The metric that stands for the protocol where there is room for one."""
        ...

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator, /) -> Outcome:
        """Measure one source; all chance is `rng`."""
        ...


@dataclass(frozen=True)
class Verification:
    """Same or different: all pairs within a source.

    Attributes:
        bootstrap: how often the characters are drawn anew for the intervals; 0 for none.
        limit: see `pairs_of`.
    """

    name: ClassVar[str] = "verification"
    primary: ClassVar[str] = "eer"
    bootstrap: int = 200
    limit: int = 10_000_000

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """EER, FPR at ZACI-20's FNR, TPR at FPR 1 %, and the curve."""
        pairs = pairs_of(embedded, compare, rng, self.limit)
        if not pairs.both_kinds:
            return _nothing(_RATES)
        roc = roc_of(pairs.scores, pairs.same)
        replicates = bootstrap(
            _pair_statistic(pairs), embedded.character_count, self.bootstrap, rng
        )
        curve = tuple(1.0 - roc.tpr_at_fpr(rate) for rate in CURVE_FPR)
        return Outcome(_estimates(_RATES, _rates(roc), replicates), curve)


_RATES = ("eer", "fpr_at_fnr_13.9", "tpr_at_fpr_1")


def _rates(roc: Roc) -> Vector:
    return np.array([roc.equal_error_rate(), roc.fpr_at_fnr(ZACI20_FNR), roc.tpr_at_fpr(0.01)])


def _pair_statistic(pairs: Pairs) -> Callable[[Vector], Vector]:
    """From draws of the characters to the rates; pairs are counted in bins of their scores,
    so that a draw costs milliseconds however many pairs there are."""
    shares = np.linspace(0, 1, _BINS)
    kinds = (pairs.scores[pairs.same], pairs.scores[~pairs.same])
    edges = np.unique(np.concatenate([np.quantile(scores, shares) for scores in kinds]))
    bins = np.searchsorted(edges, pairs.scores)
    span = int(max(pairs.first.max(), pairs.second.max())) + 1
    key = (bins * span + pairs.first) * span + pairs.second
    cells, counts = np.unique(key, return_counts=True)
    bin_of, first, second = cells // span**2, cells // span % span, cells % span
    same, size = first == second, len(edges) + 1
    slots = np.where(same, size, 0) + bin_of

    def statistic(draws: Vector) -> Vector:
        # A character that was drawn twice counts as two characters, each pairing with itself.
        weights = counts * np.where(same, draws[first], draws[first] * draws[second])
        counted = np.asarray(np.bincount(slots, weights, 2 * size), dtype=np.float64)
        roc = roc_of_counts(counted[size:], counted[:size])
        return np.full(len(_RATES), np.nan) if roc is None else _rates(roc)

    return statistic


@dataclass(frozen=True)
class Retrieval:
    """Each picture against all others of its source; pictures without a second one of their
    character are only ever wrong answers. Attributes: see `Verification`."""

    name: ClassVar[str] = "retrieval"
    primary: ClassVar[str] = "rank1"
    bootstrap: int = 200

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """Rank-1 and mean average precision, over the queries."""
        per_query = [
            np.stack([first_is_right(*block), average_precision(*block)])
            for block in _query_blocks(embedded, compare)
        ]
        values = np.concatenate([np.zeros((2, 0)), *per_query], axis=1)
        return _query_means(("rank1", "map"), values, embedded.characters, self.bootstrap, rng)


def _query_blocks(embedded: Embedded, compare: Compare) -> Iterator[tuple[FloatArray, Mask, Mask]]:
    """Scores of some queries against all pictures, which are right, which do not count."""
    for begin in range(0, len(embedded), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scores = compare(embedded.embeddings[rows], embedded.embeddings)
        relevant = embedded.characters[rows, None] == embedded.characters[None]
        yield scores, relevant, embedded.scenes[rows, None] == embedded.scenes[None]


@dataclass(frozen=True)
class Enrolment:
    """n references per character, all other pictures are probes: is the best character right?

    Over characters with more than n pictures; where fewer than two have so many, there is no
    value. The mean over `draws` random choices of the references.

    Attributes:
        counts: the values of n.
        draws: how many choices of references.
        bootstrap: see `Verification`; the probes' characters are drawn, not the enrolled.
    """

    name: ClassVar[str] = "enrolment"
    counts: tuple[int, ...] = (1, 5, 10)
    draws: int = 20
    bootstrap: int = 200

    @property
    def primary(self) -> str:
        """The steadiest: the mean over a few references, rather than one or many."""
        middle = sorted(self.counts)[len(self.counts) // 2]
        return f"top1_{middle}_{Aggregation.AVG.value}"

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """Top-1 for each n and aggregation."""
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        for n in self.counts:
            part = embedded.with_more_than(n)
            for how in Aggregation:
                # Seeded alike, so that both aggregations see the same references.
                again = np.random.default_rng((seed, n))
                metrics |= self._top1(f"top1_{n}_{how.value}", part, compare, n, how, again)
        return Outcome(metrics)

    def _top1(
        self,
        name: str,
        embedded: Embedded,
        compare: Compare,
        n: int,
        how: Aggregation,
        rng: np.random.Generator,
    ) -> Mapping[str, Estimate]:
        if embedded.character_count < 2:
            return _nothing((name,)).metrics
        hits, owners = [], []
        for _ in range(self.draws):
            draw = draw_enrolment(embedded, np.full(embedded.character_count, n), rng)
            scores, own = draw.scores(embedded, compare, how)
            hits.append(own[np.arange(len(scores)), np.argmax(scores, axis=1)])
            owners.append(embedded.characters[draw.probes])
        values = np.concatenate(hits).astype(np.float64)[None]
        outcome = _query_means((name,), values, np.concatenate(owners), self.bootstrap, rng)
        return outcome.metrics


def _query_means(
    names: tuple[str, ...],
    values: Vector,
    characters: Indices,
    samples: int,
    rng: np.random.Generator,
) -> Outcome:
    """Means of values (k, queries) over the queries that have one (are not NaN), with the
    queries' characters (queries,) drawn anew."""
    known = ~np.isnan(values[0])
    if not known.any():
        return _nothing(names)
    _, owners = np.unique(characters[known], return_inverse=True)
    counts = np.bincount(owners)
    sums = np.stack([np.bincount(owners, row[known]) for row in values])

    def statistic(draws: Vector) -> Vector:
        return np.asarray((sums @ draws) / (counts @ draws))

    replicates = bootstrap(statistic, len(counts), samples, rng)
    return Outcome(_estimates(names, statistic(np.ones(len(counts))), replicates))


def _nothing(names: tuple[str, ...]) -> Outcome:
    return Outcome({name: Estimate(None) for name in names})


def _estimates(names: tuple[str, ...], values: Vector, replicates: Vector) -> dict[str, Estimate]:
    columns = replicates.T if replicates.size else [None] * len(names)
    return {
        name: Estimate(float(value), column)
        for name, value, column in zip(names, values, columns, strict=True)
    }


def standard_protocols(bootstrap: int = 200) -> tuple[EvaluationProtocol, ...]:
    """What every encoder is measured by."""
    return (
        Verification(bootstrap=bootstrap),
        Retrieval(bootstrap=bootstrap),
        Enrolment(bootstrap=bootstrap),
    )
