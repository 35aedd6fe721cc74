"""Heaps that nobody named, grouped as `kyara group` does it, and in two other ways.

Groups should be pure first: a mixed one has to be picked apart, two of one character are soon
named alike. So the F that counts weighs precision twice as much as recall (F 0.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.cluster.grouping import ALONE, centred, group_figures
from kyara.evaluate.metrics import b_cubed
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    names_of,
    no_values,
)
from kyara.evaluate.trials import Embedded, Indices
from kyara.extras import optional
from kyara.types import FloatArray

__all__ = ["Grouping"]

SIMILARITIES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
"""At which groups are made, beside that of the model, so that it can be chosen."""

MINIMA = (1, 2, 3, 5)
"""Neighbours that make a point of HDBSCAN's a core."""

_AT_DEFAULT = (
    MetricInfo("b3_f05", "B³ F 0.5"),
    MetricInfo("b3_precision", "B³ precision"),
    MetricInfo("b3_recall", "B³ recall"),
    MetricInfo("b3_f", "B³ F"),
    MetricInfo("pairwise_f", "pairwise F"),
    MetricInfo("ari", "adjusted Rand index"),
    MetricInfo("ami", "adjusted mutual information"),
    MetricInfo("alone", "in no group", higher_is_better=False),
)
_METHODS = {"groups": SIMILARITIES, "linkage": SIMILARITIES, "hdbscan": MINIMA}
_SWEPT = tuple(
    MetricInfo(f"{method}_f05_at_{place}", f"{method} at {place}, B³ F 0.5", in_tables=False)
    for method, places in _METHODS.items()
    for place in places
)


@dataclass(frozen=True)
class Grouping:
    """`kyara.cluster.grouping` at the model's own similarity; and with average linkage (cut where
    groups are less alike) and HDBSCAN (Campello et al. 2013) on the same centred embeddings, at
    several places each.

    Of each scene one picture takes part; heaps are drawn at random.

    Attributes:
        heaps: how many are drawn of a source; results are the mean.
        pictures: in a heap, at most.
    """

    name: ClassVar[str] = "grouping"
    heaps: int = 2
    pictures: int = 600

    def primary(self, _judge: str) -> str:
        """No judge is asked."""
        return "b3_f05"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """B³ (Bagga and Baldwin 1998), pairs, and the adjusted indices (Hubert and Arabie 1985;
        Vinh, Epps and Bailey 2010)."""
        return (*_AT_DEFAULT, *_SWEPT)

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics; none at the model's own similarity if it does not say one."""
        names = names_of(self.metrics(()))
        spec = measured.encoder.manifest.grouping
        found: list[dict[str, float]] = []
        for _ in range(self.heaps):
            places = embedded.one_of_each_scene(rng)[: self.pictures]
            if len(np.unique(embedded.characters[places])) == len(places):
                return no_values(names)  # nobody is there twice: there is no group to be found
            rows, truth = embedded.embeddings[places], embedded.characters[places]
            values = _swept(rows, truth)
            if spec is not None:
                values |= _at_default(_alone_apart(group_figures(rows, spec.similarity)), truth)
            found.append(values)
        return Outcome(
            {
                name: Estimate(
                    float(np.mean([one[name] for one in found])) if name in found[0] else None
                )
                for name in names
            }
        )


def _at_default(groups: Indices, truth: Indices) -> dict[str, float]:
    metrics = optional("sklearn.metrics")
    counted = b_cubed(groups, truth)
    (_, false), (missed, right) = metrics.cluster.pair_confusion_matrix(truth, groups)
    _, sizes = np.unique(groups, return_counts=True)
    return {
        "b3_f05": _f05(groups, truth),
        "b3_precision": float(counted.precision.mean()),
        "b3_recall": float(counted.recall.mean()),
        "b3_f": counted.f(),
        "pairwise_f": float(2 * right / max(1, 2 * right + false + missed)),
        "ari": float(metrics.adjusted_rand_score(truth, groups)),
        "ami": float(metrics.adjusted_mutual_info_score(truth, groups)),
        "alone": float((sizes == 1).sum() / len(groups)),
    }


def _swept(rows: FloatArray, truth: Indices) -> dict[str, float]:
    ways: dict[str, Callable[[float], Indices]] = {
        "groups": lambda at: _alone_apart(group_figures(rows, at)),
        "linkage": _Linkage(rows),
        "hdbscan": _Hdbscan(rows),
    }
    return {
        f"{method}_f05_at_{place}": _f05(ways[method](place), truth)
        for method, places in _METHODS.items()
        for place in places
    }


class _Linkage:
    """Average linkage of cosines as seen from the centre."""

    def __init__(self, rows: FloatArray) -> None:
        seen = centred(rows, len(rows))
        hierarchy = optional("scipy.cluster.hierarchy")
        distances = 1.0 - (seen @ seen.T).astype(np.float64)[np.triu_indices(len(rows), k=1)]
        self._tree = hierarchy.linkage(np.maximum(distances, 0.0), "average")
        self._cut = hierarchy.fcluster

    def __call__(self, similarity: float) -> Indices:
        return np.asarray(self._cut(self._tree, 1.0 - similarity, "distance"), np.intp) - 1


class _Hdbscan:
    """On the sphere, by chords: of unit vectors they rise with the angle."""

    def __init__(self, rows: FloatArray) -> None:
        self._seen = centred(rows, len(rows))
        self._make = optional("sklearn.cluster").HDBSCAN

    def __call__(self, least: float) -> Indices:
        samples = min(int(least), len(self._seen))
        made = self._make(min_cluster_size=2, min_samples=samples, algorithm="brute", copy=True)
        return _alone_apart(np.asarray(made.fit(self._seen).labels_, np.intp))


def _alone_apart(groups: Indices) -> Indices:
    """Each figure that is in no group as one of its own."""
    alone = groups < 0
    apart = groups.copy()
    apart[alone] = groups.max(initial=ALONE) + 1 + np.arange(alone.sum())
    return apart


def _f05(groups: Indices, truth: Indices) -> float:
    counted = b_cubed(groups, truth)
    precision, recall = float(counted.precision.mean()), float(counted.recall.mean())
    return 1.25 * precision * recall / (0.25 * precision + recall)
