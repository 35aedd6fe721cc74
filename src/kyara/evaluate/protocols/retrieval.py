"""Is the nearest picture, or are the nearest pictures, of the same character?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import Mask, average_precision, first_is_right, r_precision
from kyara.evaluate.protocols.contract import Outcome, query_means
from kyara.evaluate.trials import BLOCK, Compare, Embedded
from kyara.types import FloatArray

__all__ = ["Retrieval"]


@dataclass(frozen=True)
class Retrieval:
    """Each picture against all others of its source; pictures without a second one of their
    character are only ever wrong answers.

    Attributes:
        bootstrap: how often the characters are drawn anew for the intervals; 0 for none.
    """

    name: ClassVar[str] = "retrieval"
    primary: ClassVar[str] = "rank1"
    bootstrap: int = 200

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """Rank-1, mean average precision and R-precision, over the queries."""
        measures = (first_is_right, average_precision, r_precision)
        per_query = [
            np.stack([measure(*block) for measure in measures])
            for block in _query_blocks(embedded, compare)
        ]
        values = np.concatenate([np.zeros((len(measures), 0)), *per_query], axis=1)
        names = ("rank1", "map", "r_precision")
        return query_means(names, values, embedded.characters, self.bootstrap, rng)


def _query_blocks(embedded: Embedded, compare: Compare) -> Iterator[tuple[FloatArray, Mask, Mask]]:
    """Scores of some queries against all pictures, which are right, which do not count."""
    for begin in range(0, len(embedded), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scores = compare(embedded.embeddings[rows], embedded.embeddings)
        relevant = embedded.characters[rows, None] == embedded.characters[None]
        yield scores, relevant, embedded.scenes[rows, None] == embedded.scenes[None]
