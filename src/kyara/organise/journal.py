"""The journal of a plan that is carried out: what undo, and a run after a crash, go by.

It lies in the target folder as `.kyara/<time>-<id>.jsonl`. An operation is written to it, and
synced to the disk, before it is done; that it was done is written afterwards. So whatever
happened in between, the journal names every file that could have been touched. The reference
of every record is docs/reference/plans.md.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import msgspec
from filelock import BaseFileLock, FileLock, Timeout

from kyara.errors import DataError, OutputError, one_line, reason
from kyara.files import has_locks, new_file, reading, sync_folder
from kyara.organise.files import below
from kyara.organise.plan import Action, Operation, Plan
from kyara.organise.records import (
    JOURNAL_VERSION,
    Begin,
    End,
    Finish,
    Header,
    Record,
    Undo,
    Undone,
    as_line,
    check_version,
)
from kyara.organise.seal import is_sealed, seal

__all__ = [
    "FOLDER",
    "Entry",
    "Journal",
    "JournalRecord",
    "find_journals",
    "locked",
    "read_journal",
]

FOLDER = ".kyara"
"""The folder in the target folder that is Kyara's own."""


_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # the command line shows it

_TIME = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class Entry:
    """One operation of a journal, and what became of it.

    Attributes:
        link: what it held, where a symbolic link was moved or withdrawn.
        folders: those that had to be made for it.
        done: None if the process ended before it could say.
    """

    n: int
    action: Action
    source: Path
    target: Path
    digest: bytes
    link: str | None
    folders: tuple[Path, ...]
    done: bool | None = None
    undone: bool = False


@dataclass(frozen=True)
class JournalRecord:
    """A journal as read.

    Attributes:
        root: the target folder.
        own: this person's Kyara wrote it, for the folder that it lies in.
        finished: the plan was carried out to its end.
        undone: it was undone to its end.
        left: how many operations could not be undone then.
    """

    path: Path
    root: Path
    id: str
    made: str
    inbox: Path | None
    own: bool
    entries: tuple[Entry, ...]
    finished: bool
    undone: bool
    left: int

    @property
    def state(self) -> str:
        """`applied`, `interrupted`, `partly undone` or `undone`."""
        if self.undone:
            return "partly undone" if self.left else "undone"
        if any(entry.undone for entry in self.entries):
            return "partly undone"
        return "applied" if self.finished else "interrupted"


