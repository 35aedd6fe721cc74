"""Opening the file of a library, transactions, and SQLite's errors in words.

The file is in WAL mode: one process writes while others read, and whatever a killed process
had not committed is as if it had never been begun.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kyara.errors import DataError, KyaraError, OutputError, UsageError, reason
from kyara.files import is_folder, part_beside, put_in_place, writing
from kyara.library.schema import APPLICATION_ID, VERSION, migrate
from kyara.scale.places import is_dataset

__all__ = ["Database", "create_database", "open_database"]

SECONDS_TO_WAIT = 60
"""For another process that writes. Its transactions are short, so this is for slow disks."""

SECONDS_UNSAID = 1
"""After which it is said that another process is waited for."""

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # the command line shows it

_HEAD = b"SQLite format 3\0"
_CREATE_FIRST = "kyara library create makes one"

_IN_WORDS: tuple[tuple[str, type[KyaraError], str, str], ...] = (
    ("BUSY", DataError, "the library is in use by another process", "try again in a while"),
    ("LOCKED", DataError, "the library is in use by another process", "try again in a while"),
    ("FULL", OutputError, "the disk is full", "make room and run the same command again"),
    ("IOERR", OutputError, "the disk failed, or is full", "what was done before is kept"),
    ("READONLY", OutputError, "the library cannot be written", "its file or folder is read-only"),
    ("CANTOPEN", OutputError, "the library cannot be opened", "may its folder be written?"),
    ("NOTADB", DataError, "this is not a library of Kyara", _CREATE_FIRST),
    ("CORRUPT", DataError, "the library is damaged", "take a copy of it, or an export"),
)
"""How SQLite's name of the error begins; what to raise instead; what is wrong; what to do."""


