"""The references, by character."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyara.errors import UsageError
from kyara.types import FloatArray, as_embeddings, normalised

__all__ = ["Gallery", "Indices", "Searchable", "exact_sum"]

Indices: TypeAlias = NDArray[np.intp]

_REFERENCES = 32_768
"""References whose scores are in memory at once: 32 MB for 256 probes."""

COPY = 0.98
"""Cosine from which on two pictures of a character are copies of one. Saved as JPEG of quality 90
nearly all are, saved at 50 or made half as large most; of different pictures one in a hundred, and
those are frames or sprites that say nothing new either."""

_MANY = 4096
"""References of a character beyond which copies hardly weigh."""

_EXACT = float(1 << 30)
"""Numbers up to 1 as whole ones: their sum does not hang on the order."""


class Searchable(Protocol):
    """References by character: all of them in memory (`Gallery`), or those of the characters that
    a probe may show, when it is asked for."""

    @property
    def encoder(self) -> str:
        """Id of the encoder."""
        ...

    @property
    def characters(self) -> tuple[str, ...]:
        """Their names, sorted."""
        ...

    @property
    def counts(self) -> Indices:
        """Number of references of each character, shape (c,)."""
        ...

    def index(self, character: str, /) -> int | None:
        """Its place in `characters`, or None if it is not among them."""
        ...

    def sum_of_means(self) -> NDArray[np.float64]:
        """The sum of the means of the characters' references, shape (d,)."""
        ...

    def near(self, probes: FloatArray, /) -> Gallery:
        """The gallery of the characters that probes (p, d) may show. What is scored against it
        has the scores that it has against all."""
        ...

    def parts(self, probes: FloatArray, /) -> Iterator[tuple[FloatArray, Gallery]]:
        """Probes (p, d), as many at once as memory is made for, with the gallery near them."""
        ...


