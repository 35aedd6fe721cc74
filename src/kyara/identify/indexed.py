"""A gallery that is too large for memory: an index finds the characters that a probe may show, and
only their references are read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyara.identify.gallery import Gallery, Indices
from kyara.identify.index import Index
from kyara.scale.references import ReferenceDataset
from kyara.types import FloatArray

__all__ = ["IndexedGallery"]

_NEAREST, _FARTHEST = 64, 1024
"""References that are looked for first, and at most: more where they are all of one character."""

_CHARACTERS = 3
"""Characters that are wanted for each probe: the best, and some that it could be as well."""

_MOST = 1000
"""References of a character that are read at most: what more of them say hardly changes it."""

_PROBES = 256
"""Probes that are asked about at once."""

_SAMPLE = 16_384
"""References by which the mean of all is told."""


@dataclass(frozen=True, eq=False)
class IndexedGallery:
    """References of a dataset, as `kyara.identify.gallery.Searchable` has them.

    Attributes:
        search: over the references, by their rows in the dataset.
    """

    dataset: ReferenceDataset
    search: Index

    @property
    def encoder(self) -> str:
        """Id of the encoder."""
        return self.dataset.ids.encoder

    @property
    def characters(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return self.dataset.shown.characters

    @cached_property
    def counts(self) -> Indices:
        """Number of references of each character, shape (c,)."""
        owners = self.dataset.shown.owners
        return np.bincount(owners[owners >= 0], minlength=len(self.characters))

    def index(self, character: str) -> int | None:
        """Its place in `characters`, or None if it is not among them."""
        place = bisect_left(self.characters, character)
        found = place < len(self.characters) and self.characters[place] == character
        return place if found else None

    def sum_of_means(self) -> NDArray[np.float64]:
        """As `Searchable` has it, from a part of the references, evenly taken."""
        count = len(self._rows)
        rows = self._rows[np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.intp)]
        weights = 1.0 / self.counts[self.dataset.shown.owners[rows]]
        _, embeddings = self.dataset.references(rows)
        return np.asarray(weights @ embeddings.astype(np.float64) * (count / len(rows)))

    def near(self, probes: FloatArray) -> Gallery:
        """The gallery of the characters whose references are nearest to the probes (p, d)."""
        characters = self._candidates(probes)
        rows = [self._rows_of(character) for character in characters.tolist()]
        uris, embeddings = self.dataset.references(np.concatenate(rows))
        starts = np.cumsum([0, *map(len, rows[:-1])])
        names = tuple(self.characters[n] for n in characters.tolist())
        paths = tuple(map(Path, uris))
        return Gallery(self.encoder, names, embeddings, starts, paths).without_copies()

    def parts(self, probes: FloatArray) -> Iterator[tuple[FloatArray, Gallery]]:
        """Probes (p, d), some at a time, with the gallery near them."""
        for begin in range(0, len(probes), _PROBES):
            rows = probes[begin : begin + _PROBES]
            yield rows, self.near(rows)

    def _candidates(self, probes: FloatArray) -> Indices:
        """The characters of the references nearest to the probes, ascending."""
        owners, found = self.dataset.shown.owners, set[int]()
        if not len(probes):
            return np.zeros(1, dtype=np.intp)  # a gallery is of somebody
        wanted, count = min(_CHARACTERS, len(self.characters)), len(self._rows)
        k, unsure = _NEAREST, np.ones(len(probes), dtype=bool)
        while unsure.any():
            rows = self.search.search(probes[unsure], min(k, count)).rows
            own = [set(owners[row[row >= 0]].tolist()) for row in rows]
            found.update(*own)
            few = np.asarray([len(one) < wanted for one in own])
            unsure[unsure] = few & (k < min(count, _FARTHEST))
            k *= 4
        return np.asarray(sorted(found), dtype=np.intp)

    @cached_property
    def _rows(self) -> Indices:
        """The rows of the references, by character."""
        owners = self.dataset.shown.owners
        rows = np.flatnonzero(owners >= 0)
        return rows[np.argsort(owners[rows], kind="stable")]

    @cached_property
    def _starts(self) -> Indices:
        return np.cumsum(self.counts) - self.counts

    def _rows_of(self, character: int) -> Indices:
        start, count = int(self._starts[character]), int(self.counts[character])
        own = self._rows[start : start + count]
        return own if count <= _MOST else own[np.linspace(0, count - 1, _MOST).astype(np.intp)]
