"""Whether a group of figures without a name is a character that has one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from kyara.cluster.grouping import Indices
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Rule
from kyara.identify.references import EmbeddedReferences
from kyara.library.unnamed import Unnamed
from kyara.types import FloatArray

__all__ = ["NamedCharacters", "Perhaps"]

_LIKELY = 0.5
"""From which probability on it is said whom a group may show."""


@dataclass(frozen=True)
class Perhaps:
    """A character that a group may show.

    Attributes:
        probability: of what the figures of the group score on the mean.
    """

    character: str
    probability: float


@dataclass(frozen=True, eq=False)
class NamedCharacters:
    """The named characters of a library, and how alike its other figures are to them.

    Attributes:
        scores: of each figure against each character, shape (n, c).
        unnamed: the figures.
    """

    scores: FloatArray
    unnamed: Unnamed
    gallery: Gallery
    rule: Rule

    @classmethod
    def of(cls, unnamed: Unnamed, named: EmbeddedReferences, rule: Rule) -> NamedCharacters:
        """Judged as `kyara identify` judges the figures."""
        fitted = named.fit(rule)
        scores = fitted.judge.scores(unnamed.embeddings, named.in_memory)
        return cls(scores, unnamed, named.in_memory, fitted)

    def likely(self, places: Indices, but: Collection[str] = ()) -> Perhaps | None:
        """Whom these figures, of one group, probably show: nobody whom one of them was said not
        to show, or who is in `but`."""
        refused = {name for n in places.tolist() for name in self.unnamed.said[n].rejected}
        refused.update(but)
        mean = self.scores[places].mean(axis=0)
        mean[[name in refused for name in self.gallery.characters]] = -np.inf
        best = int(mean.argmax())
        count = int(self.gallery.counts[best])
        probability = self.rule.judge.probability(float(mean[best]), count)
        if not np.isfinite(mean[best]) or probability is None or probability < _LIKELY:
            return None
        return Perhaps(self.gallery.characters[best], probability)
