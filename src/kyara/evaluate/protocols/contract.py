"""What every protocol has in common: what it is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np

from kyara.evaluate.metrics import Vector, bootstrap
from kyara.evaluate.trials import Compare, Embedded, Indices

__all__ = [
    "AXES",
    "CURVE_FPR",
    "CURVE_RECALL",
    "Curve",
    "CurveKind",
    "Estimate",
    "EvaluationProtocol",
    "Outcome",
    "estimates",
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
    """

    kind: CurveKind
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(AXES[self.kind]):
            raise ValueError(
                f"expected {len(AXES[self.kind])} values for {self.kind}, got {len(self.values)}"
            )


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


def no_values(names: tuple[str, ...]) -> Outcome:
    """The outcome on a source that does not allow a value."""
    return Outcome({name: Estimate(None) for name in names})


def estimates(names: tuple[str, ...], values: Vector, replicates: Vector) -> dict[str, Estimate]:
    """Values (k,) and their bootstrap values (samples, k) by name; NaN is no value."""
    columns = replicates.T if replicates.size else [None] * len(names)
    return {
        name: Estimate(None) if np.isnan(value) else Estimate(float(value), column)
        for name, value, column in zip(names, values, columns, strict=True)
    }


def query_means(
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
        return no_values(names)
    _, owners = np.unique(characters[known], return_inverse=True)
    counts = np.bincount(owners)
    sums = np.stack([np.bincount(owners, row[known]) for row in values])

    def statistic(draws: Vector) -> Vector:
        return np.asarray((sums @ draws) / (counts @ draws))

    replicates = bootstrap(statistic, len(counts), samples, rng)
    return Outcome(estimates(names, statistic(np.ones(len(counts))), replicates))
