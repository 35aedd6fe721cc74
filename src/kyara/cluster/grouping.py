"""From the embeddings of figures without a name to groups, of one character each.

Groups are to be pure rather than whole: two groups of one character are soon named alike, a
group of two has to be picked apart. A figure that is like none of the others stays alone.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyara.cluster.graph import neighbour_graph, whispered
from kyara.identify.domain import MODEL, PER_CHARACTER
from kyara.types import FloatArray, normalised

__all__ = ["ALONE", "Indices", "centred", "group_figures"]

Indices: TypeAlias = NDArray[np.intp]

ALONE = -1
"""In place of the number of a group."""

_NEIGHBOURS = 20
"""Of each figure, by which it is grouped."""

_FIRST_LOOK = 40.0
"""Pictures that count for the centre before it is known how many characters there are."""


def group_figures(embeddings: FloatArray, similarity: float) -> Indices:
    """The number of each figure's group, shape (n,): from 0, the largest group first; `ALONE` for
    a figure in none. The same in whatever order the figures come.

    Args:
        embeddings: shape (n, d), of length 1, of one encoder.
        similarity: from which on two of them are neighbours, as seen from their centre.
    """
    if not len(embeddings):
        return np.empty(0, np.intp)
    order = np.lexsort(embeddings.T[::-1])
    rows = embeddings[order]
    labels = _labels(centred(rows, _FIRST_LOOK), similarity)
    pictures = min(float(len(rows)), PER_CHARACTER * _effective_groups(labels))
    labels = _labels(centred(rows, pictures), similarity)
    groups = np.empty(len(rows), np.intp)
    groups[order] = _numbered(labels)
    return groups


def centred(embeddings: FloatArray, pictures: float) -> FloatArray:
    """Embeddings (n, d) as seen from their centre, of length 1.

    As for the judge (`kyara.identify.domain`) the centre is shrunk towards the model's own: a
    heap of one character is not to take that for the way in which it is drawn.

    Args:
        pictures: as how many the embeddings count, at most their number.
    """
    counted = min(float(len(embeddings)), pictures)
    centre = embeddings.mean(axis=0, dtype=np.float64) * (counted / (counted + MODEL))
    return normalised(embeddings - centre.astype(np.float32))


def _labels(embeddings: FloatArray, similarity: float) -> Indices:
    return whispered(neighbour_graph(embeddings, similarity, _NEIGHBOURS))


def _effective_groups(labels: Indices) -> float:
    """How many groups of equal size would be as diverse (the inverse of Simpson's index)."""
    _, sizes = np.unique(labels, return_counts=True)
    sizes = sizes[sizes > 1]
    if not len(sizes):
        return 1.0
    shares = sizes / sizes.sum()
    return float(1.0 / (shares**2).sum())


def _numbered(labels: Indices) -> Indices:
    """Groups by size; of equal ones that which begins first."""
    found, first, of, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort([first, -sizes])
    numbers = np.empty(len(found), np.intp)
    numbers[order] = np.arange(len(found))
    numbers[sizes == 1] = ALONE
    return numbers[of]
