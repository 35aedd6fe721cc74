"""Is a library whole, and what in it deserves a look?"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kyara.errors import KyaraError, UsageError
from kyara.library.database import Database
from kyara.library.decisions import check_character_name
from kyara.library.roots import shown_at
from kyara.library.schema import migrate
from kyara.library.store import GONE, Library
from kyara.library.verdicts import DERIVED, rebuild

__all__ = ["FEW", "Checked", "check"]

FEW = 3
"""References below which a character is weak: one odd picture among them decides too much."""


_ROWS = 4096
_LARGEST = 1e9
"""Numbers of an embedding are about 1, or, as a network gives them, some hundreds."""


@dataclass
class Checked:
    """What a check found.

    Attributes:
        problems: what is wrong with the file, in words; none in a healthy one.
        gone: pictures whose files are no longer there, by the last path.
        missing: pictures without an embedding by the library's encoder, by path.
        weak: characters with fewer than `FEW` references, and how many they have.
        contradicted: pictures that stand in the folders of several characters: a path for each.
    """

    problems: list[str] = field(default_factory=list)
    gone: list[Path] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    weak: dict[str, int] = field(default_factory=dict)
    contradicted: list[dict[str, Path]] = field(default_factory=list)


def check(library: Library) -> Checked:
    """Look at everything in the file; nothing is changed, and no picture is read."""
    database = library.database
    result = Checked()
    rows = database.rows("PRAGMA integrity_check")
    result.problems += [f"the file is damaged: {row[0]}" for row in rows if row[0] != "ok"]
    if result.problems:
        return result  # what else would be said cannot be relied upon
    result.problems += [
        f"a row of {row[0]} points to a row of {row[2]} that is not there"
        for row in database.rows("PRAGMA foreign_key_check")
    ]
    result.problems += _derived_otherwise(database)
    result.problems += _bad_embeddings(database)
    result.problems += _bad_names(database)
    place = "COALESCE((SELECT path FROM places WHERE picture = id LIMIT 1), name)"
    result.gone = _paths(
        database,
        f"SELECT {place} FROM pictures WHERE {GONE} ORDER BY 1",
    )
    result.missing = _paths(
        database,
        f"SELECT {place} FROM pictures WHERE id NOT IN (SELECT d.picture FROM detections d"
        " JOIN embeddings e ON e.detection = d.id"
        " WHERE e.encoder = (SELECT encoder FROM library)) ORDER BY 1",
    )
    result.weak = {
        one.name: one.references for one in library.decisions.characters() if one.references < FEW
    }
    result.contradicted = _contradicted(library)
    return result


def _contradicted(library: Library) -> list[dict[str, Path]]:
    rows = library.database.rows(
        "SELECT picture, path FROM places WHERE NOT gone AND picture IN"
        " (SELECT picture FROM places WHERE NOT gone GROUP BY picture HAVING COUNT(*) > 1)"
        " ORDER BY picture, path"
    )
    roots = library.roots()
    found: dict[int, dict[str, Path]] = {}
    for picture, key in rows:
        path = Path(os.fsdecode(key))
        name = shown_at(path, roots)
        if name is not None:
            found.setdefault(picture, {}).setdefault(name, path)
    return [places for places in found.values() if len(places) > 1]


def _derived_otherwise(database: Database) -> list[str]:
    """Tables that do not hold what the log of decisions comes to."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        copy = Database(database.path, connection, read_only=False)
        rows = database.rows("SELECT id, time, source, kind, payload, undoes FROM decisions")
        copy.run_many("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?)", rows)
        try:
            rebuild(copy)
        except KyaraError as error:
            return [f"the decisions contradict each other: {error.what}"]
        return [
            f"the table {table} does not hold what was decided"
            for table in DERIVED
            if sorted(map(repr, copy.rows(f"SELECT * FROM {table}")))
            != sorted(map(repr, database.rows(f"SELECT * FROM {table}")))
        ]


def _bad_embeddings(database: Database) -> list[str]:
    problems = []
    query = (
        "SELECT detection, dimension, vector FROM embeddings JOIN encoders ON id = encoder"
        " ORDER BY detection"
    )
    for rows in database.chunks(query, (), _ROWS):
        for detection, dimension, vector in rows:
            fault = _fault(vector, dimension)
            if fault is not None:
                problems.append(f"the embedding of detection {detection} {fault}")
    return problems


def _fault(vector: object, dimension: int) -> str | None:
    """What is wrong with an embedding, if anything is."""
    if not isinstance(vector, bytes) or len(vector) != 4 * dimension:
        return "has the wrong length"
    numbers = np.frombuffer(vector, dtype="<f4")
    if not np.isfinite(numbers).all():
        return "holds what is no number"
    largest = float(np.abs(numbers).max(initial=0.0))
    if largest == 0:
        return "is zero, which is like nothing"
    if largest > _LARGEST:
        return "has numbers that no model gives"
    return None


def _bad_names(database: Database) -> list[str]:
    problems = []
    for (name,) in database.rows("SELECT name FROM characters ORDER BY id"):
        try:
            check_character_name(name)
        except UsageError as error:
            problems.append(error.what)
    return problems


def _paths(database: Database, query: str) -> list[Path]:
    return [Path(os.fsdecode(path)) for (path,) in database.rows(query)]
