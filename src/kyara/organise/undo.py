"""Undoing a plan by its journal, also one that was cut off half-way.

What is to be done with an operation is judged by what stands on the disk, not by what the
journal says was finished: so it does not matter at which instant a process was killed, or how
often undoing is begun. Nothing is removed unless the same content stands where it came from.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path

from kyara.errors import DataError, KyaraError, reason
from kyara.organise.files import move_file
from kyara.organise.journal import (
    Entry,
    Journal,
    JournalRecord,
    find_journals,
    locked,
    read_journal,
)
from kyara.organise.plan import Action
from kyara.pictures.digest import digest_of_file

__all__ = ["Outcome", "Undoing", "plans_to_undo", "recover", "undo_plan"]


class Outcome(StrEnum):
    """What became of an operation."""

    UNDONE = "undone"
    NOTHING = "nothing"
    """There was nothing to undo: it was not done, or is no longer there, or undone before."""
    LEFT = "left"
    """Undoing it could lose something; the reason is given."""


@dataclass(frozen=True)
class Undoing:
    """An operation of a journal, and what was (or in a dry run, would be) made of it."""

    entry: Entry
    outcome: Outcome
    why: str | None = None


class _Step(Enum):
    REMOVE = "remove the target"
    RETURN = "move the target back"
    RELINK = "make the source's link again and remove the target"
    NOTHING = "nothing"


class _LeftError(Exception):
    """Undoing could lose something."""


def plans_to_undo(root: Path) -> list[JournalRecord]:
    """The latest plan in the target folder `root` that is not undone, to be undone first.

    A run that was cut off and the run that went on with the same inbox belong together: such
    earlier ones follow it.

    Raises:
        DataError: the latest journal cannot be read.
    """
    found: list[JournalRecord] = []
    for path in reversed(find_journals(root)):
        try:
            record = read_journal(path)
        except DataError:
            if found:  # it cannot be told whether it belongs to it
                break
            raise
        if record.undone or all(entry.done is False for entry in record.entries):
            continue
        if found and (record.finished or record.inbox != found[-1].inbox):
            break
        found.append(record)
    return found


def undo_plan(record: JournalRecord, *, dry_run: bool = False) -> Generator[Undoing, None, None]:
    """Undo each operation, the last one first; yields what became of it.

    Copies and links are removed, moved pictures go back to where they came from, never in the
    place of another file. What was changed since, and what has no original any more, is left.
    Folders that the plan made are removed if they are empty in the end.

    Raises:
        OutputError: the journal cannot be opened for writing; nothing was undone.
    """
    if dry_run:
        for entry in reversed(record.entries):
            yield _judged(entry)
        return
    with locked(record.root), Journal(record.path, record.id) as journal:
        left = 0
        for entry in reversed(read_journal(record.path).entries):
            undoing = _undo(entry, journal)
            if undoing.outcome is Outcome.LEFT:
                left += 1
            elif not entry.undone:
                journal.undo(entry.n)
            yield undoing
        _remove_empty(folder for entry in record.entries for folder in entry.folders)
        journal.undone(left)


def recover(root: Path) -> None:
    """Tidy up after a run in the target folder `root` that was cut off.

    Copies that are not complete are removed, and so are empty folders that it made; a picture
    that had begun to move, and is in both places, is taken back. What cannot be tidied up is
    left for undo to report, and so is everything while another process works there.
    """
    with contextlib.suppress(KyaraError):
        for path in find_journals(root)[-1:]:
            if _has_doubts(read_journal(path)):
                with locked(root, wait=False):
                    _settle(read_journal(path))


def _has_doubts(record: JournalRecord) -> bool:
    return not record.undone and any(entry.done is None for entry in record.entries)


def _settle(record: JournalRecord) -> None:
    with Journal(record.path, record.id) as journal:
        for entry in record.entries:
            if entry.done is not None or entry.undone:
                continue
            with contextlib.suppress(OSError):
                _remove_parts(entry, journal)
                in_both = os.path.lexists(entry.source) and os.path.lexists(entry.target)
                if entry.action is Action.MOVE and in_both and _is_twin(entry):
                    entry.target.unlink()
                journal.end(entry.n, done=os.path.lexists(entry.target))
    _remove_empty(folder for entry in record.entries for folder in entry.folders)


def _undo(entry: Entry, journal: Journal) -> Undoing:
    try:
        _remove_parts(entry, journal)
        step = _step(entry)
        _take(step, entry, journal)
    except _LeftError as left:
        return Undoing(entry, Outcome.LEFT, str(left))
    except OSError as error:
        why = f"it cannot be undone: {reason(error)}"
        return Undoing(entry, Outcome.LEFT, why)
    return Undoing(entry, Outcome.NOTHING if step is _Step.NOTHING else Outcome.UNDONE)


def _judged(entry: Entry) -> Undoing:
    try:
        step = _step(entry)
    except _LeftError as left:
        return Undoing(entry, Outcome.LEFT, str(left))
    return Undoing(entry, Outcome.NOTHING if step is _Step.NOTHING else Outcome.UNDONE)


def _take(step: _Step, entry: Entry, journal: Journal) -> None:
    source, target = entry.source, entry.target
    if step in (_Step.RETURN, _Step.RELINK):
        source.parent.mkdir(parents=True, exist_ok=True)
    if step is _Step.RETURN:
        move_file(target, source, journal.part(entry.n, source.parent))
    if step is _Step.RELINK:
        source.symlink_to(entry.link or "")
    if step in (_Step.REMOVE, _Step.RELINK):
        target.unlink()


def _step(entry: Entry) -> _Step:
    if entry.undone or entry.done is False:
        return _Step.NOTHING
    if not os.path.lexists(entry.target):
        if entry.action is Action.MOVE and entry.done and not os.path.lexists(entry.source):
            raise _LeftError("it is no longer there")
        return _Step.NOTHING
    if entry.action is Action.SYMLINK:
        return _step_of_link(entry)
    if entry.target.is_symlink() or not entry.target.is_file():
        raise _LeftError("it is not the file that was put there")
    if entry.action is Action.MOVE and not os.path.lexists(entry.source):
        return _step_back(entry)
    if _is_twin(entry):
        return _Step.REMOVE
    raise _LeftError(_why_not(entry))


def _step_of_link(entry: Entry) -> _Step:
    leads_there = os.path.realpath(entry.target) == os.path.realpath(entry.source)
    if entry.target.is_symlink() and leads_there:
        return _Step.REMOVE
    raise _LeftError("it is not the link that was put there")


def _step_back(entry: Entry) -> _Step:
    if entry.link is None:
        return _Step.RETURN
    if _digest(entry.source.parent / entry.link) == _digest(entry.target):
        return _Step.RELINK
    raise _LeftError(f"it came from a link at {entry.source}, which would not lead to it any more")


def _is_twin(entry: Entry) -> bool:
    """Whether the target's content also stands where it came from."""
    try:
        ours, theirs = entry.target.stat(), entry.source.stat()
    except OSError:
        return False
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
        return ours.st_nlink > 1  # with one name only, both paths lead to the same one
    digest = _digest(entry.target)
    return digest is not None and digest == _digest(entry.source)


def _why_not(entry: Entry) -> str:
    if entry.action is Action.MOVE:
        return f"another file is at {entry.source} now"
    if _digest(entry.target) != entry.digest:
        return "it was changed since"
    if os.path.lexists(entry.source):
        return f"its original was changed since: {entry.source}"
    return f"its original is no longer at {entry.source}"


def _digest(path: Path) -> bytes | None:
    try:
        return digest_of_file(path)
    except OSError:
        return None


def _remove_parts(entry: Entry, journal: Journal) -> None:
    for folder in {entry.source.parent, entry.target.parent}:
        journal.part(entry.n, folder).unlink(missing_ok=True)


def _remove_empty(folders: Iterator[Path]) -> None:
    for folder in sorted(set(folders), key=lambda folder: len(folder.parts), reverse=True):
        with contextlib.suppress(OSError):  # not empty, or gone
            folder.rmdir()
