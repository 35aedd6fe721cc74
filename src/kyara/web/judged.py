"""What a library's references say of its other figures, at one moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.identify.answer import Answer, answers_by_picture
from kyara.identify.default import choose_judge
from kyara.identify.judge import Rule
from kyara.identify.references import EmbeddedReferences, LibraryReferences
from kyara.library.figures import as_text
from kyara.library.referred import References
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.unnamed import Unnamed, read_unnamed
from kyara.types import FloatArray, Match, normalised

__all__ = ["Judged", "NearFigure", "judge_library"]

_TOP = 5
"""Characters to name for a figure."""


@dataclass(frozen=True)
class NearFigure:
    """A figure of the library, how alike it is, and whom it is known to show."""

    subject: Subject
    score: float
    character: str | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """See the module.

    Attributes:
        known: the references as a gallery; None if there are none.
        references: the same, each with its picture and box.
        unnamed: the figures that nobody named.
        rule: fitted to all of them.
    """

    known: EmbeddedReferences | None
    references: References
    unnamed: Unnamed
    rule: Rule
    encoder: Encoder

    @cached_property
    def scores(self) -> FloatArray:
        """Of the unnamed figures against the characters, shape (n, c); whom one was said not to
        show scores -inf. Without references, shape (n, 0)."""
        if self.known is None or not len(self.unnamed.embeddings):
            return np.empty((len(self.unnamed.embeddings), 0), dtype=np.float32)
        gallery = self.known.in_memory
        scores = self.rule.judge.scores(self.unnamed.embeddings, gallery)
        for row, said in zip(scores, self.unnamed.said, strict=True):
            places = (gallery.index(name) for name in said.rejected)
            row[[place for place in places if place is not None]] = -np.inf
        return scores

    @cached_property
    def by_doubt(self) -> list[int]:
        """Rows of `unnamed`: first those whose best score is nearest to where `unknown` begins."""
        if not self.scores.size:
            return []
        threshold = self.rule.threshold or 0.0
        distance = np.abs(self.scores.max(axis=1) - threshold)
        return [int(n) for n in np.argsort(distance, kind="stable")]

    @cached_property
    def _row_of(self) -> dict[tuple[bytes, str], int]:
        return {_key(self.unnamed.subject(n)): n for n in range(len(self.unnamed.digests))}

    def _rows(self, figures: Iterable[Subject]) -> list[int]:
        found = (self._row_of.get(_key(figure)) for figure in figures)
        return [row for row in found if row is not None]

    def candidates(self, figures: Iterable[Subject]) -> list[Match]:
        """Whom figures without a name, of one character, may show: by their mean score, the
        likeliest first; nobody whom one of them was said not to show."""
        rows = self._rows(figures)
        if self.known is None or not rows:
            return []
        gallery, mean = self.known.in_memory, self.scores[rows].mean(axis=0)
        found = []
        for n in np.argsort(-mean, kind="stable")[:_TOP].tolist():
            if np.isfinite(mean[n]):
                probability = self.rule.judge.probability(float(mean[n]), int(gallery.counts[n]))
                found.append(Match(gallery.characters[n], float(mean[n]), probability))
        return found

    def centre(self, figures: Iterable[Subject]) -> FloatArray:
        """The mean embedding (d,) of figures without a name, of length 1."""
        rows = self._rows(figures)
        centre: FloatArray = normalised(self.unnamed.embeddings[rows].mean(axis=0, keepdims=True))
        return np.asarray(centre[0])

    def answers(self, pictures: Iterable[EmbeddedPicture]) -> Iterator[list[Answer]]:
        """Who is in pictures, figure by figure; none without references."""
        if self.known is None:
            return iter([[] for _ in pictures])
        return answers_by_picture(
            self.known.watch(pictures),
            self.known.in_memory,
            self.encoder,
            self.rule,
            top=_TOP,
            said_of=self.known.said,
        )

    def nearest(
        self, match: Match, probe: FloatArray, own: Subject | None, count: int
    ) -> list[NearFigure]:
        """References of a character that are most like a probe (d,), but for `own`, which is the
        probe."""
        names = self.references.characters  # sorted
        rows = range(bisect_left(names, match.character), bisect_right(names, match.character))
        chosen = [n for n in rows if own is None or _key(self._subject(n)) != _key(own)]
        if not chosen:
            return []
        (scores,) = self.encoder.similarity(probe[np.newaxis], self.references.embeddings[chosen])
        order = np.argsort(-scores, kind="stable")[:count].tolist()
        return [
            NearFigure(self._subject(chosen[n]), float(scores[n]), match.character) for n in order
        ]

    def similar(self, probe: FloatArray, own: Subject, count: int) -> list[NearFigure]:
        """The figures of the whole library that are most like a probe (d,), but for itself."""
        rows = np.concatenate([self.references.embeddings, self.unnamed.embeddings])
        if not len(rows):
            return []
        (scores,) = self.encoder.similarity(probe[np.newaxis], rows)
        found = []
        for n in np.argsort(-scores, kind="stable")[: count + 1].tolist():
            near = self._figure(n, float(scores[n]))
            if _key(near.subject) != _key(own):
                found.append(near)
        return found[:count]

    def _figure(self, n: int, score: float) -> NearFigure:
        known = len(self.references.characters)
        if n < known:
            return NearFigure(self._subject(n), score, self.references.characters[n])
        return NearFigure(self.unnamed.subject(n - known), score)

    def _subject(self, n: int) -> Subject:
        found = self.references.detection(n)
        return Subject(self.references.digests[n], None if found.kind == "whole" else found.box)


def _key(figure: Subject) -> tuple[bytes, str]:
    """What a figure is known by: tables hold boxes as text, with fewer digits."""
    return figure.digest, as_text(figure.box)


def judge_library(library: Library, references: LibraryReferences, encoder: Encoder) -> Judged:
    """The library as it is now.

    Raises:
        DataError: an embedding is not as it should be.
        UsageError: the library is of another encoder.
    """
    with library.database.snapshot():
        found = library.references()
        known = references.embedded(encoder) if found.characters else None
        unnamed = read_unnamed(library.database, library.encoder.dimension)
    rule = choose_judge(encoder)
    return Judged(known, found, unnamed, rule if known is None else known.fit(rule), encoder)
