"""Pictures that are probably copies of one: saved again, made smaller, cropped, mirrored,
recoloured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kyara.cluster.heap import Figure
from kyara.errors import PictureError
from kyara.identify.gallery import Indices
from kyara.library.answers import Answers
from kyara.library.figures import of_detector
from kyara.library.store import Library
from kyara.pictures.perceptual import MIRRORED, SIDE, bits_of, perceptual_hash
from kyara.pictures.source import File
from kyara.runtime.workers import mapped, worker_count
from kyara.suggest.kinds import Kind, Suggestion
from kyara.types import Box, Detection, FloatArray, Progress, silent

__all__ = ["copies", "hash_pictures", "pairs_of_copies"]

_BITS = 6
"""By which the hashes of copies differ at most, of 63."""

_BITS_IF_ALIKE = 16
"""The same where the embeddings are alike, too: a margin that was cut off changes many."""

_ALIKE = 0.9
"""Cosine of embeddings from which on that is so."""

_RELATED = 0.25
"""Cosine below which two pictures are no copies, whatever their hashes: of the same shapes in other
colours, as a sprite of another character is."""

_BLOCK = 1024
"""Pictures that are compared with all others at once."""

_SHRUNK = 4 * SIDE
"""Pixels on the longest side that will do for a hash."""


@dataclass(frozen=True)
class _Known:
    """A picture as it is compared.

    Attributes:
        size: width and height.
        vector: the embedding of its largest figure, as bytes.
    """

    digest: bytes
    path: Path
    size: tuple[int, int]
    vector: bytes

    @property
    def figure(self) -> Figure:
        """The whole picture."""
        return Figure(self.path, self.digest, Detection(Box(0, 0, *self.size), "whole"))


def copies(
    library: Library, answers: Answers, progress: Progress = silent
) -> tuple[list[Suggestion], list[PictureError]]:
    """Sets of pictures in a library that are probably copies of one, and why some could not be
    looked at. Files are opened once; where the library may be written, it remembers that."""
    hashes, failed = hash_pictures(library, progress)
    pictures = [one for one in _pictures(library) if one.digest in hashes]
    if len(pictures) < 2:
        return [], failed
    bits = bits_of([hashes[one.digest] for one in pictures])
    vectors = np.frombuffer(b"".join(one.vector for one in pictures), dtype="<f4")
    found = pairs_of_copies(bits, vectors.reshape(len(pictures), -1))
    named = _named(library)
    asked = [
        (n, m)
        for n, m in found.tolist()
        if not answers.are_distinct(pictures[n].digest, pictures[m].digest)
        and _may_be_one(named, pictures[n].digest, pictures[m].digest)
    ]
    return [_suggestion([pictures[n] for n in one]) for one in _connected(asked)], failed


def pairs_of_copies(bits: FloatArray, embeddings: FloatArray) -> Indices:
    """Which two pictures are probably copies, each pair once, ascending; shape (p, 2).

    Args:
        bits: of their hashes, 1 and -1, shape (n, 63).
        embeddings: of one figure each, of length 1, shape (n, d).
    """
    pairs = [np.empty((0, 2), np.intp)]
    width = bits.shape[1]
    for begin in range(0, len(bits), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        common = np.maximum(bits[rows] @ bits.T, (bits[rows] * MIRRORED) @ bits.T)
        differing = (width - common) / 2
        row, column = np.nonzero(differing <= _BITS_IF_ALIKE)
        later = column > begin + row
        row, column = row[later], column[later]
        cosines = np.einsum("nd,nd->n", embeddings[begin + row], embeddings[column])
        near = (differing[row, column] <= _BITS) & (cosines >= _RELATED)
        kept = near | (cosines >= _ALIKE)
        pairs.append(np.stack([begin + row[kept], column[kept]], axis=1))
    return np.concatenate(pairs)


def hash_pictures(
    library: Library, progress: Progress = silent
) -> tuple[dict[bytes, bytes], list[PictureError]]:
    """The hashes of a library's pictures by digest, of those whose files are there; and why some
    have none."""
    known = dict(library.database.rows("SELECT digest, hash FROM hashes"))
    missing = {d: path for d, path in _places(library).items() if d not in known}
    failed: list[PictureError] = []
    made: list[tuple[bytes, bytes]] = []
    with progress("pictures compared", len(missing)) as tick:
        for digest, result in mapped(_hashed, missing.items(), worker_count(), "hash"):
            if isinstance(result, PictureError):
                failed.append(result)
            elif result is not None:
                made.append((digest, result))
            tick()
    if made and not library.database.read_only:
        with library.database.writing():
            library.database.run_many("INSERT OR REPLACE INTO hashes VALUES (?, ?)", made)
    return known | dict(made), failed


def _hashed(place: tuple[bytes, Path]) -> tuple[bytes, bytes | PictureError | None]:
    """None for a file that holds another picture by now: `kyara library update` sees to it."""
    digest, path = place
    try:
        content = File(path).read()
        if content.digest != digest:
            return digest, None
        return digest, perceptual_hash(content.decode(longest=_SHRUNK).image)
    except PictureError as error:
        return digest, error


def _places(library: Library) -> Mapping[bytes, Path]:
    return {one.digest: one.path for one in _pictures(library)}


def _pictures(library: Library) -> Iterator[_Known]:
    """Those with a file and an embedding, by digest; not those that are to be left alone."""
    for digest, path, width, height, vector in library.database.rows(_PICTURES):
        yield _Known(digest, Path(os.fsdecode(path)), (width, height), vector)


def _named(library: Library) -> dict[bytes, set[int]]:
    """Who was said to be in pictures."""
    found: dict[bytes, set[int]] = {}
    query = "SELECT digest, character FROM said WHERE character IS NOT NULL"
    for digest, character in library.database.rows(query):
        found.setdefault(digest, set()).add(character)
    return found


def _may_be_one(named: Mapping[bytes, set[int]], one: bytes, other: bytes) -> bool:
    """Pictures of which it was said that they show different characters are no copies."""
    return one not in named or other not in named or named[one] == named[other]


_PICTURES = (
    "SELECT p.digest, (SELECT path FROM places WHERE picture = p.id AND NOT gone"
    " ORDER BY path LIMIT 1) AS place, width, height, vector"
    " FROM pictures p JOIN embeddings e ON e.encoder = (SELECT encoder FROM library)"
    " AND e.detection = (SELECT d.id FROM detections d"
    f" WHERE d.picture = p.id AND {of_detector('d')}"
    " ORDER BY (box_right - box_left) * (box_bottom - box_top) DESC, d.id LIMIT 1)"
    " WHERE place IS NOT NULL AND width IS NOT NULL"
    " AND p.digest NOT IN (SELECT digest FROM said WHERE ignored AND box = '')"
    " ORDER BY p.digest"
)


def _connected(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Sets in which each is paired with another, ascending."""
    leaders: dict[int, int] = {}

    def leader(one: int) -> int:
        while leaders.setdefault(one, one) != one:
            leaders[one] = leaders[leaders[one]]
            one = leaders[one]
        return one

    for n, m in pairs:
        leaders[leader(m)] = leader(n)
    sets: dict[int, list[int]] = {}
    for one in sorted(leaders):
        sets.setdefault(leader(one), []).append(one)
    return list(sets.values())


def _suggestion(pictures: Sequence[_Known]) -> Suggestion:
    """The largest picture is first: the one to keep."""
    ordered = sorted(pictures, key=lambda one: (-one.size[0] * one.size[1], one.path))
    figures = tuple(one.figure for one in ordered)
    return Suggestion(Kind.COPIES, (), figures, None, len(ordered) - 1)
