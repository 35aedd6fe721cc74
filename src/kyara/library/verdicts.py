"""What the log of decisions comes to: who is said to be in which picture, and which figure it is.

The tables `characters`, `aliases`, `said`, `rejections`, `sure`, `sides` and `covers` hold it.
Every new decision is applied to them as it is written; `rebuild` makes them anew from the log, by
the same code. A person outranks an import, an import outranks a model, and a later word of the same
rank outranks an earlier one. A word about every figure in a picture takes the place of earlier ones
about single figures; a word about one figure leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from kyara.errors import UsageError
from kyara.library.database import Database
from kyara.library.figures import EVERY, as_text, same_figure
from kyara.library.log import (
    Apart,
    Confirm,
    Cover,
    Decision,
    Distinct,
    Draw,
    Forget,
    Ignore,
    Merge,
    Reject,
    Rename,
    Source,
    Split,
    Together,
    read_log,
    subjects_of,
)
from kyara.library.said import NOTHING, Said, Subject
from kyara.library.swaps import swap_back, swap_in
from kyara.names import as_name, is_text

__all__ = ["DERIVED", "apply", "find_character", "rebuild", "said_of"]

DERIVED = ("said", "rejections", "sure", "sides", "covers", "aliases", "characters")
"""The tables that `rebuild` makes, in an order in which they can be emptied."""


def said_of(database: Database, digest: bytes) -> Said:
    """What the decisions come to for every figure in a picture; single ones may differ."""
    row = database.row(
        "SELECT name, ignored, source FROM said LEFT JOIN characters ON id = character"
        " WHERE digest = ? AND box = ''",
        (digest,),
    )
    rejected = database.rows(
        "SELECT name FROM rejections JOIN characters ON id = character"
        " WHERE digest = ? AND box = ''",
        (digest,),
    )
    if row is None and not rejected:
        return NOTHING
    name, ignored, source = row or (None, 0, None)
    by_person = source == Source.PERSON
    return Said(name, frozenset(other for (other,) in rejected), bool(ignored), by_person)


def find_character(database: Database, name: str) -> tuple[int, str] | None:
    """Id and name of the character that is called so; or, if nobody is, of the one that was,
    or that took in one that was."""
    if not is_text(name):
        return None
    name = as_name(name)
    found: tuple[int, str] | None = database.row(
        "SELECT id, name FROM characters WHERE name = ?", (name,)
    ) or database.row(
        "SELECT id, characters.name FROM aliases JOIN characters ON id = character"
        " WHERE aliases.name = ?",
        (name,),
    )
    return found or _decomposed(database, name)


def _decomposed(database: Database, name: str) -> tuple[int, str] | None:
    """The character that an older Kyara called so in other code points."""
    if name.isascii():
        return None
    rows = database.rows("SELECT id, name FROM characters")
    return next(((row[0], row[1]) for row in rows if as_name(row[1]) == name), None)


def rebuild(database: Database) -> None:
    """Make the derived tables anew from the log, within the caller's transaction.

    Raises:
        UsageError: two characters would have the same name.
    """
    for table in DERIVED:
        database.run(f"DELETE FROM {table}")
    log = read_log(database)
    swap_back(database, log)
    for decision in log:
        if decision.stands:
            apply(database, decision)


def apply(database: Database, decision: Decision) -> None:
    """Let the derived tables follow one decision, within the caller's transaction.

    Raises:
        UsageError: two characters would have the same name.
    """
    payload = decision.payload
    if decision.source is Source.MODEL:
        return  # written down, but nobody's word
    if isinstance(payload, (Confirm, Split, Reject, Merge)):
        _ensure(database, payload.character, payload.name)
    match payload:
        case Confirm() | Split():
            _name(database, decision, payload)
        case Reject():
            _reject(database, decision, payload.subjects, payload.character)
        case Ignore() | Forget():
            ignored = isinstance(payload, Ignore)
            _say(database, decision, payload.subjects, None, ignored=ignored)
        case Rename():
            _ensure(database, payload.character, payload.old)
            _rename(database, payload.character, payload.name)
        case Merge():
            for other in payload.merged:
                _merge(database, other, payload.character)
        case _:
            _apply_further(database, decision)


def _apply_further(database: Database, decision: Decision) -> None:
    """The same for what says of nobody who it is."""
    payload = decision.payload
    match payload:
        case Apart() | Together() | Distinct():
            _take_sides(database, decision, payload)
        case Cover():
            _cover(database, decision, payload)
        case Draw():
            swap_in(database, payload)


def _ensure(database: Database, character: int, name: str) -> None:
    """There is a character of that id: it is made by the first decision that names it."""
    if database.row("SELECT 1 FROM characters WHERE id = ?", (character,)) is None:
        _check_free(database, name)
        database.run("INSERT INTO characters (id, name) VALUES (?, ?)", (character, name))


def _check_free(database: Database, name: str) -> None:
    if database.row("SELECT 1 FROM characters WHERE name = ?", (name,)) is not None:
        raise UsageError(
            f"two characters would be called {name!r}",
            where=database.path,
            hint="rename the one that there is, or merge them",
        )


def _left_open(database: Database, subjects: Iterable[Subject], character: int) -> list[Subject]:
    """Those in whose pictures no person has said anything that an import contradicts."""
    return [
        subject
        for subject in subjects
        if database.row(
            "SELECT 1 FROM said WHERE digest = ?1 AND source = 'person'"
            " UNION SELECT 1 FROM rejections WHERE digest = ?1 AND character = ?2",
            (subject.digest, character),
        )
        is None
    ]


def _name(database: Database, decision: Decision, payload: Confirm | Split) -> None:
    subjects, character = payload.subjects, payload.character
    if decision.source is Source.IMPORT:
        subjects = _left_open(database, subjects, character)
    _say(database, decision, subjects, character)
    if isinstance(payload, Confirm) and payload.sure:
        database.run_many(
            "INSERT OR REPLACE INTO sure (digest, box, character, decision) VALUES (?, ?, ?, ?)",
            ((one.digest, as_text(one.box), character, decision.id) for one in subjects),
        )


def _say(
    database: Database,
    decision: Decision,
    subjects: Iterable[Subject],
    character: int | None,
    *,
    ignored: bool = False,
) -> None:
    subjects = list(subjects)
    database.run_many(
        "DELETE FROM said WHERE digest = ? AND box = ?", _covered(database, "said", subjects)
    )
    database.run_many(
        "DELETE FROM rejections WHERE digest = ? AND box = ? AND character = ?",
        ((*found, character) for found in _covered(database, "rejections", subjects)),
    )
    database.run_many(
        "INSERT OR REPLACE INTO said (digest, box, character, ignored, source, decision)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            (one.digest, as_text(one.box), character, ignored, decision.source.value, decision.id)
            for one in subjects
        ),
    )


def _reject(
    database: Database, decision: Decision, subjects: Iterable[Subject], character: int
) -> None:
    subjects = list(subjects)
    database.run_many(
        "DELETE FROM said WHERE digest = ? AND box = ? AND character = ?",
        ((*found, character) for found in _covered(database, "said", subjects)),
    )
    database.run_many(
        "INSERT OR REPLACE INTO rejections (digest, box, character, decision) VALUES (?, ?, ?, ?)",
        ((one.digest, as_text(one.box), character, decision.id) for one in subjects),
    )


def _take_sides(
    database: Database, decision: Decision, payload: Apart | Together | Distinct
) -> None:
    """Write down what stands on each side of a decision: a character, or figures."""
    sides: list[int | list[Subject]] = []
    if isinstance(payload, Distinct):
        sides += [[subject] for subject in payload.subjects]
    else:
        sides += [subjects_of(group) for group in payload.groups]
    if isinstance(payload, Apart):
        for character, name in zip(payload.characters, payload.names, strict=True):
            _ensure(database, character, name)
        sides += payload.characters
    statement = (
        "INSERT INTO sides (decision, kind, side, character, digest, box) VALUES (?, ?, ?, ?, ?, ?)"
    )
    for number, side in enumerate(sides):
        head = (decision.id, decision.kind, number)
        if isinstance(side, int):
            database.run(statement, (*head, side, None, None))
        else:
            database.run_many(
                statement, ((*head, None, one.digest, as_text(one.box)) for one in side)
            )


def _cover(database: Database, decision: Decision, payload: Cover) -> None:
    for subject in payload.subjects:
        database.run(
            "INSERT OR REPLACE INTO covers (character, digest, box, decision)"
            " SELECT id, ?, ?, ? FROM characters WHERE id = ?",  # if it is still there
            (subject.digest, as_text(subject.box), decision.id, payload.character),
        )


def _covered(
    database: Database, table: str, subjects: Iterable[Subject]
) -> list[tuple[bytes, str]]:
    """Digest and box of what stands in the table and the subjects cover: all that there is of a
    picture, `EVERY` included; or the same figure."""
    covered = []
    for subject in subjects:
        own = as_text(subject.box)
        rows = database.rows(f"SELECT box FROM {table} WHERE digest = ?", (subject.digest,))
        for box in dict.fromkeys(box for (box,) in rows):
            if subject.box is None or (box != EVERY and same_figure(own, box)):
                covered.append((subject.digest, box))
    return covered


def _rename(database: Database, character: int, name: str) -> None:
    (old,) = database.row("SELECT name FROM characters WHERE id = ?", (character,))
    if old == name:
        return
    _check_free(database, name)
    database.run("INSERT OR REPLACE INTO aliases (name, character) VALUES (?, ?)", (old, character))
    database.run("UPDATE characters SET name = ? WHERE id = ?", (name, character))


def _merge(database: Database, other: int, character: int) -> None:
    row = database.row("SELECT name FROM characters WHERE id = ?", (other,))
    if row is None or other == character:
        return
    database.run("UPDATE said SET character = ? WHERE character = ?", (character, other))
    database.run("UPDATE sides SET character = ? WHERE character = ?", (character, other))
    for table in ("rejections", "sure", "aliases"):
        database.run(
            f"UPDATE OR REPLACE {table} SET character = ? WHERE character = ?", (character, other)
        )
    database.run(
        "INSERT OR REPLACE INTO aliases (name, character) VALUES (?, ?)", (row[0], character)
    )
    database.run("DELETE FROM characters WHERE id = ?", (other,))
    # A picture of the one may have been "not the other": what a person named outranks that,
    # and that outranks what an import named.
    contradicted = (
        "EXISTS (SELECT 1 FROM {0} o WHERE o.digest = {1}.digest AND o.box = {1}.box"
        " AND o.character = ?1)"
    )
    database.run(
        "DELETE FROM said WHERE character = ?1 AND source = 'import' AND "
        + contradicted.format("rejections", "said"),
        (character,),
    )
    database.run(
        "DELETE FROM rejections WHERE character = ?1 AND "
        + contradicted.format("said", "rejections"),
        (character,),
    )