class Database:
    """An open library file.

    Attributes:
        path: where it is.
        read_only: whether it was opened for reading only.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._connection = connection

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        with _in_words(self.path):
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The first row of a query, or None."""
        with _in_words(self.path):
            return self._connection.execute(statement, values).fetchone()

    def chunks(self, statement: str, values: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """The rows of a query, some at a time."""
        with _in_words(self.path):
            cursor = self._connection.execute(statement, values)
            while rows := cursor.fetchmany(size):
                yield rows

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; returns the number of rows that it changed."""
        with _in_words(self.path):
            return self._connection.execute(statement, values).rowcount

    def run_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Execute one statement with each of `values`."""
        with _in_words(self.path):
            self._connection.executemany(statement, values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read in the block is as it was at one moment; in another such block, or while
        writing, as it is for that one."""
        if self._connection.in_transaction:
            yield
            return
        with _in_words(self.path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: committed when the block ends, undone when it raises.

        Raises:
            OutputError: the library was opened for reading only, or the disk is full.
            DataError: another process has been writing all the while.
        """
        if self.read_only:
            raise OutputError("the library was opened for reading only", where=self.path)
        with _in_words(self.path):
            self._begin()
        try:
            yield
            with _in_words(self.path):
                self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite itself may have rolled back
                self._connection.execute("ROLLBACK")
            raise

    def _begin(self) -> None:
        try:
            self._wait_at_most(min(SECONDS_UNSAID, SECONDS_TO_WAIT))
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                raise
            _log.warning("waiting until another process has written to %s", self.path)
            self._wait_at_most(SECONDS_TO_WAIT)
            self._connection.execute("BEGIN IMMEDIATE")
        finally:
            self._wait_at_most(SECONDS_TO_WAIT)

    def _wait_at_most(self, seconds: float) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    def version(self) -> tuple[int, int]:
        """Another pair than before, if this process or another has written in the meantime."""
        (others,) = self.row("PRAGMA data_version")
        return int(others), self._connection.total_changes

    def close(self) -> None:
        """Close the file; nothing is done with it afterwards."""
        self._connection.close()


@contextmanager
def create_database(path: Path) -> Iterator[Database]:
    """A new library file with empty tables, for the block to fill. It appears at `path` when
    the block ends: whole, or not at all.

    Raises:
        UsageError: there is something of that name, or no such folder.
        OutputError: it cannot be written.
    """
    if os.path.lexists(path):
        raise UsageError("this file exists", where=path, hint="choose another name")
    if is_dataset(path):
        what = "this is what a Lance dataset is called, not a library"
        raise UsageError(what, where=path, hint="choose another name")
    if not is_folder(path.parent):
        raise UsageError("there is no such folder", where=path.parent)
    with part_beside(path) as part:
        try:
            with _in_words(path):
                connection = _connect(part, "rwc")
            with contextlib.closing(connection), _in_words(path):
                database = Database(path, connection, read_only=False)
                with database.writing():
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    migrate(connection)
                yield database
                connection.execute("PRAGMA journal_mode = WAL")
            _publish(part, path)
        finally:
            for kind in ("wal", "shm", "journal"):  # what SQLite keeps beside it
                with contextlib.suppress(OSError):
                    Path(f"{part}-{kind}").unlink()


def open_database(path: Path, *, write: bool) -> Database:
    """The library file at `path`; one of an older version is brought to today's.

    Raises:
        UsageError: there is no such file.
        DataError: it is no library, is damaged, or of a newer version.
        OutputError: it must be written and cannot.
    """
    _look_at(path)
    with _in_words(path):
        if not write:
            connection = _connect_for_reading(path)
            if _version_of(connection, path) == VERSION:
                return Database(path, connection, read_only=True)
            connection.close()  # it needs a migration
        connection = _connect(path, "rw")
        database = Database(path, connection, read_only=False)
        try:
            if _version_of(connection, path) < VERSION:
                with database.writing():
                    migrate(connection)
            return database
        except BaseException:
            connection.close()
            raise


def _publish(part: Path, path: Path) -> None:
    """Give the finished file its name, unless something has got that in the meantime."""
    with writing(path):
        try:
            put_in_place(part, path)
        except FileExistsError:
            raise UsageError("this file exists", where=path, hint="choose another name") from None


def _look_at(path: Path) -> None:
    """SQLite's own words for what is no file at all help nobody."""
    if is_dataset(path):
        what = "a Lance dataset is for reading, by kyara identify and kyara sort"
        hint = "kyara library import FILE DATASET takes what it holds into a library"
        raise UsageError(what, where=path, hint=hint)
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_HEAD))
    except FileNotFoundError:
        raise UsageError("there is no such library", where=path, hint=_CREATE_FIRST) from None
    except IsADirectoryError:
        raise UsageError("this is a folder, not a library", where=path) from None
    except OSError as error:
        raise DataError(f"cannot read it: {reason(error)}", where=path) from error
    if head != _HEAD:
        raise DataError("this is not a library of Kyara", where=path, hint=_CREATE_FIRST)


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise DataError("this is not a library of Kyara", where=path, hint=_CREATE_FIRST)
    if version > VERSION:
        raise DataError(
            f"a newer Kyara made this library (version {version}; this one knows {VERSION})",
            where=path,
            hint="pip install --upgrade kyara",
        )
    return int(version)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, timeout=SECONDS_TO_WAIT, isolation_level=None)
    # A decision must not be lost with the power either; transactions are few and large.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    """Also where SQLite may not write the two files that it keeps beside a library in use."""
    try:
        connection = _connect(path, "ro")
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        return connection
    except sqlite3.OperationalError:
        unfinished = Path(f"{path}-wal")
        if os.access(path.parent, os.W_OK) or (unfinished.exists() and unfinished.stat().st_size):
            raise
    return _connect(path, "ro&immutable=1")  # nobody can write there: it will not change


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        # Without a name: Python's own complaint, for instance of a closed connection.
        name = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_")
        for begin, kind, what, hint in _IN_WORDS:
            if name.startswith(begin):
                raise kind(what, where=path, hint=hint) from error
        raise DataError(f"the library failed: {error}", where=path) from error
