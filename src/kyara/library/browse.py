"""Looking through a library some entries at a time: characters, groups, pictures, and what was
said of them. Nothing here reads an embedding, so it is as quick for many pictures as for few.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from kyara.errors import UsageError
from kyara.library.decisions import Character
from kyara.library.figures import figures_of, parse_box, said_of_figures
from kyara.library.log import Decision, read_log
from kyara.library.said import Said, Subject
from kyara.library.store import Library
from kyara.types import Detection

__all__ = [
    "CharacterEntry",
    "GroupEntry",
    "PictureEntry",
    "ReferenceEntry",
    "characters",
    "count_groups",
    "count_members",
    "group_members",
    "groups",
    "history",
    "picture",
    "pictures",
    "references",
]


@dataclass(frozen=True)
class CharacterEntry:
    """A character.

    Attributes:
        cover: a reference to show for it; None if it has none whose picture is here.
    """

    character: Character
    cover: Subject | None


@dataclass(frozen=True)
class ReferenceEntry:
    """A reference of a character, as it was said.

    Attributes:
        by_person: a person said so, not a folder or an import.
    """

    subject: Subject
    by_person: bool
    decision: int


@dataclass(frozen=True)
class GroupEntry:
    """A group of figures that nobody named yet.

    Attributes:
        figures: how many are left in it.
        sample: some of them, for a look.
    """

    number: int
    figures: int
    sample: tuple[Subject, ...]


@dataclass(frozen=True)
class PictureEntry:
    """A picture, its figures, and what was said of each.

    Attributes:
        name: what its file was called when it was first seen.
        size: width and height, upright; None if nobody measured it.
        gone: its file is no longer known to be anywhere.
    """

    digest: bytes
    name: str
    size: tuple[int, int] | None
    gone: bool
    figures: tuple[Detection, ...]
    said: tuple[Said, ...]


def characters(library: Library) -> list[CharacterEntry]:
    """All characters, by name, each with a cover: the one that was chosen, while it is a reference;
    or one that is a single figure, if there is one."""
    covers = {
        character: Subject(digest, parse_box(box))
        for character, digest, box in library.database.rows(
            "SELECT character, digest, box FROM (SELECT s.character, s.digest, s.box, ROW_NUMBER()"
            " OVER (PARTITION BY s.character ORDER BY s.box = '', s.digest, s.box) AS place"
            " FROM said s JOIN pictures USING (digest) WHERE s.character IS NOT NULL)"
            " WHERE place = 1 UNION ALL SELECT c.character, c.digest, c.box FROM covers c"
            " WHERE EXISTS (SELECT 1 FROM said s JOIN pictures USING (digest)"
            " WHERE s.digest = c.digest AND s.character = c.character)"
        )
    }
    return [CharacterEntry(one, covers.get(one.id)) for one in library.decisions.characters()]


def references(
    library: Library, character: Character, offset: int, limit: int
) -> list[ReferenceEntry]:
    """References of a character, those that a person named first."""
    rows = library.database.rows(
        "SELECT digest, box, source = 'person', decision FROM said JOIN pictures USING (digest)"
        " WHERE character = ? ORDER BY source = 'person' DESC, digest, box LIMIT ? OFFSET ?",
        (character.id, limit, offset),
    )
    return [
        ReferenceEntry(Subject(digest, parse_box(box)), bool(person), decision)
        for digest, box, person, decision in rows
    ]


_OPEN = (
    "FROM grouped g JOIN pictures USING (digest) WHERE NOT EXISTS (SELECT 1 FROM said s"
    " WHERE s.digest = g.digest AND s.box IN ('', g.box)"
    " AND (s.character IS NOT NULL OR s.ignored))"
)
"""The figures in groups that have no name yet, and are not to be left alone."""


def groups(library: Library, offset: int, limit: int, sample: int) -> list[GroupEntry]:
    """Groups that `kyara group` found last, the largest first; without what was named since.

    Args:
        sample: figures to show of each, at most.
    """
    counts = library.database.rows(
        f"SELECT g.number, COUNT(*) {_OPEN} GROUP BY g.number"
        " ORDER BY COUNT(*) DESC, g.number LIMIT ? OFFSET ?",
        (limit, offset),
    )
    return [
        GroupEntry(number, count, tuple(group_members(library, number, 0, sample)))
        for number, count in counts
    ]


def group_members(library: Library, number: int, offset: int, limit: int) -> list[Subject]:
    """Figures of a group that have no name yet."""
    rows = library.database.rows(
        f"SELECT digest, g.box {_OPEN} AND g.number = ? ORDER BY digest, g.box LIMIT ? OFFSET ?",
        (number, limit, offset),
    )
    return [Subject(digest, parse_box(box)) for digest, box in rows]


def count_groups(library: Library) -> int:
    """How many groups have figures without a name."""
    return int(library.database.row(f"SELECT COUNT(DISTINCT g.number) {_OPEN}")[0])


def count_members(library: Library, number: int) -> int:
    """How many figures of a group have no name yet; 0 also if there is no such group."""
    return int(library.database.row(f"SELECT COUNT(*) {_OPEN} AND g.number = ?", (number,))[0])


_STATES = {
    "all": "1",
    "ignored": "EXISTS (SELECT 1 FROM said s WHERE s.digest = p.digest AND s.ignored)",
    "gone": "id NOT IN (SELECT picture FROM places WHERE NOT gone)",
}


def pictures(
    library: Library, state: str, offset: int, limit: int
) -> tuple[list[tuple[bytes, str]], int]:
    """Digest and name of pictures, by name, and how many there are.

    Args:
        state: `all`, `ignored` (at least a figure in it) or `gone`.
    """
    where = _STATES[state]
    rows = library.database.rows(
        f"SELECT digest, name FROM pictures p WHERE {where} ORDER BY name, digest LIMIT ? OFFSET ?",
        (limit, offset),
    )
    (total,) = library.database.row(f"SELECT COUNT(*) FROM pictures p WHERE {where}")
    return [(digest, _text(name)) for digest, name in rows], int(total)


def picture(library: Library, digest: bytes) -> PictureEntry:
    """A picture of the library.

    Raises:
        UsageError: it is not in it.
    """
    row = library.database.row(
        "SELECT id, name, width, height FROM pictures WHERE digest = ?", (digest,)
    )
    if row is None:
        raise UsageError("there is no such picture in the library")
    here = "SELECT 1 FROM places WHERE picture = ? AND NOT gone"
    figures = [detection for _, detection in figures_of(library.database, digest)]
    return PictureEntry(
        digest,
        _text(row[1]),
        _size(row[2:], figures),
        library.database.row(here, row[:1]) is None,
        tuple(figures),
        tuple(said_of_figures(library.database, digest, figures)),
    )


def _size(measured: Sequence[int | None], figures: Sequence[Detection]) -> tuple[int, int] | None:
    """Width and height of a picture: as it was measured, or as the box of the whole says."""
    width, height = measured
    if width is not None and height is not None:
        return width, height
    whole = (found.box for found in figures if found.kind == "whole")
    return next(((round(box.right), round(box.bottom)) for box in whole), None)


def history(library: Library, digest: bytes) -> list[Decision]:
    """Every decision that spoke of a picture, the latest first."""
    rows = library.database.rows(
        "SELECT id FROM decisions WHERE instr(payload, ?) ORDER BY id", (digest.hex(),)
    )
    spoke = {decision for (decision,) in rows}
    if not spoke:
        return []
    return [one for one in reversed(read_log(library.database)) if one.id in spoke]


def _text(name: bytes) -> str:
    return os.fsdecode(name)
