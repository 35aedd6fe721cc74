"""An index that a Lance dataset keeps beside its rows: parts of space, and in them codes of a few
bytes for each reference (IVF-PQ; Jégou, Douze and Schmid 2011). The best by their codes are
compared once more by their embeddings. Needs the extra `scale`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from kyara.errors import OutputError, one_line
from kyara.identify.index import Nearest
from kyara.scale.references import ReferenceDataset
from kyara.types import FloatArray

__all__ = ["LanceIndex"]

_NAME = "kyara"

_PARTS = 0.25
"""Parts of space by the square root of the references: finding them takes time with its square."""

_BITS = 4
"""Of a code for two numbers of an embedding. Codes of 8 bits for four of them, which are as many
bytes, take minutes to learn, however few references there are."""

_COMPARED = 5
"""Times as many as are wanted that are compared by their embeddings."""


@dataclass(frozen=True, eq=False)
class LanceIndex:
    """Approximate. The more effort, the more references a search looks at.

    Attributes:
        effort: in how many parts of space a search looks.
    """

    dataset: ReferenceDataset
    effort: int
    name: ClassVar[str] = "lance"
    efforts: ClassVar[tuple[int, ...]] = (4, 8, 16, 32, 64, 128, 256, 512, 1024)

    @classmethod
    def build(cls, dataset: ReferenceDataset) -> None:
        """Keep the index in the dataset, in the place of an earlier one.

        Raises:
            OutputError: it cannot be written.
        """
        dimension, references = dataset.ids.dimension, dataset.shown.references
        try:
            dataset.opened.create_index(
                "embedding",
                "IVF_PQ",
                name=_NAME,
                metric="cosine",
                replace=True,
                num_partitions=max(1, round(_PARTS * math.sqrt(references))),
                num_sub_vectors=dimension // 2 if dimension % 2 == 0 else dimension,
                num_bits=_BITS,
            )
        except Exception as error:  # of lance, OSError and RuntimeError alike
            what = f"the index cannot be written: {one_line(error)}"
            raise OutputError(what, where=dataset.path) from error

    def with_effort(self, effort: int) -> LanceIndex:
        """The same with another effort."""
        return LanceIndex(self.dataset, effort)

    def search(self, probes: FloatArray, k: int) -> Nearest:
        """See `Index`."""
        nearest = Nearest.nothing(len(probes), k)
        for n, probe in enumerate(probes):
            ids, distances = self.dataset.nearest(probe, k, self.effort, _COMPARED)
            nearest.rows[n, : len(ids)] = ids
            nearest.scores[n, : len(ids)] = 1.0 - distances
        return nearest
