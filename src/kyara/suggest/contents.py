"""What a library holds, as suggestions look at it: its groups and its characters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kyara.cluster.grouping import Indices
from kyara.cluster.heap import Figure
from kyara.encode.encoder import Encoder
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Rule
from kyara.library.answers import Answers, Stance, read_answers
from kyara.library.figures import as_text
from kyara.library.referred import References, Rejected
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.unnamed import Unnamed, read_grouped, read_unnamed
from kyara.suggest.kinds import Side, subject_of
from kyara.types import FloatArray, normalised

__all__ = ["Contents", "Member", "read_contents"]

_SHOWN = 8
"""Figures of a side to show: enough for a strip."""


@dataclass(frozen=True, eq=False)
class Member:
    """A group or a character, with its figures.

    Attributes:
        side: for people.
        places: of its figures in `Unnamed` or `References`, the most typical first, shape (k,).
        embeddings: the same, shape (k, d).
        stance: what it was said to be different from.
    """

    side: Side
    places: Indices
    embeddings: FloatArray
    stance: Stance


@dataclass(frozen=True, eq=False)
class Contents:
    """A library as it is at one moment.

    Attributes:
        unnamed: the figures without a name.
        groups: those that they were put into, as far as they are still without a name.
        references: of the characters, each picture once.
        characters: by name.
        rejected: figures that were said not to show a character.
        answers: what was answered before.
        rule: judges.
        encoder: the id of the library's.
    """

    unnamed: Unnamed
    groups: tuple[Member, ...]
    references: References
    characters: tuple[Member, ...]
    rejected: Rejected
    answers: Answers
    rule: Rule
    encoder: str

    @property
    def alone(self) -> FloatArray:
        """The embeddings of the figures in no group, shape (n, d)."""
        left = np.ones(len(self.unnamed.embeddings), dtype=bool)
        for group in self.groups:
            left[group.places] = False
        return self.unnamed.embeddings[left]

    def gallery(self) -> Gallery:
        """The references, by character."""
        names = tuple(dict.fromkeys(self.references.characters))
        return Gallery(
            self.encoder,
            names,
            self.references.embeddings,
            np.searchsorted(self.references.characters, names),
            self.references.paths,
        )

    def reference(self, n: int) -> Figure:
        """The `n`-th reference."""
        known = self.references
        return Figure(known.paths[n], known.digests[n], known.detection(n))


def read_contents(library: Library, encoder: Encoder, rule: Rule) -> Contents:
    """What is in a library, with the groups that `kyara group` found last.

    Raises:
        UsageError: the encoder is not the library's.
        DataError: an embedding is not as it should be.
    """
    library.require(encoder)
    with library.database.snapshot():
        unnamed = read_unnamed(library.database, library.encoder.dimension)
        grouped = read_grouped(library.database)
        answers = read_answers(library.database)
        references = library.references()
        rejected = library.rejected()
    found = Contents(unnamed, (), references, (), rejected, answers, rule, encoder.id)
    if references.characters:
        kept = found.gallery().rows_without_copies()
        found = replace(found, references=references.rows(kept))
    return replace(
        found, groups=tuple(_groups(found, grouped)), characters=tuple(_characters(found))
    )


def _groups(found: Contents, grouped: dict[tuple[bytes, str], int]) -> list[Member]:
    places: dict[int, list[int]] = defaultdict(list)
    subjects: dict[int, list[Subject]] = defaultdict(list)
    for n, digest in enumerate(found.unnamed.digests):
        subject = found.unnamed.subject(n)
        number = grouped.get((digest, as_text(subject.box)))
        if number is not None:
            places[number].append(n)
            subjects[number].append(subject)
    for first, *others in found.answers.joined(subjects):
        for other in others:
            places[first] += places.pop(other)
            subjects[first] += subjects.pop(other)
    made = []
    for number, rows in sorted(places.items()):
        order, embeddings = _most_typical(np.asarray(rows), found.unnamed.embeddings)
        figures = [_unnamed(found.unnamed, n) for n in order[:_SHOWN].tolist()]
        side = Side(number, None, tuple(figures), _pictures(found.unnamed.digests, rows))
        made.append(Member(side, order, embeddings, found.answers.stance(subjects[number])))
    return made


def _characters(found: Contents) -> list[Member]:
    if not found.references.characters:
        return []
    gallery, made = found.gallery(), []
    for name in gallery.characters:
        span = gallery.references_of(name)
        rows = np.arange(span.start, span.stop)
        order, embeddings = _most_typical(rows, found.references.embeddings)
        figures = [found.reference(n) for n in order.tolist()]
        stance = found.answers.stance(map(subject_of, figures), name)
        pictures = _pictures(found.references.digests, rows.tolist())
        side = Side(None, name, tuple(figures[:_SHOWN]), pictures)
        made.append(Member(side, order, embeddings, stance))
    return made


def _most_typical(places: Indices, embeddings: FloatArray) -> tuple[Indices, FloatArray]:
    rows = embeddings[places]
    typical = rows @ normalised(rows.mean(axis=0)[np.newaxis])[0]
    order = np.argsort(-typical, kind="stable")
    return places[order], rows[order]


def _unnamed(unnamed: Unnamed, n: int) -> Figure:
    return Figure(unnamed.paths[n], unnamed.digests[n], unnamed.detections[n])


def _pictures(digests: Sequence[bytes], places: Sequence[int]) -> int:
    return len({digests[n] for n in places})
