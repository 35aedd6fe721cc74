"""The references that are most like a probe: found exactly, or fast.

An index only says which references to look at. What is said of them is the judge's word, which
compares the probe with all that their characters have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

import numpy as np

from kyara.identify.gallery import Indices
from kyara.types import FloatArray

__all__ = ["EXACT", "Blocks", "Index", "MatrixIndex", "Nearest", "recall"]

EXACT = 1_000_000
"""References up to which every one is compared: as `benchmarks/search.py` measures it."""

Blocks: TypeAlias = Callable[[], Iterable[tuple[Indices, FloatArray]]]
"""References, some at a time: their numbers (b,) and embeddings (b, d)."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The references that are most like some probes, the most alike first.

    Attributes:
        rows: their numbers, shape (m, k); -1 where there are fewer.
        scores: their cosines, shape (m, k); -inf where there are fewer. An index may round them.
    """

    rows: Indices
    scores: FloatArray

    @classmethod
    def nothing(cls, probes: int, k: int) -> Nearest:
        """None yet, for so many probes."""
        scores = np.full((probes, k), -np.inf, dtype=np.float32)
        return cls(np.full((probes, k), -1, dtype=np.intp), scores)

    def joined(self, others: Nearest) -> Nearest:
        """The best of these (m, k) and of others (m, b), in whatever order they are."""
        k = self.rows.shape[1]
        rows = np.concatenate([self.rows, others.rows], axis=1)
        scores = np.concatenate([self.scores, others.scores], axis=1)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        rows, scores = np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1)
        order = np.lexsort((rows, -scores), axis=1)
        return Nearest(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1))


class Index(Protocol):
    """Finds references by their embeddings, which have length 1."""

    @property
    def name(self) -> str:
        """What `kyara library index --kind` calls it."""
        ...

    def search(self, probes: FloatArray, k: int, /) -> Nearest:
        """The `k` references nearest to each of the probes (m, d)."""
        ...


@dataclass(frozen=True)
class MatrixIndex:
    """Exact, by matrix products. It is never built; memory does not grow with the references."""

    blocks: Blocks
    name: ClassVar[str] = "matrix"

    def search(self, probes: FloatArray, k: int) -> Nearest:
        """See `Index`."""
        found = Nearest.nothing(len(probes), k)
        for numbers, embeddings in self.blocks():
            scores = np.asarray(probes @ embeddings.T, dtype=np.float32)
            found = found.joined(Nearest(np.broadcast_to(numbers, scores.shape), scores))
        return found


def recall(found: Indices, exact: Indices) -> float:
    """The share of the exact neighbours (m, k) that are among those that were found (m, k)."""
    pairs = zip(found.tolist(), exact.tolist(), strict=True)
    common = sum(len(set(some) & set(all_)) for some, all_ in pairs)
    return common / exact.size if exact.size else 1.0
