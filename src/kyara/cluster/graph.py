"""The neighbours of each embedding, and groups of those that keep together.

Chinese whispers (Biemann 2006, "Chinese Whispers: an efficient graph clustering algorithm and
its application to natural language processing problems"): each node takes the label that weighs
most among its neighbours, until nothing changes. There is no number of groups to give, and its
cost grows with the edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kyara.types import FloatArray

__all__ = ["Graph", "neighbour_graph", "whispered"]

Indices = NDArray[np.intp]

_BLOCK = 1024
"""Rows of similarities at once: memory stays a fraction of that of all pairs."""

_ROUNDS = 50
"""At most; a dozen are usual."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Undirected edges, by node.

    Attributes:
        starts: the edges of node i are those from `starts[i]` to `starts[i + 1]`, shape (n + 1,).
        ends: where each leads, shape (e,).
        weights: above 0, shape (e,).
    """

    starts: Indices
    ends: Indices
    weights: FloatArray

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.starts) - 1


def neighbour_graph(embeddings: FloatArray, similarity: float, neighbours: int) -> Graph:
    """Joins each embedding with its nearest ones, as far as they are more alike than
    `similarity`; the weight of an edge is by how much.

    Args:
        embeddings: shape (n, d), of length 1.
        neighbours: that many of each at most; an edge counts whichever end chose it.
    """
    n, count = len(embeddings), min(neighbours, len(embeddings) - 1)
    pairs, weights = [np.empty((0, 2), np.intp)], [np.empty(0, np.float32)]
    for begin in range(0, n if count > 0 else 0, _BLOCK):
        rows = embeddings[begin : begin + _BLOCK] @ embeddings.T
        here = np.arange(len(rows))
        rows[here, begin + here] = -np.inf
        nearest = np.argpartition(rows, n - count, axis=1)[:, n - count :]
        above = rows[here[:, np.newaxis], nearest] - np.float32(similarity)
        row, column = np.nonzero(above > 0)
        pairs.append(np.stack([begin + row, nearest[row, column]], axis=1))
        weights.append(above[row, column])
    return _undirected(np.concatenate(pairs), np.concatenate(weights), n)


def _undirected(pairs: Indices, weights: FloatArray, nodes: int) -> Graph:
    """Edges both ways, each once, whichever end chose it."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    _, first = np.unique(low * nodes + high, return_index=True)
    low, high, weights = low[first], high[first], weights[first]
    begins = np.concatenate([low, high])
    order = np.argsort(begins, kind="stable")
    starts = np.searchsorted(begins[order], np.arange(nodes + 1)).astype(np.intp)
    return Graph(
        starts,
        np.concatenate([high, low])[order],
        np.concatenate([weights, weights])[order],
    )


def whispered(graph: Graph, seed: int = 0) -> Indices:
    """A label for each node, shape (n,); a node without an edge has its own.

    Only nodes are looked at of which a neighbour has another label than when they were looked at
    last: the others would keep theirs.
    """
    rng = np.random.default_rng(seed)
    labels = list(range(len(graph)))
    starts = graph.starts.tolist()
    ends, weights = graph.ends.tolist(), graph.weights.tolist()
    stale = [True] * len(graph)
    linked = np.flatnonzero(np.diff(graph.starts))
    for _ in range(_ROUNDS):
        changed = False
        for node in rng.permutation(linked).tolist():
            if not stale[node]:
                continue
            stale[node] = False
            edges = slice(starts[node], starts[node + 1])
            best = _heaviest([labels[end] for end in ends[edges]], weights[edges])
            if best != labels[node]:
                labels[node], changed = best, True
                for end in ends[edges]:
                    stale[end] = True
        if not changed:
            break
    return np.asarray(labels, dtype=np.intp)


def _heaviest(labels: Sequence[int], weights: Sequence[float]) -> int:
    """The label that weighs most; of equal ones the lowest. For so few, lists are faster than
    arrays."""
    sums: dict[int, float] = {}
    for label, weight in zip(labels, weights, strict=True):
        sums[label] = sums.get(label, 0.0) + weight
    return min(sums, key=lambda label: (-sums[label], label))
