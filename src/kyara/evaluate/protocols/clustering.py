"""Groups of pictures that nobody named: does each hold one character, and all of it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import BCubed, Vector, b_cubed, bootstrap
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    estimates,
    names_of,
    no_values,
)
from kyara.evaluate.trials import Compare, Embedded, Indices
from kyara.extras import optional
from kyara.types import FloatArray

__all__ = ["Clustering"]

_B_CUBED = (
    MetricInfo("b3_f", "B³ F"),
    MetricInfo("b3_precision", "B³ precision"),
    MetricInfo("b3_recall", "B³ recall"),
)
_RAND = MetricInfo("ari", "adjusted Rand index")


@dataclass(frozen=True)
class Clustering:
    """Agglomerative clustering with average linkage, cut where clusters are too far apart.

    Where that is, is chosen on one half of the characters, by B³ F, and measured on the other;
    then the other way round. Of each scene one picture takes part.

    Attributes:
        splits: how often the characters are halved; results are the mean.
        thresholds: how many are tried.
        limit: at most so many pictures, drawn at random: distances grow with the square.
        bootstrap: how often the characters are drawn anew for the intervals, 0 for none; the
            clusters stay as they are. There is none for the adjusted Rand index.
    """

    name: ClassVar[str] = "clustering"
    splits: int = 4
    thresholds: int = 100
    limit: int = 5000
    bootstrap: int = 200

    def primary(self, _judge: str) -> str:
        """No judge is asked."""
        return "b3_f"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """B³ (Bagga and Baldwin 1998) and the adjusted Rand index (Hubert and Arabie 1985)."""
        return (*_B_CUBED, _RAND)

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        pictures = embedded.one_of_each_scene(rng)[: self.limit]
        characters = embedded.characters[pictures]
        distances = _distances(embedded.embeddings[pictures], measured.compare)
        halved: list[tuple[BCubed, Indices]] = []
        rand: list[float] = []
        for _ in range(self.splits):
            halves = _halves(characters, rng)
            if halves is None:
                return no_values(names_of(self.metrics(())))
            trees = [_Tree.of(distances[np.ix_(half, half)]) for half in halves]
            truths = [characters[half] for half in halves]
            for here, there in ((0, 1), (1, 0)):
                cut = _best_cut(trees[here], truths[here], self.thresholds)
                clusters = trees[there].cut(cut)
                halved.append((b_cubed(clusters, truths[there]), truths[there]))
                rand.append(_adjusted_rand(clusters, truths[there]))
        statistic = _statistic(halved)
        values = statistic(np.ones(embedded.character_count))
        replicates = bootstrap(statistic, embedded.character_count, self.bootstrap, rng)
        metrics = estimates(names_of(_B_CUBED), values, replicates)
        return Outcome({**metrics, _RAND.name: Estimate(float(np.mean(rand)))})


@dataclass(frozen=True)
class _Tree:
    """Which clusters merge at which distance: scipy's linkage matrix, shape (n - 1, 4)."""

    merges: Vector

    @classmethod
    def of(cls, distances: Vector) -> _Tree:
        """The tree of pictures with those distances, shape (n, n)."""
        above = distances[np.triu_indices(len(distances), k=1)]
        return cls(optional("scipy.cluster.hierarchy").linkage(above, "average"))

    @property
    def heights(self) -> Vector:
        """The distances of the merges, rising."""
        return self.merges[:, 2]

    def cut(self, distance: float) -> Indices:
        """The cluster of each picture where none merge beyond `distance`."""
        fcluster = optional("scipy.cluster.hierarchy").fcluster
        return np.asarray(fcluster(self.merges, distance, "distance"), dtype=np.intp) - 1


def _distances(embeddings: FloatArray, compare: Compare) -> Vector:
    """How far scores (n, n) are below the best of them; no zero point is needed but that."""
    scores = compare(embeddings, embeddings).astype(np.float64)
    symmetric = (scores + scores.T) / 2.0
    return np.asarray(symmetric.max(initial=0.0) - symmetric)


def _best_cut(tree: _Tree, characters: Indices, count: int) -> float:
    """The distance with the best B³ F, of `count` that part the merges evenly."""
    heights = np.quantile(tree.heights, np.linspace(0, 1, count))
    heights[0] = np.nextafter(heights[0], -np.inf)  # one where nothing merges
    scored = [b_cubed(tree.cut(height), characters).f() for height in heights]
    return float(heights[int(np.argmax(scored))])


def _adjusted_rand(clusters: Indices, characters: Indices) -> float:
    return float(optional("sklearn.metrics").adjusted_rand_score(characters, clusters))


def _halves(characters: Indices, rng: np.random.Generator) -> tuple[Indices, Indices] | None:
    """Places of pictures whose characters are in one half, and of the others; None if a half
    would have fewer than two characters, or none with two pictures."""
    names, counts = np.unique(characters, return_counts=True)
    # Those with several pictures first, so that both halves get as many of them.
    shuffled = rng.permutation(len(names))
    shuffled = shuffled[np.argsort(counts[shuffled] < 2, kind="stable")]
    if len(names) < 4 or (counts > 1).sum() < 2:
        return None
    one = np.isin(characters, names[shuffled[::2]])
    return np.flatnonzero(one), np.flatnonzero(~one)


def _statistic(measured: list[tuple[BCubed, Indices]]) -> Callable[[Vector], Vector]:
    """From draws of the characters to the means over the halves of F, precision, recall."""

    def statistic(draws: Vector) -> Vector:
        rows = []
        for found, characters in measured:
            weights = draws[characters]
            if weights.any():
                precision = np.average(found.precision, weights=weights)
                recall = np.average(found.recall, weights=weights)
                rows.append((found.f(weights), precision, recall))
        return np.asarray(np.mean(rows, axis=0))

    return statistic
