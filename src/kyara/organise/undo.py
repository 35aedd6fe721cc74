"""Undoing a plan by its journal, also one that was cut off half-way.

What is to be done with an operation is judged by what stands on the disk, not by what the
journal says was finished: so it does not matter at which instant a process was killed, or how
often undoing is begun. Nothing is removed unless the same content stands where it came from.

A journal may have come with a folder from elsewhere. So nothing is touched that does not lie in
the target folder or, where pictures are moved back, in the inbox that the journal names, links
resolved; and a journal that this person did not write is not obeyed unasked.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Generator
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from pathlib import Path

from kyara.errors import DataError, KyaraError, reason
from kyara.organise.beside import Sidecars
from kyara.organise.files import copy_file, move_file, rename_file
from kyara.organise.journal import (
    Entry,
    Journal,
    JournalRecord,
    find_journals,
    locked,
    read_journal,
)
from kyara.organise.places import lies_below, lies_in_inbox
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
    """An operation of a journal, and what was (or in a dry run, would be) made of it.

    Attributes:
        does: what undoing it does, with every path that it touches.
        why: why it was left.
    """

    entry: Entry
    outcome: Outcome
    why: str | None = None
    does: str = ""


class _Step(Enum):
    REMOVE = "remove the target"
    RETURN = "move the target back"
    RESTORE = "copy the source to the target"
    RELINK = "make the source's link again and remove the target"
    NOTHING = "nothing"


_MOVES = (Action.MOVE, Action.REFILE)
"""What leaves nothing where a picture was."""


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
        if found and record.own != found[-1].own:
            break
        if found and (record.finished or record.inbox != found[-1].inbox):
            break
        found.append(record)
    return found


def undo_plan(
    record: JournalRecord, *, dry_run: bool = False, trust: bool = False
) -> Generator[Undoing, None, None]:
    """Undo each operation, the last one first; yields what became of it.

    Copies and links are removed, moved pictures go back to where they came from, never in the
    place of another file. Sidecars that were written beside them go, unless they were changed.
    What was changed since, and what has no original any more, is left. Folders that the plan
    made are removed if they are empty in the end.

    Args:
        trust: obey it also where this person did not write it, or for another path.

    Raises:
        DataError: the journal is not this person's own; nothing was undone.
        OutputError: the journal cannot be opened for writing; nothing was undone.
    """
    sidecars = Sidecars(record.root)
    if dry_run:
        for entry in reversed(record.entries):
            yield _with_sidecars(_judged(entry, record), sidecars)
        return
    if not (record.own or trust):
        raise DataError(
            "this journal was written on another machine, by another person, or for a folder at "
            "another path, so it is not obeyed",
            where=record.path,
            hint="look with --dry-run; to do what it says: --trust",
        )
    with locked(record.root), Journal(record.path, record.id) as journal:
        left = 0
        for entry in reversed(read_journal(record.path).entries):
            undoing = _with_sidecars(_undo(entry, record, journal), sidecars)
            if undoing.outcome is not Outcome.LEFT and not os.path.lexists(entry.target):
                sidecars.remove(entry.target)
            if undoing.outcome is Outcome.LEFT:
                left += 1
            elif not entry.undone:
                journal.undo(entry.n)
            yield undoing
        _remove_empty(record)
        journal.undone(left)


def recover(root: Path) -> None:
    """Tidy up after a run in the target folder `root` that was cut off.

    Copies that are not complete are removed, and so are empty folders that it made; a picture
    that had begun to move, and is in both places, is taken back. What cannot be tidied up is
    left for undo to report, and so is everything while another process works there, and what a
    journal says that this person did not write.
    """
    with contextlib.suppress(KyaraError):
        for path in find_journals(root)[-1:]:
            record = read_journal(path)
            if record.own and _has_doubts(record):
                with locked(root, wait=False):
                    _settle(read_journal(path))


def _has_doubts(record: JournalRecord) -> bool:
    return not record.undone and any(entry.done is None for entry in record.entries)


def _settle(record: JournalRecord) -> None:
    with Journal(record.path, record.id) as journal:
        for entry in record.entries:
            if entry.done is not None or entry.undone or _elsewhere(entry, record):
                continue
            with contextlib.suppress(OSError):
                _remove_parts(entry, journal)
                in_both = os.path.lexists(entry.source) and os.path.lexists(entry.target)
                if entry.action in _MOVES and in_both and _is_twin(entry):
                    entry.target.unlink()
                there = os.path.lexists(entry.target)
                journal.end(entry.n, done=there is not (entry.action is Action.WITHDRAW))
    _remove_empty(record)


def _elsewhere(entry: Entry, record: JournalRecord) -> str | None:
    """Why an operation is not touched: not all that it names lies where its run worked."""
    if not lies_below(entry.target, record.root):
        return "it does not lie in the folder of this journal"
    if entry.action is Action.REFILE and not lies_below(entry.source, record.root):
        return f"the folder of this journal does not hold {entry.source}"
    # Of all others the source is only read, to see whether the picture is still there.
    if entry.action is not Action.MOVE or lies_below(entry.source, record.root):
        return None
    if record.inbox is None or not lies_in_inbox(entry.source, record.inbox):
        return f"its journal's inbox does not hold {entry.source}"
    return None


def _with_sidecars(undoing: Undoing, sidecars: Sidecars) -> Undoing:
    if undoing.outcome is not Outcome.UNDONE:
        return undoing
    removed = "".join(f", remove {path}" for path in sidecars.of(undoing.entry.target))
    return replace(undoing, does=undoing.does + removed)


def _undo(entry: Entry, record: JournalRecord, journal: Journal) -> Undoing:
    try:
        if _elsewhere(entry, record) is None:
            _remove_parts(entry, journal)
        step = _confined_step(entry, record)
        _take(step, entry, journal)
    except _LeftError as left:
        return Undoing(entry, Outcome.LEFT, str(left))
    except OSError as error:
        why = f"it cannot be undone: {reason(error)}"
        return Undoing(entry, Outcome.LEFT, why)
    return _as_undoing(entry, step)


def _judged(entry: Entry, record: JournalRecord) -> Undoing:
    try:
        step = _confined_step(entry, record)
    except _LeftError as left:
        return Undoing(entry, Outcome.LEFT, str(left))
    return _as_undoing(entry, step)


def _confined_step(entry: Entry, record: JournalRecord) -> _Step:
    if entry.undone or entry.done is False:
        return _Step.NOTHING
    elsewhere = _elsewhere(entry, record)
    if elsewhere is not None:
        raise _LeftError(elsewhere)
    return _step(entry)


def _as_undoing(entry: Entry, step: _Step) -> Undoing:
    match step:
        case _Step.NOTHING:
            return Undoing(entry, Outcome.NOTHING)
        case _Step.REMOVE:
            does = f"remove {entry.target}"
        case _Step.RETURN:
            does = f"move {entry.target} to {entry.source}"
        case _Step.RESTORE:
            does = f"copy {entry.source} to {entry.target}"
        case _Step.RELINK:
            does = f"remove {entry.target}, link {entry.source} to {entry.link}"
    return Undoing(entry, Outcome.UNDONE, does=does)


def _take(step: _Step, entry: Entry, journal: Journal) -> None:
    source, target = entry.source, entry.target
    if step in (_Step.RETURN, _Step.RELINK):
        source.parent.mkdir(parents=True, exist_ok=True)
    if step is _Step.RESTORE:
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is None:
            copy_file(source, target, journal.part(entry.n, target.parent))
        else:
            target.symlink_to(entry.link)
    if step is _Step.RETURN:
        move = rename_file if entry.action is Action.REFILE else move_file
        move(target, source, journal.part(entry.n, source.parent))
    if step is _Step.RELINK:
        source.symlink_to(entry.link or "")
    if step in (_Step.REMOVE, _Step.RELINK):
        target.unlink()


def _step(entry: Entry) -> _Step:
    if entry.action is Action.WITHDRAW:
        return _step_of_withdrawn(entry)
    if not os.path.lexists(entry.target):
        if entry.action in _MOVES and entry.done and not os.path.lexists(entry.source):
            raise _LeftError("it is no longer there")
        return _Step.NOTHING
    if entry.action is Action.SYMLINK:
        return _step_of_link(entry)
    links = entry.action is Action.REFILE  # of an earlier run
    if (entry.target.is_symlink() and not links) or not entry.target.is_file():
        raise _LeftError("it is not the file that was put there")
    if entry.action in _MOVES and not os.path.lexists(entry.source):
        return _step_back(entry)
    if _is_twin(entry):
        return _Step.REMOVE
    raise _LeftError(_why_not(entry))


def _step_of_withdrawn(entry: Entry) -> _Step:
    if os.path.lexists(entry.target):
        if _digest(entry.target) == entry.digest:
            return _Step.NOTHING
        raise _LeftError("another file is there now")
    if _digest(entry.source) == entry.digest:
        return _Step.RESTORE
    raise _LeftError(f"its picture is no longer at {entry.source}")


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
    if entry.target.is_symlink():
        same = os.path.realpath(entry.target) == os.path.realpath(entry.source)
        return same and entry.source.is_symlink()
    try:
        ours, theirs = entry.target.stat(), entry.source.stat()
    except OSError:
        return False
    if not stat.S_ISREG(theirs.st_mode):  # a device or a pipe has no end
        return False
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
        return ours.st_nlink > 1  # with one name only, both paths lead to the same one
    digest = _digest(entry.target)
    return digest is not None and digest == _digest(entry.source)


def _why_not(entry: Entry) -> str:
    if entry.action in _MOVES:
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
    folders = {entry.target.parent}
    if entry.action in _MOVES:  # back, it grows there
        folders.add(entry.source.parent)
    for folder in folders:
        journal.part(entry.n, folder).unlink(missing_ok=True)


def _remove_empty(record: JournalRecord) -> None:
    made = {folder for entry in record.entries for folder in entry.folders}
    folders = [folder for folder in made if lies_below(folder, record.root)]
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with contextlib.suppress(OSError):  # not empty, or gone
            folder.rmdir()
