"""Drawn figures among the detections: which of them count follows from the log.

A detection counts if it is of the library's detector. So a drawn one is given to that while its
decision holds, and what it takes the place of is given to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from kyara.library.database import Database
from kyara.library.log import Decision, Draw

__all__ = ["DRAWN", "swap_back", "swap_in"]

DRAWN = "drawn"
"""The detector of figures that a person drew, while their decision does not hold."""
_REPLACED = "replaced"
"""The detector of those that a drawn one takes the place of."""

_MOVE = (
    "UPDATE OR IGNORE detections SET detector = ? WHERE detector = ? AND picture ="
    " (SELECT id FROM pictures WHERE digest = ?)"
    " AND box_left = ? AND box_top = ? AND box_right = ? AND box_bottom = ?"
)


def swap_in(database: Database, draw: Draw) -> None:
    """Let the drawn figure count, and not those that it takes the place of; within the
    caller's transaction."""
    own, drawn, replaced = _detectors(database)
    for subject in draw.subjects:
        for box in draw.replaces:
            database.run(_MOVE, (replaced, own, subject.digest, *box))
        if subject.box is not None:
            database.run(_MOVE, (own, drawn, subject.digest, *subject.box.as_tuple()))


def swap_back(database: Database, log: Iterable[Decision]) -> None:
    """Let the detections be as if nobody had drawn any, whatever of the log holds; within the
    caller's transaction."""
    payloads = [one.payload for one in log if isinstance(one.payload, Draw)]
    own, drawn, replaced = _detectors(database) if payloads else (0, 0, 0)
    for draw in reversed(payloads):
        for subject in draw.subjects:
            if subject.box is not None:
                database.run(_MOVE, (drawn, own, subject.digest, *subject.box.as_tuple()))
            for box in draw.replaces:
                database.run(_MOVE, (own, replaced, subject.digest, *box))


def _detectors(database: Database) -> tuple[int | None, int, int]:
    """Ids of the library's detector, and of the two of this module."""
    for identity in (DRAWN, _REPLACED):
        database.run("INSERT OR IGNORE INTO detectors (identity) VALUES (?)", (identity,))
    ids = dict(database.rows("SELECT identity, id FROM detectors"))
    row = database.row("SELECT detector FROM library")
    return (None if row is None else row[0]), ids[DRAWN], ids[_REPLACED]