@dataclass(frozen=True, eq=False)
class Gallery:
    """References of known characters, embedded by one encoder.

    Attributes:
        encoder: id of the encoder.
        characters: their names, sorted.
        embeddings: shape (n, d), sorted by character.
        starts: index of each character's first reference, shape (c,).
        paths: the picture of each reference, length n.

    Raises:
        ValueError: these do not go together.
    """

    encoder: str
    characters: tuple[str, ...]
    embeddings: FloatArray
    starts: Indices
    paths: tuple[Path, ...]

    def __post_init__(self) -> None:
        references, characters = len(self.paths), len(self.characters)
        if self.embeddings.ndim != 2 or len(self.embeddings) != references:
            shape = self.embeddings.shape
            raise ValueError(f"expected ({references}, d) embeddings, got {shape}")
        if self.starts.shape != (characters,):
            raise ValueError(f"expected {characters} starts, got shape {self.starts.shape}")
        if any(a >= b for a, b in pairwise(self.characters)):
            raise ValueError("expected sorted names, each of them once")
        bounds = np.append(self.starts, references)
        if bounds[0] != 0 or (np.diff(bounds) <= 0).any():
            raise ValueError("expected references of every character, in its place")

    @classmethod
    def build(cls, encoder: str, references: Sequence[tuple[str, Path, FloatArray]]) -> Gallery:
        """A gallery of (character, picture, embedding (d,)), in any order.

        Raises:
            UsageError: there are none.
        """
        if not references:
            raise UsageError("the gallery has no references")
        ordered = sorted(references, key=lambda reference: reference[0])
        names = [name for name, _, _ in ordered]
        characters = sorted(set(names))
        return cls(
            encoder,
            tuple(characters),
            as_embeddings(np.stack([embedding for _, _, embedding in ordered])),
            np.searchsorted(names, characters),
            tuple(path for _, path, _ in ordered),
        )

    @classmethod
    def of_singles(cls, encoder: str, embeddings: FloatArray) -> Gallery:
        """Each of the embeddings (n, d) as the only reference of a character without a name."""
        count = len(embeddings)
        names = tuple(f"{number:09}" for number in range(count))
        return cls(encoder, names, embeddings, np.arange(count), (Path(),) * count)

    def near(self, _probes: FloatArray) -> Gallery:
        """Itself: see `Searchable`."""
        return self

    def parts(self, probes: FloatArray) -> Iterator[tuple[FloatArray, Gallery]]:
        """All probes, and itself."""
        yield probes, self

    def sum_of_means(self) -> NDArray[np.float64]:
        """The sum of `means`, the same in whatever order they are."""
        return exact_sum(self.means)

    @cached_property
    def means(self) -> FloatArray:
        """The mean of each character's references, not of length 1; shape (c, d)."""
        return self.means_of(lambda embeddings: embeddings)

    def means_of(self, change: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """As `means`, of references that are changed first, (n, d) in and out."""
        means = np.empty((len(self.starts), self.embeddings.shape[1]), dtype=np.float32)
        for first, last, references in self.chunks():
            rows = change(self.embeddings[references]).astype(np.float64)
            starts = self.starts[first + 1 : last] - references.start
            # One by one: along the first axis NumPy's reduceat takes five times as long.
            for character, own in enumerate(np.split(rows, starts), first):
                means[character] = own.mean(axis=0)
        return means

    def chunks(self) -> Iterator[tuple[int, int, slice]]:
        """Parts with a bounded number of references: the first character, the one after the
        last, and their references. A character is never divided."""
        ends = np.append(self.starts[1:], len(self.embeddings))
        first = 0
        while first < len(ends):
            begin = int(self.starts[first])
            last = int(np.searchsorted(ends, begin + _REFERENCES, side="right"))
            last = max(first + 1, last)
            yield first, last, slice(begin, int(ends[last - 1]))
            first = last

    @cached_property
    def counts(self) -> Indices:
        """Number of references of each character, shape (c,)."""
        return np.diff(self.starts, append=len(self.embeddings))

    @cached_property
    def owners(self) -> Indices:
        """The character of each reference, an index into `characters`, shape (n,)."""
        return np.repeat(np.arange(len(self.characters)), self.counts)

    def index(self, character: str) -> int | None:
        """Its place in `characters`, or None if it is not among them."""
        place = bisect_left(self.characters, character)
        found = place < len(self.characters) and self.characters[place] == character
        return place if found else None

    def references_of(self, character: str) -> slice:
        """Where the references of a character of this gallery are.

        Raises:
            KeyError: it is not among them.
        """
        place = self.index(character)
        if place is None:
            raise KeyError(character)
        start = int(self.starts[place])
        return slice(start, start + int(self.counts[place]))

    def only(self, rows: Indices) -> Gallery:
        """The gallery of some references, ascending (r,); characters without any are not in
        it."""
        owners, starts = np.unique(self.owners[rows], return_index=True)
        return Gallery(
            self.encoder,
            tuple(map(self.characters.__getitem__, owners.tolist())),
            self.embeddings[rows],
            starts,
            tuple(map(self.paths.__getitem__, rows.tolist())),
        )

    def without_copies(self) -> Gallery:
        """The gallery with each picture once for each character: copies that were saved again or
        made smaller say nothing new, and would count as if they did."""
        kept = self.rows_without_copies()
        return self if len(kept) == len(self.embeddings) else self.only(kept)

    def rows_without_copies(self) -> Indices:
        """Which references `without_copies` keeps, ascending (r,)."""
        kept = np.ones(len(self.embeddings), dtype=bool)
        for start, count in zip(self.starts.tolist(), self.counts.tolist(), strict=True):
            if 1 < count <= _MANY:
                own = normalised(self.embeddings[start : start + count])
                alike = np.tril(own @ own.T >= COPY, k=-1)
                for row in np.flatnonzero(alike.any(axis=1)).tolist():
                    kept[start + row] = not (alike[row] & kept[start : start + count]).any()
        return np.flatnonzero(kept)

    def require(self, encoder: str) -> None:
        """Let nothing but embeddings of one encoder meet.

        Raises:
            UsageError: the references were embedded by another than the one of that id.
        """
        if self.encoder != encoder:
            raise UsageError(f"the gallery was embedded by {self.encoder}, not by {encoder}")


def exact_sum(rows: FloatArray) -> NDArray[np.float64]:
    """The sum of rows (n, d) of numbers up to 1, shape (d,); it does not hang on their order."""
    total = np.zeros(rows.shape[1], dtype=np.int64)
    for begin in range(0, len(rows), 4096):
        block = rows[begin : begin + 4096].astype(np.float64)
        total += np.rint(block * _EXACT).astype(np.int64).sum(axis=0)
    return total / _EXACT
