"""Is the nearest picture, or are the nearest pictures, of the same character?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import Mask, Vector, average_precision, first_is_right, r_precision
from kyara.evaluate.protocols.contract import Measured, MetricInfo, Outcome, query_means
from kyara.evaluate.trials import BLOCK, Compare, Embedded
from kyara.types import FloatArray

__all__ = ["Retrieval"]

_MEASURES: tuple[tuple[MetricInfo, Callable[[FloatArray, Mask, Mask], Vector]], ...] = (
    (MetricInfo("rank1", "rank-1"), first_is_right),
    (MetricInfo("map", "mAP"), average_precision),
    (MetricInfo("r_precision", "R-precision"), r_precision),
)


@dataclass(frozen=True)
class Retrieval:
    """Each picture against all others of its source; pictures without a second one of their
    character are only ever wrong answers.

    Attributes:
        bootstrap: how often the characters are drawn anew for the intervals; 0 for none.
    """

    name: ClassVar[str] = "retrieval"
    bootstrap: int = 200

    def primary(self, _judge: str) -> str:
        """No judge is asked."""
        return "rank1"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """Rank-1, mean average precision and R-precision, over the queries."""
        return tuple(metric for metric, _ in _MEASURES)

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics; intervals for all of them."""
        per_query = [
            np.stack([measure(*block) for _, measure in _MEASURES])
            for block in _query_blocks(embedded, measured.compare)
        ]
        values = np.concatenate([np.zeros((len(_MEASURES), 0)), *per_query], axis=1)
        names = [metric.name for metric, _ in _MEASURES]
        return query_means(names, values, embedded.characters, self.bootstrap, rng)


def _query_blocks(embedded: Embedded, compare: Compare) -> Iterator[tuple[FloatArray, Mask, Mask]]:
    """Scores of some queries against all pictures, which are right, which do not count."""
    for begin in range(0, len(embedded), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scores = compare(embedded.embeddings[rows], embedded.embeddings)
        relevant = embedded.characters[rows, None] == embedded.characters[None]
        yield scores, relevant, embedded.scenes[rows, None] == embedded.scenes[None]
