"""The figures of a library of which nobody has said whom they show, and their groups."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from kyara.errors import DataError, UsageError
from kyara.library.answers import read_answers
from kyara.library.database import Database
from kyara.library.figures import as_text, of_detector, parse_box, said_of_figures
from kyara.library.referred import SHOWN, singled_out, vectors_of
from kyara.library.said import NOTHING, Said, Subject
from kyara.types import Box, Detection, FloatArray, as_embeddings

__all__ = ["Unnamed", "keep_groups", "members", "read_grouped", "read_unnamed"]

_ROWS = 4096


@dataclass(frozen=True)
class Unnamed:
    """Figures that are references of nobody, and not to be left alone; by picture.

    Attributes:
        digests: of the pictures, length n.
        paths: where the pictures are, were, or what the file was called; length n.
        detections: length n.
        said: what was said of each: whom it does not show; length n.
        embeddings: shape (n, d).
    """

    digests: tuple[bytes, ...]
    paths: tuple[Path, ...]
    detections: tuple[Detection, ...]
    said: tuple[Said, ...]
    embeddings: FloatArray

    def subject(self, n: int) -> Subject:
        """What a decision about the `n`-th figure is about. What is the whole picture stays so,
        should a detector find figures in it later."""
        found = self.detections[n]
        return Subject(self.digests[n], None if found.kind == "whole" else found.box)


def read_unnamed(database: Database, dimension: int) -> Unnamed:
    """All of them, with their embeddings by the library's encoder.

    Raises:
        DataError: an embedding is not as it should be.
    """
    rows: list[tuple[Any, ...]] = []
    parts = [np.empty((0, dimension), dtype=np.float32)]
    with database.snapshot():
        parameters = (json.dumps(singled_out(database)),)
        for chunk in database.chunks(_QUERY, parameters, _ROWS):
            parts.append(vectors_of(database, [row[-1] for row in chunk], dimension))
            rows += [tuple(row[:-1]) for row in chunk]
        detections = [Detection(Box(*row[2:6]), row[6], row[7]) for row in rows]
        said = _said(database, [row[0] for row in rows], detections)
    kept = [n for n, word in enumerate(said) if word.character is None and not word.ignored]
    try:
        embeddings = as_embeddings(np.concatenate(parts)[kept])
    except ValueError as error:
        raise DataError(
            f"an embedding is damaged: {error}",
            where=database.path,
            hint="kyara library check tells which",
        ) from error
    return Unnamed(
        tuple(rows[n][0] for n in kept),
        tuple(Path(os.fsdecode(rows[n][1])) for n in kept),
        tuple(detections[n] for n in kept),
        tuple(said[n] for n in kept),
        embeddings,
    )


def _said(
    database: Database, digests: Sequence[bytes], detections: Sequence[Detection]
) -> list[Said]:
    """What was said of each figure; those of a picture stand together."""
    query = "SELECT digest FROM said UNION SELECT digest FROM rejections"
    spoken_of = {digest for (digest,) in database.rows(query)}
    said: list[Said] = []
    for digest, group in groupby(zip(digests, detections, strict=True), key=lambda one: one[0]):
        figures = [detection for _, detection in group]
        if digest in spoken_of:
            said += said_of_figures(database, digest, figures)
        else:
            said += [NOTHING] * len(figures)
    return said


_QUERY = (
    f"{SHOWN} SELECT p.digest, COALESCE((SELECT path FROM places WHERE picture = p.id"
    " ORDER BY gone, path LIMIT 1), p.name), box_left, box_top, box_right, box_bottom,"
    " d.kind, d.score, vector"
    " FROM detections d JOIN pictures p ON p.id = d.picture JOIN embeddings e ON e.detection = d.id"
    f" WHERE e.encoder = (SELECT encoder FROM library) AND {of_detector('d')}"
    " AND d.id NOT IN (SELECT detection FROM shown) ORDER BY p.digest, d.id"
)


def keep_groups(database: Database, groups: Sequence[Sequence[Subject]]) -> list[int]:
    """Remember these groups in the place of the former ones, and number them.

    A group keeps the number of the former one from which most of its figures come; of two that
    claim a number, that which comes first has it. Numbers that are free are not given again.
    """
    with database.writing():
        former = read_grouped(database)
        keys = [[(one.digest, as_text(one.box)) for one in group] for group in groups]
        numbers = [
            _new_number(database) if number is None else number
            for number in _inherited(keys, former)
        ]
        database.run("DELETE FROM grouped")
        for number, group in zip(numbers, keys, strict=True):
            database.run_many(
                "INSERT INTO grouped (digest, box, number) VALUES (?, ?, ?)",
                ((digest, box, number) for digest, box in group),
            )
        database.run("DELETE FROM groups WHERE number NOT IN (SELECT number FROM grouped)")
    return numbers


def read_grouped(database: Database) -> dict[tuple[bytes, str], int]:
    """The number of each figure's group, by digest and box (as text), as far as it has one."""
    rows = database.rows("SELECT digest, box, number FROM grouped ORDER BY digest, box")
    return {(bytes(digest), box): number for digest, box, number in rows}


def _new_number(database: Database) -> int:
    database.run("INSERT INTO groups DEFAULT VALUES")
    return int(database.row("SELECT MAX(number) FROM groups")[0])


def _inherited(
    groups: Sequence[Sequence[tuple[bytes, str]]], former: dict[tuple[bytes, str], int]
) -> list[int | None]:
    taken: set[int] = set()
    numbers: list[int | None] = []
    for group in groups:
        votes = Counter(former[key] for key in group if key in former)
        best = next((n for n, _ in votes.most_common() if n not in taken), None)
        if best is not None:
            taken.add(best)
        numbers.append(best)
    return numbers


def members(database: Database, number: int) -> list[Subject]:
    """The figures in the group of that number, and in those that were said to be the same.

    Raises:
        UsageError: there is no such group.
    """
    groups: dict[int, list[Subject]] = {}
    for (digest, box), of in read_grouped(database).items():
        groups.setdefault(of, []).append(Subject(digest, parse_box(box)))
    if number not in groups:
        raise UsageError(
            f"there is no group {number}", where=database.path, hint="kyara group lists them"
        )
    joined = read_answers(database).joined(groups)
    numbers = next((one for one in joined if number in one), [number])
    return [subject for one in numbers for subject in groups[one]]
