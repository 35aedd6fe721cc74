"""An index of usearch: a graph of neighbours (HNSW; Malkov and Yashunin 2016) in a file that is
read where it lies. Needs the extra `index`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kyara.errors import DataError, one_line
from kyara.extras import optional
from kyara.files import replaced, writing
from kyara.identify.index import Blocks, Nearest
from kyara.types import FloatArray

__all__ = ["UsearchIndex"]

INSTALL = "'kyara[index]'"
_ANEW = "kyara library index builds it anew"


@dataclass(frozen=True, eq=False)
class UsearchIndex:
    """Approximate. The more effort, the more references a search looks at.

    Attributes:
        index: usearch's own.
        effort: how many candidates a search keeps.
    """

    index: Any
    effort: int
    name: ClassVar[str] = "usearch"
    efforts: ClassVar[tuple[int, ...]] = (64, 128, 256, 512, 1024, 2048)

    @classmethod
    def build(cls, blocks: Blocks, dimension: int, path: Path) -> None:
        """Write the index of the references to a file, in the place of an earlier one.

        Raises:
            OutputError: it cannot be written.
        """
        usearch = optional("usearch.index", INSTALL)
        index = usearch.Index(ndim=dimension, metric="ip", dtype="f16")
        for rows, embeddings in blocks():
            index.add(rows.astype(np.uint64), embeddings)
        with writing(path), replaced(path) as part:
            index.save(str(part))

    @classmethod
    def open(cls, path: Path, effort: int) -> UsearchIndex:
        """What `build` wrote.

        Raises:
            DataError: it is something else.
        """
        usearch = optional("usearch.index", INSTALL)
        try:
            index = usearch.Index.restore(str(path), view=True)
        except Exception as error:  # of usearch, RuntimeError and ValueError alike
            raise DataError(
                f"this is no index: {one_line(error)}", where=path, hint=_ANEW
            ) from error
        if index is None:
            raise DataError("this is no index", where=path, hint=_ANEW)
        return cls(index, effort)

    def with_effort(self, effort: int) -> UsearchIndex:
        """The same with another effort."""
        return UsearchIndex(self.index, effort)

    def search(self, probes: FloatArray, k: int) -> Nearest:
        """See `Index`."""
        self.index.expansion_search = max(self.effort, k)
        found = [self.index.search(probe, k) for probe in probes]
        nearest = Nearest.nothing(len(probes), k)
        for n, one in enumerate(found):
            nearest.rows[n, : len(one)] = one.keys.astype(np.intp)
            nearest.scores[n, : len(one)] = 1.0 - one.distances
        return nearest
