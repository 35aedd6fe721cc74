"""The references of a library: the figures that are known to show a character."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyara.errors import DataError
from kyara.library.database import Database
from kyara.library.decisions import check_character_name
from kyara.library.depicted import Depicted, SeveralFigures, depicted
from kyara.library.figures import figures_of, named_alone, of_detector, said_of_figures
from kyara.types import Box, Detection, FloatArray, as_embeddings

__all__ = [
    "SHOWN",
    "References",
    "Rejected",
    "read_others",
    "read_references",
    "read_rejected",
    "singled_out",
    "vectors_of",
]

_ROWS = 4096


@dataclass(frozen=True)
class References:
    """The references of a library, one figure each, sorted by character.

    Attributes:
        characters: the name for each, length n.
        digests: of the pictures, length n.
        paths: where the pictures are, were, or what the file was called; length n.
        names: what the files were called when they were first seen, length n.
        boxes: the figures in their pictures, shape (n, 4).
        kinds: `head`, `figure` or `whole`, length n.
        scores: of the detector, length n.
        embeddings: shape (n, d).
        several: the pictures in which a figure had to be chosen, or none could be.
    """

    characters: tuple[str, ...]
    digests: tuple[bytes, ...]
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    boxes: NDArray[np.float64]
    kinds: tuple[str, ...]
    scores: tuple[float, ...]
    embeddings: FloatArray
    several: tuple[SeveralFigures, ...] = ()

    def detection(self, n: int) -> Detection:
        """The `n`-th figure."""
        return Detection(Box(*self.boxes[n].tolist()), self.kinds[n], self.scores[n])

    def only(self, which: Depicted) -> References:
        """Those that were kept, and why the others were not."""
        several = tuple(self._several(group.tolist(), taken) for group, taken in which.several)
        return replace(self.rows(which.kept), several=several)

    def rows(self, kept: NDArray[np.intp]) -> References:
        """Some of them, ascending (r,)."""
        rows = kept.tolist()
        return References(
            tuple(self.characters[n] for n in rows),
            tuple(self.digests[n] for n in rows),
            tuple(self.paths[n] for n in rows),
            tuple(self.names[n] for n in rows),
            self.boxes[kept],
            tuple(self.kinds[n] for n in rows),
            tuple(self.scores[n] for n in rows),
            self.embeddings[kept],
        )

    def _several(self, rows: Sequence[int], taken: int | None) -> SeveralFigures:
        boxes = tuple(self.detection(n).box for n in rows)
        chosen = None if taken is None else self.detection(taken).box
        first = rows[0]
        return SeveralFigures(
            self.characters[first], self.paths[first], boxes, chosen, self.digests[first]
        )


@dataclass(frozen=True, eq=False)
class Rejected:
    """Figures that are known not to show a character, one row for each of the two.

    Attributes:
        characters: the name for each, length n.
        embeddings: shape (n, d).
    """

    characters: tuple[str, ...]
    embeddings: FloatArray


def read_references(database: Database, dimension: int) -> References:
    """All of them, with their embeddings by the library's encoder. Of a picture in which several
    figures may be the character, only the one that `depicted` tells.

    Raises:
        DataError: an embedding is not as it should be.
        UsageError: a character has a name that none can have: the file was not written by Kyara.
    """
    for (name,) in database.rows("SELECT name FROM characters"):
        check_character_name(name, database.path)
    singled = (json.dumps(singled_out(database)),)
    count = database.row(f"{SHOWN} SELECT COUNT(*) {_FROM}", singled)[0]
    embeddings = np.empty((count, dimension), dtype=np.float32)
    boxes = np.empty((count, 4), dtype=np.float64)
    certain = np.empty(count, dtype=np.bool_)
    columns: list[tuple[object, ...]] = []
    query = f"{SHOWN} SELECT {_COLUMNS}, vector {_FROM} ORDER BY shown.name, p.id, d.id"
    for rows in database.chunks(query, singled, _ROWS):
        block = slice(len(columns), len(columns) + len(rows))
        embeddings[block] = vectors_of(database, [row[-1] for row in rows], dimension)
        boxes[block] = [row[6:10] for row in rows]
        certain[block] = [row[10] for row in rows]
        columns += [row[:6] for row in rows]
    names, digests, paths, files, kinds, scores = (
        zip(*columns, strict=True) if columns else [()] * 6
    )
    found = References(
        names,
        digests,
        tuple(Path(os.fsdecode(path)) for path in paths),
        tuple(name.decode("utf-8", "replace") for name in files),
        boxes,
        kinds,
        scores,
        _checked(embeddings, database),
    )
    keys = list(zip(names, digests, strict=True))
    which = depicted(keys, found.embeddings, boxes, certain)
    return found if len(which.kept) == count else found.only(which)


def read_others(database: Database, dimension: int) -> FloatArray:
    """The embeddings (n, d) by the library's encoder of the figures that are no references.

    Raises:
        DataError: an embedding is not as it should be.
    """
    query = (
        f"{SHOWN} SELECT vector FROM embeddings WHERE encoder = (SELECT encoder FROM library)"
        " AND detection NOT IN (SELECT detection FROM shown) ORDER BY detection"
    )
    parts = [np.empty((0, dimension), dtype=np.float32)]
    for rows in database.chunks(query, (json.dumps(singled_out(database)),), _ROWS):
        parts.append(vectors_of(database, [row[0] for row in rows], dimension))
    return _checked(np.concatenate(parts), database)


def read_rejected(database: Database, dimension: int) -> Rejected:
    """Those that it has embeddings of, by the library's encoder.

    Raises:
        DataError: an embedding is not as it should be.
    """
    names: list[str] = []
    parts = [np.empty((0, dimension), dtype=np.float32)]
    for (digest,) in database.rows("SELECT DISTINCT digest FROM rejections ORDER BY digest"):
        figures = figures_of(database, digest)
        said = said_of_figures(database, digest, [detection for _, detection in figures])
        for (row, _), word in zip(figures, said, strict=True):
            stored = database.row(_VECTOR, (row,))
            if stored is not None and word.rejected:
                names += sorted(word.rejected)
                parts += [vectors_of(database, [stored[0]], dimension)] * len(word.rejected)
    return Rejected(tuple(names), _checked(np.concatenate(parts), database))


_VECTOR = (
    "SELECT vector FROM embeddings WHERE detection = ? AND encoder = (SELECT encoder FROM library)"
)


def vectors_of(database: Database, stored: Sequence[bytes], dimension: int) -> FloatArray:
    """Embeddings (n, d) as they are stored.

    Raises:
        DataError: one has another length.
    """
    vectors = b"".join(stored)
    if len(vectors) != 4 * dimension * len(stored):
        raise DataError(
            "an embedding has the wrong length",
            where=database.path,
            hint="kyara library check tells which",
        )
    return np.frombuffer(vectors, dtype="<f4").reshape(len(stored), dimension)


def _checked(embeddings: FloatArray, database: Database) -> FloatArray:
    try:
        return as_embeddings(embeddings)
    except ValueError as error:
        what = f"an embedding is damaged: {error}"
        hint = "kyara library check tells which"
        raise DataError(what, where=database.path, hint=hint) from error


def singled_out(database: Database) -> list[tuple[int, str, bool]]:
    """Where something was said of single figures: ids of the detections that show a character,
    with its name, and whether that was said of this very one. They are few, and to match boxes
    takes more than SQL."""
    shown = []
    for (digest,) in database.rows(f"SELECT digest FROM ({_WITH_BOXES}) ORDER BY digest"):
        figures = figures_of(database, digest)
        detections = [detection for _, detection in figures]
        own = named_alone(database, digest, detections)
        shown += [
            (row, word.character, n in own)
            for n, ((row, _), word) in enumerate(
                zip(figures, said_of_figures(database, digest, detections), strict=True)
            )
            if word.character is not None
        ]
    return shown


_WITH_BOXES = (
    "SELECT digest FROM said WHERE box <> '' UNION SELECT digest FROM rejections WHERE box <> ''"
)
SHOWN = (
    "WITH shown (detection, name, certain) AS (SELECT d.id, c.name, 0 FROM said s"
    " JOIN characters c ON c.id = s.character JOIN pictures p ON p.digest = s.digest"
    f" JOIN detections d ON d.picture = p.id WHERE {of_detector('d')}"
    f" AND s.digest NOT IN ({_WITH_BOXES}) UNION ALL"
    " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]') FROM json_each(?1))"
)
"""Begins a query with the table `shown`: the detections that are references, and of whom. It takes
what `singled_out` returns, as JSON."""
_FROM = (
    "FROM shown JOIN detections d ON d.id = shown.detection JOIN pictures p ON p.id = d.picture"
    " JOIN embeddings e ON e.detection = d.id WHERE e.encoder = (SELECT encoder FROM library)"
)
_COLUMNS = (
    "shown.name, p.digest, COALESCE((SELECT path FROM places WHERE picture = p.id"
    " ORDER BY gone, path LIMIT 1), p.name), p.name, d.kind, d.score,"
    " box_left, box_top, box_right, box_bottom, shown.certain"
)
