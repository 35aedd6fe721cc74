"""A heap of pictures, grouped: that of a library, or of files."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kyara.cluster.grouping import ALONE, Indices, group_figures
from kyara.cluster.perhaps import NamedCharacters, Perhaps
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PluginError
from kyara.identify.judge import Rule
from kyara.identify.references import LibraryReferences
from kyara.library.answers import Answers, read_answers
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.unnamed import Unnamed, keep_groups, read_unnamed
from kyara.types import Detection, FloatArray, normalised

__all__ = [
    "Figure",
    "Group",
    "Grouped",
    "Perhaps",
    "group_library",
    "group_pictures",
    "similarity_of",
]


@dataclass(frozen=True)
class Figure:
    """A figure in a picture.

    Attributes:
        typical: how like the others of its group it is, cosine; 0 for one that is alone.
    """

    path: Path
    digest: bytes
    detection: Detection
    typical: float = 0.0


@dataclass(frozen=True)
class Group:
    """Figures that seem to show one character, the most typical first.

    Attributes:
        number: by which it is spoken of.
        perhaps: the named character that it may be, if there is one that is likely.
    """

    number: int
    figures: tuple[Figure, ...]
    perhaps: Perhaps | None = None

    @property
    def pictures(self) -> int:
        """In how many pictures they are."""
        return len({figure.digest for figure in self.figures})


@dataclass(frozen=True)
class Grouped:
    """What became of a heap.

    Attributes:
        groups: the largest first.
        alone: figures that are in no group.
    """

    groups: tuple[Group, ...]
    alone: tuple[Figure, ...]


def similarity_of(encoder: Encoder) -> float:
    """From which cosine on, as seen from their centre, two of its embeddings are neighbours.

    Raises:
        PluginError: that was not measured for this model.
    """
    spec = encoder.manifest.grouping
    if spec is None:
        raise PluginError(
            f"the model {encoder.name} does not say how alike the pictures of a group are",
            hint="give a similarity: --similarity 0.45, less for larger groups",
        )
    return spec.similarity


def group_pictures(pictures: Iterable[EmbeddedPicture], similarity: float) -> Grouped:
    """The groups of embedded pictures; those with an error have no figures.

    Args:
        similarity: see `similarity_of`.
    """
    figures: list[Figure] = []
    rows: list[FloatArray] = []
    for picture in pictures:
        if picture.digest is not None and len(picture.embeddings):
            figures += [Figure(picture.path, picture.digest, d) for d in picture.detections]
            rows.append(picture.embeddings)
    if not rows:
        return Grouped((), ())
    found = _found(np.concatenate(rows), similarity)
    groups = (Group(n, _figures(figures, one)) for n, one in enumerate(found, start=1))
    return Grouped(tuple(groups), _alone(figures, found))


def group_library(
    library: Library, encoder: Encoder, rule: Rule, similarity: float | None = None
) -> Grouped:
    """The groups of the figures that nobody named in a library. It remembers them, so that one
    can be spoken of by its number.

    Args:
        encoder: the library's.
        rule: judges whether a group is a named character.
        similarity: by default that of the model; see `similarity_of`.

    Raises:
        UsageError: the encoder is not the library's.
        PluginError: no similarity was measured for the model.
        DataError: an embedding is not as it should be.
        OutputError: the library was opened for reading only.
    """
    if similarity is None:
        similarity = similarity_of(encoder)
    library.require(encoder)
    unnamed = read_unnamed(library.database, library.encoder.dimension)
    parts = zip(unnamed.paths, unnamed.digests, unnamed.detections, strict=True)
    figures = [Figure(*part) for part in parts]
    found = _joined(_found(unnamed.embeddings, similarity), unnamed, read_answers(library.database))
    numbers = keep_groups(library.database, [_subjects(one, unnamed) for one in found])
    suggests = None
    if library.decisions.characters():
        named = LibraryReferences(library).embedded(encoder)
        suggests = NamedCharacters.of(unnamed, named, rule)
    groups = (
        Group(
            number,
            _figures(figures, one),
            None if suggests is None else suggests.likely(one.places),
        )
        for number, one in zip(numbers, found, strict=True)
    )
    return Grouped(tuple(groups), _alone(figures, found))


@dataclass(frozen=True, eq=False)
class _Found:
    """A group: which figures, the most typical first, and how typical each is."""

    places: Indices
    typical: FloatArray


def _found(embeddings: FloatArray, similarity: float) -> list[_Found]:
    numbers = group_figures(embeddings, similarity)
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(numbers.max(initial=ALONE) + 2))
    return [
        _sorted(order[begin:end], embeddings) for begin, end in itertools.pairwise(starts.tolist())
    ]


def _subjects(found: _Found, unnamed: Unnamed) -> list[Subject]:
    return [unnamed.subject(n) for n in found.places.tolist()]


def _joined(found: list[_Found], unnamed: Unnamed, answers: Answers) -> list[_Found]:
    """The groups, those as one that a person said to be one; the largest first."""
    joined = answers.joined({n: _subjects(one, unnamed) for n, one in enumerate(found)})
    if not joined:
        return found
    apart = {n for numbers in joined for n in numbers}
    left = [one for n, one in enumerate(found) if n not in apart]
    left += [
        _sorted(np.concatenate([found[n].places for n in numbers]), unnamed.embeddings)
        for numbers in joined
    ]
    return sorted(left, key=lambda one: -len(one.places))


def _sorted(places: Indices, embeddings: FloatArray) -> _Found:
    rows = embeddings[places]
    typical = rows @ normalised(rows.mean(axis=0)[np.newaxis])[0]
    order = np.argsort(-typical, kind="stable")
    return _Found(places[order], typical[order])


def _figures(figures: Sequence[Figure], found: _Found) -> tuple[Figure, ...]:
    pairs = zip(found.places.tolist(), found.typical.tolist(), strict=True)
    return tuple(replace(figures[n], typical=typical) for n, typical in pairs)


def _alone(figures: Sequence[Figure], found: Sequence[_Found]) -> tuple[Figure, ...]:
    grouped = {n for one in found for n in one.places.tolist()}
    return tuple(figure for n, figure in enumerate(figures) if n not in grouped)
