"""The log of decisions: one row for each thing that was said; rows are only ever added.

Pictures are named by digest, figures in them by a box, and characters by an id that never means
another, so that a decision holds whatever is moved, renamed, indexed anew or embedded by another
model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from kyara.errors import DataError
from kyara.library.database import Database
from kyara.library.said import Subject
from kyara.types import Box

__all__ = [
    "Apart",
    "Confirm",
    "Cover",
    "Decision",
    "Distinct",
    "Draw",
    "Figure",
    "Forget",
    "Ignore",
    "Merge",
    "Payload",
    "Reject",
    "Rename",
    "Source",
    "Split",
    "Together",
    "Undo",
    "append",
    "entries",
    "kind_of",
    "next_id",
    "read_log",
    "subjects_of",
]


class Source(StrEnum):
    """Who said it. The order is that of their weight, the heaviest first."""

    PERSON = "person"
    IMPORT = "import"
    """A folder or file that says whom its pictures show."""
    MODEL = "model"
    """A guess worth writing down; nothing follows from it."""


class Payload(msgspec.Struct, frozen=True):
    """What was said; one class for each kind."""


class Figure(msgspec.Struct, frozen=True):
    """One figure of a picture: the picture's digest, in hexadecimal, and its box."""

    picture: str
    box: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        Box(*self.box)  # which says what is wrong with it


class _OfPictures(Payload, frozen=True):
    pictures: tuple[str | Figure, ...]
    """What was spoken of: digests, in hexadecimal, each for every figure in that picture; and
    single figures."""

    @property
    def subjects(self) -> list[Subject]:
        """The same, as everything but the log has it."""
        return subjects_of(self.pictures)


def subjects_of(spoken_of: Iterable[str | Figure]) -> list[Subject]:
    """What a payload speaks of; the inverse of `entries`."""
    return [
        Subject(bytes.fromhex(entry))
        if isinstance(entry, str)
        else Subject(bytes.fromhex(entry.picture), Box(*entry.box))
        for entry in spoken_of
    ]


def entries(subjects: Iterable[Subject]) -> tuple[str | Figure, ...]:
    """Subjects as a payload holds them, each once."""
    return tuple(
        subject.digest.hex()
        if subject.box is None
        else Figure(subject.digest.hex(), subject.box.as_tuple())
        for subject in dict.fromkeys(subjects)
    )


class Confirm(_OfPictures, frozen=True, omit_defaults=True):
    """The pictures show this character, who is new if nobody has the id yet."""

    character: int
    name: str
    sure: bool = False
    """However odd they look among the others: that is not to be asked again."""


class Reject(_OfPictures, frozen=True):
    """The pictures do not show this character."""

    character: int
    name: str


class Split(_OfPictures, frozen=True):
    """The pictures, until now of another character, show this new one."""

    origin: int
    character: int
    name: str


class Ignore(_OfPictures, frozen=True):
    """The pictures are to be left alone."""


class Forget(_OfPictures, frozen=True):
    """The pictures are references of nobody, unless a person says so later."""


class Rename(Payload, frozen=True):
    """The character is called `name` from now on."""

    character: int
    old: str
    name: str


class Merge(Payload, frozen=True):
    """The characters `merged` are the same as `character`."""

    merged: tuple[int, ...]
    names: tuple[str, ...]
    character: int
    name: str


class Apart(Payload, frozen=True):
    """All of these characters, and groups of figures, are different ones."""

    characters: tuple[int, ...]
    names: tuple[str, ...]
    groups: tuple[tuple[str | Figure, ...], ...]


class Together(Payload, frozen=True):
    """These groups of figures show one character, who has no name yet."""

    groups: tuple[tuple[str | Figure, ...], ...]


class Distinct(_OfPictures, frozen=True):
    """No two of the pictures are copies of one."""


class Cover(_OfPictures, frozen=True):
    """The character is shown by this figure."""

    character: int
    name: str


class Draw(_OfPictures, frozen=True):
    """There is a figure in this box, in the place of those in the boxes `replaces`."""

    replaces: tuple[tuple[float, float, float, float], ...]


class Undo(Payload, frozen=True):
    """The decision that the row names in `undoes` does not hold."""


_KINDS: dict[str, type[Payload]] = {
    kind.__name__.lower(): kind
    for kind in (
        Confirm,
        Reject,
        Split,
        Ignore,
        Forget,
        Rename,
        Merge,
        Apart,
        Together,
        Distinct,
        Cover,
        Draw,
        Undo,
    )
}


@dataclass(frozen=True)
class Decision:
    """One row of the log.

    Attributes:
        id: counts from 1, in the order in which things were said.
        time: when, in UTC, ISO 8601.
        undoes: the decision that this one takes back, if it does.
        undone_by: the decision that takes this one back, if one does. That one may have been
            taken back itself: see `stands`.
        stands: whether it holds today.
    """

    id: int
    time: str
    source: Source
    payload: Payload
    undoes: int | None = None
    undone_by: int | None = None
    stands: bool = True

    @property
    def kind(self) -> str:
        """The word for it in the log: `confirm`, `reject`, and so on."""
        return kind_of(self.payload)


def kind_of(payload: Payload) -> str:
    """The word for it in the log."""
    return type(payload).__name__.lower()


def append(
    database: Database, source: Source, payload: Payload, *, undoes: int | None = None
) -> Decision:
    """Add a row, within the caller's transaction."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    decision = Decision(next_id(database), time, source, payload, undoes)
    database.run(
        "INSERT INTO decisions (id, time, source, kind, payload, undoes) VALUES (?, ?, ?, ?, ?, ?)",
        (
            decision.id,
            time,
            source.value,
            decision.kind,
            msgspec.json.encode(payload).decode(),
            undoes,
        ),
    )
    return decision


def next_id(database: Database) -> int:
    """The id that the next decision will have, and a character that it makes."""
    return int(database.row("SELECT COALESCE(MAX(id), 0) + 1 FROM decisions")[0])


def read_log(database: Database) -> list[Decision]:
    """All decisions, in the order in which they were made.

    Raises:
        DataError: a row cannot be understood.
    """
    rows = database.rows(
        "SELECT id, time, source, kind, payload, undoes FROM decisions ORDER BY id"
    )
    undone_by = {row[5]: row[0] for row in rows if row[5] is not None}
    stands: dict[int, bool] = {}
    for row in reversed(rows):  # what takes a decision back always comes after it
        stands[row[0]] = not stands.get(undone_by.get(row[0], 0), False)
    return [
        Decision(
            row[0],
            row[1],
            Source(row[2]),
            _payload(database, row[0], row[3], row[4]),
            row[5],
            undone_by.get(row[0]),
            stands[row[0]],
        )
        for row in rows
    ]


def _payload(database: Database, decision: int, kind: str, text: str) -> Payload:
    try:
        return msgspec.json.decode(text, type=_KINDS[kind])
    except (KeyError, msgspec.DecodeError) as error:
        what = f"decision {decision} ({kind}) cannot be understood"
        raise DataError(what, where=database.path, hint="was the file edited?") from error
