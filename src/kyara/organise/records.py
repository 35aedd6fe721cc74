"""The lines of a journal, and what a journal and a plan file have in common.

The reference of every record is docs/reference/plans.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec

from kyara.errors import DataError
from kyara.organise.plan import Action

__all__ = [
    "JOURNAL_VERSION",
    "Begin",
    "End",
    "Finish",
    "Header",
    "Record",
    "Undo",
    "Undone",
    "as_line",
    "as_text",
    "check_version",
]

JOURNAL_VERSION = 2

# Parts of the names of files that are removed: nothing else may stand in their place.
Identity = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}\\Z")]
Number = Annotated[int, msgspec.Meta(ge=0)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]


class _Record(msgspec.Struct, kw_only=True, frozen=True, tag_field="record"):
    pass


class Header(_Record, kw_only=True, frozen=True, tag="plan"):
    """The first line.

    Attributes:
        id: part of the names of copies that are not complete.
        made: when, in UTC, ISO 8601.
        kyara: the version that wrote it.
        inbox: where the pictures were looked for, an absolute path; for a plan without one, the
            folder that they have in common. Undo puts nothing anywhere else.
        planned: how many operations the plan has.
        seal: tells whether this person wrote it, for the folder that it lies in.
    """

    version: int
    id: Identity
    made: str
    kyara: str
    inbox: str | None
    planned: int
    seal: str | None = None


class Begin(_Record, kw_only=True, frozen=True, tag="begin"):
    """An operation that may be done from here on.

    Attributes:
        n: its number in the plan.
        source: an absolute path.
        target: relative to the target folder.
        digest: SHA-256 of the picture, hexadecimal.
        link: what the source held, where a symbolic link is moved.
        folders: those that had to be made for it, relative to the target folder.
    """

    n: Number
    action: Action
    source: str
    target: str
    digest: Digest
    link: str | None = None
    folders: tuple[str, ...] = ()


class End(_Record, kw_only=True, frozen=True, tag="end"):
    """An operation that was done, or was not (it failed, or was not needed)."""

    n: Number
    done: bool


class Finish(_Record, kw_only=True, frozen=True, tag="finish"):
    """The plan was carried out to its end."""


class Undo(_Record, kw_only=True, frozen=True, tag="undo"):
    """An operation that was undone."""

    n: Number


class Undone(_Record, kw_only=True, frozen=True, tag="undone"):
    """The plan was undone to its end, but for the operations that had to be left."""

    left: int


Record = Header | Begin | End | Finish | Undo | Undone


def as_text(record: msgspec.Struct, indent: int | None = None) -> bytes:
    """As JSON. A name that is not UTF-8 has surrogates, which msgspec's own encoder refuses."""
    return json.dumps(msgspec.to_builtins(record), indent=indent).encode("ascii") + b"\n"


def as_line(record: Record) -> bytes:
    """A record as a line of a journal."""
    return as_text(record)


def check_version(read: Any, known: int, what: str, path: Path) -> None:
    """Nothing, if this Kyara knows the version of what it read.

    Raises:
        DataError: it is of a newer one.
    """
    found = read.get("version") if isinstance(read, dict) else None
    if isinstance(found, int) and found > known:
        raise DataError(
            f"this {what} is of version {found}; this Kyara knows {known}",
            where=path,
            hint="use a newer Kyara",
        )