class Journal:
    """A journal that is written to; a context that closes it.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.id = identity
        with _reporting(path):
            # Not buffered: what fails to be written is not tried again when it is closed.
            self._stream = path.open("rb+", buffering=0)
            self._stream.truncate(self._stream.read().rfind(b"\n") + 1)  # a line cut off

    @classmethod
    def create(cls, plan: Plan) -> Journal:
        """Begin the journal of a plan; nothing of the plan is done yet."""
        identity = secrets.token_hex(4)
        now = datetime.now(UTC)
        inbox = _inbox_of(plan)
        path = plan.root / FOLDER / f"{_stamp(now, plan.root)}-{identity}.jsonl"
        header = Header(
            version=JOURNAL_VERSION,
            id=identity,
            made=now.isoformat(timespec="seconds"),
            kyara=version("kyara"),
            inbox=inbox,
            planned=len(plan.operations),
            seal=seal(identity, plan.root, inbox),
        )
        with _reporting(path), new_file(path) as part:
            part.write_bytes(as_line(header))
        return cls(path, identity)

    def part(self, n: int, folder: Path) -> Path:
        """Where the copy of operation `n` grows, in the folder that it is meant for."""
        return folder / f".kyara-{self.id}-{n}.part"

    def begin(self, operations: Mapping[int, Operation], root: Path) -> None:
        """Write what may be done next, by number, and wait until the disk has it.

        Raises:
            OutputError: it cannot be written.
        """
        with _reporting(self.path):
            self._append([_begin(n, operation, root) for n, operation in operations.items()])
            os.fsync(self._stream.fileno())
            sync_folder(self.path.parent)

    def end(self, n: int, *, done: bool) -> None:
        """Note what became of an operation. Should that fail, undo looks for itself."""
        self._note(End(n=n, done=done))

    def finish(self) -> None:
        """Note that the plan was carried out to its end."""
        self._note(Finish())

    def undo(self, n: int) -> None:
        """Note that an operation was undone. Should that fail, undo looks for itself."""
        self._note(Undo(n=n))

    def undone(self, left: int) -> None:
        """Note that the plan was undone, all but `left` operations."""
        self._note(Undone(left=left))

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def _note(self, record: Record) -> None:
        with suppress(OSError):
            self._append([record])

    def _append(self, records: Sequence[Record]) -> None:
        data = b"".join(map(as_line, records))
        end = self._stream.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._stream.write(data) :]
        except OSError:
            with suppress(OSError):
                self._stream.truncate(end)  # no half line
            raise


@contextmanager
def locked(root: Path, *, wait: bool = True) -> Iterator[None]:
    """Be the only one that works in the target folder `root`.

    Args:
        wait: wait while another process works there.

    Raises:
        OutputError: its folder of journals cannot be made or written to, or another process
            works there; or a link is in the place of what should be written.
    """
    lock = FileLock(root / FOLDER / "lock")
    for place in (root / FOLDER, root / FOLDER / "lock"):
        if place.is_symlink():  # a folder from elsewhere may hold any: nothing is written through
            raise OutputError("this is a link, and not followed", where=place, hint="remove it")
    with _reporting(root / FOLDER):
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        _acquire(lock, root, wait=wait)
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: BaseFileLock, root: Path, *, wait: bool) -> None:
    if not has_locks(Path(lock.lock_file)):
        _log.warning("this file system has no locks, so nothing keeps another kyara out: %s", root)
        return
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not wait:
            raise OutputError("another kyara works in this folder", where=root) from None
        _log.warning("waiting until another kyara has done its work in %s", root)
        lock.acquire()


def find_journals(root: Path) -> list[Path]:
    """The journals of the target folder `root`, the oldest first.

    Raises:
        DataError: its folder of journals cannot be listed.
    """
    try:
        found = sorted(path for path in (root / FOLDER).iterdir() if path.suffix == ".jsonl")
        return [path for path in found if not path.is_symlink()]  # Kyara makes none
    except FileNotFoundError:
        return []
    except OSError as error:
        what = f"cannot list the journals: {reason(error)}"
        raise DataError(what, where=root / FOLDER) from error


def read_journal(path: Path) -> JournalRecord:
    """The journal at `path`. A last line that is not whole is left out: nothing followed it.

    Raises:
        DataError: it cannot be read, is not a journal, or is of a newer version.
    """
    if path.absolute().parent.name != FOLDER or path.is_symlink():
        what = f"not a journal of kyara: those lie in the folder {FOLDER} of what was sorted"
        raise DataError(what, where=path)
    with reading(path):
        whole = path.read_bytes().split(b"\n")[:-1]
    try:
        first, *lines = [json.loads(line) for line in whole]
        check_version(first, JOURNAL_VERSION, "journal", path)
        header = msgspec.convert(first, Header)
        return _record(path, header, [msgspec.convert(line, Record) for line in lines])
    except (ValueError, TypeError, KeyError) as error:  # msgspec's are ValueErrors
        raise DataError(
            "not a journal of kyara, or a damaged one", where=path, hint=one_line(error)
        ) from error


def _record(path: Path, header: Header, records: Sequence[Record]) -> JournalRecord:
    root = path.parent.parent
    entries: dict[int, Entry] = {}
    finished, left = False, None
    for record in records:
        match record:
            case Begin():
                entries[record.n] = _entry(record, root)
            case End():
                entries[record.n] = replace(entries[record.n], done=record.done)
            case Undo():
                entries[record.n] = replace(entries[record.n], undone=True)
            case Finish():
                finished = True
            case Undone():
                left = record.left
    return JournalRecord(
        path=path,
        root=root,
        id=header.id,
        made=header.made,
        inbox=None if header.inbox is None else Path(header.inbox),
        own=is_sealed(header.seal, header.id, root, header.inbox),
        entries=tuple(entries.values()),
        finished=finished,
        undone=left is not None,
        left=left or 0,
    )


def _entry(begun: Begin, root: Path) -> Entry:
    if not Path(begun.source).is_absolute() or "\0" in begun.source:
        raise ValueError(f"{begun.source!r} should be an absolute path")
    return Entry(
        n=begun.n,
        action=begun.action,
        source=Path(begun.source),
        target=below(root, begun.target),
        digest=bytes.fromhex(begun.digest),
        link=begun.link,
        folders=tuple(below(root, folder) for folder in begun.folders),
    )


def _stamp(now: datetime, root: Path) -> str:
    """The time in a journal's name, by which they are ordered: later than in any other, though
    the clock was wrong when that was written."""
    for path in find_journals(root)[-1:]:
        with suppress(ValueError, OverflowError):
            last = datetime.strptime(path.name.partition("-")[0], _TIME).replace(tzinfo=UTC)
            now = max(now, last + timedelta(microseconds=1))
    return now.strftime(_TIME)


def _inbox_of(plan: Plan) -> str | None:
    if plan.inbox is not None:
        return os.path.abspath(plan.inbox)
    folders = [os.path.abspath(operation.source.parent) for operation in plan.operations]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # none, or on several drives
        return None


def _begin(n: int, operation: Operation, root: Path) -> Begin:
    left = operation.target if operation.action is Action.WITHDRAW else operation.source
    goes = operation.action in (Action.MOVE, Action.WITHDRAW) and left.is_symlink()
    return Begin(
        n=n,
        action=operation.action,
        source=os.path.abspath(operation.source),
        target=os.fspath(operation.target.relative_to(root)),
        digest=operation.digest.hex(),
        link=os.readlink(left) if goes else None,  # noqa: PTH115 (verbatim)
        folders=tuple(os.fspath(f.relative_to(root)) for f in _missing(operation.target, root)),
    )


def _missing(target: Path, root: Path) -> list[Path]:
    """The folders between `root` and `target` that are not there."""
    between = target.relative_to(root).parents
    return [root / folder for folder in between if not os.path.lexists(root / folder)]


@contextmanager
def _reporting(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write the journal, without which nothing is done: {reason(error)}",
            where=where,
        ) from error
