"""What every protocol has in common: what it is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.metrics import Vector, bootstrap
from kyara.evaluate.trials import Compare, Embedded, Indices
from kyara.identify.judge import Judge
from kyara.types import FloatArray

__all__ = [
    "AXES",
    "CURVE_FPR",
    "CURVE_RECALL",
    "Curve",
    "CurveKind",
    "Estimate",
    "EvaluationProtocol",
    "Measured",
    "MetricInfo",
    "Outcome",
    "estimates",
    "names_of",
    "no_values",
    "query_means",
]

CurveKind: TypeAlias = Literal["det", "precision_recall"]

CURVE_FPR = tuple(float(rate) for rate in np.round(np.logspace(-4, 0, 41), 6))
"""The false-positive rates at which a curve is kept, evenly spaced on a logarithmic axis."""

CURVE_RECALL = tuple(float(rate) for rate in np.round(np.linspace(0.02, 1, 50), 2))
"""The recalls at which a curve is kept."""

AXES: dict[CurveKind, tuple[float, ...]] = {"det": CURVE_FPR, "precision_recall": CURVE_RECALL}


@dataclass(frozen=True)
class Curve:
    """One rate against another.

    Attributes:
        kind: `det`, false-negative rates at `CURVE_FPR`; `precision_recall`, precisions at
            `CURVE_RECALL`, 0 where a recall is not reached at all.
        values: one for each place of the axis.
        title: which it is, where a protocol has several of a kind.
    """

    kind: CurveKind
    values: tuple[float, ...]
    title: str = ""

    def __post_init__(self) -> None:
        if len(self.values) != len(AXES[self.kind]):
            raise ValueError(
                f"expected {len(AXES[self.kind])} values for {self.kind}, got {len(self.values)}"
            )


@dataclass(frozen=True)
class MetricInfo:
    """What a metric is, for all who show or compare its values.

    Attributes:
        name: a key in JSON.
        title: what it is called where people read it.
        higher_is_better: whether of two values the higher one is the better.
        in_tables: whether it stands in the tables for people; else in the JSON only.
    """

    name: str
    title: str
    higher_is_better: bool = True
    in_tables: bool = True


@dataclass(frozen=True)
class Measured:
    """What is measured.

    Attributes:
        encoder: makes the embeddings, and compares two of them.
        judges: score probes against a gallery, as `kyara identify` has them.
        strangers: embeddings (m, d) of further characters, whom nobody enrols.
    """

    encoder: Encoder
    judges: tuple[Judge, ...]
    strangers: FloatArray | None = None

    @property
    def compare(self) -> Compare:
        """The similarity of pictures."""
        return self.encoder.similarity


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
        curves: by name, those that there are.
    """

    metrics: Mapping[str, Estimate]
    curves: Mapping[str, Curve] = field(default_factory=dict)


class EvaluationProtocol(Protocol):
    """One way to measure an encoder, or its judges."""

    @property
    def name(self) -> str:
        """Short, fit for a key in JSON."""
        ...

    def primary(self, judge: str, /) -> str:
        """The metric that stands for the protocol where there is room for one; where it is a
        judge's, and any would do, that of the judge of this name."""
        ...

    def metrics(self, judges: Sequence[str], /) -> tuple[MetricInfo, ...]:
        """All metrics, in the order of reports, for judges of these names."""
        ...

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator, /) -> Outcome:
        """Measure on one source; all chance is `rng`."""
        ...


def names_of(metrics: Sequence[MetricInfo]) -> tuple[str, ...]:
    """The keys of metrics."""
    return tuple(metric.name for metric in metrics)


def no_values(names: Sequence[str]) -> Outcome:
    """The outcome on a source that does not allow a value."""
    return Outcome({name: Estimate(None) for name in names})


def estimates(names: Sequence[str], values: Vector, replicates: Vector) -> dict[str, Estimate]:
    """Values (k,) and their bootstrap values (samples, k) by name; NaN is no value."""
    columns = replicates.T if replicates.size else [None] * len(names)
    return {
        name: Estimate(None) if np.isnan(value) else Estimate(float(value), column)
        for name, value, column in zip(names, values, columns, strict=True)
    }


def query_means(
    names: Sequence[str],
    values: Vector,
    characters: Indices,
    samples: int,
    rng: np.random.Generator,
) -> Outcome:
    """Means of values (k, queries) over the queries that have one (are not NaN), with the
    queries' characters (queries,) drawn anew."""
    known = ~np.isnan(values[0])
    if not known.any():
        return no_values(names)
    _, owners = np.unique(characters[known], return_inverse=True)
    counts = np.bincount(owners)
    sums = np.stack([np.bincount(owners, row[known]) for row in values])

    def statistic(draws: Vector) -> Vector:
        return np.asarray((sums @ draws) / (counts @ draws))

    replicates = bootstrap(statistic, len(counts), samples, rng)
    return Outcome(estimates(names, statistic(np.ones(len(counts))), replicates))
