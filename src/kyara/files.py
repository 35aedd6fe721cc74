"""Files that appear whole or not at all, and the one line that says why one cannot be used."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kyara.errors import DataError, KyaraError, OutputError, UsageError, reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "NewFolder",
    "has_locks",
    "is_folder",
    "new_file",
    "part_beside",
    "put_in_place",
    "reading",
    "replaced",
    "require_own",
    "sync_folder",
    "user_folder",
    "writing",
]


def user_folder() -> Path:
    """The folder of what Kyara keeps for this user: what was trusted, and the key of journals.

    KYARA_CONFIG names another.
    """
    import platformdirs

    named = os.environ.get("KYARA_CONFIG")
    return Path(named) if named else platformdirs.user_config_path("kyara", appauthor=False)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is a folder, or a link to one. None is seen where one may not look, and
    under a name that the system refuses: there Path.is_dir raises."""
    return os.path.isdir(path)  # noqa: PTH112


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Where to write a file that is not there yet. It gets its name when the block is done;
    when that fails, also by Ctrl-C, nothing is left of it.

    Raises:
        FileExistsError: something has that name; it stays as it is.
        OSError: it cannot be written.
    """
    with part_beside(path) as part:
        yield part
        put_in_place(part, path)


@contextmanager
def replaced(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Where to write a file anew. It takes the place of what was there, and its mode, when the
    block is done; a symbolic link keeps pointing to it.

    Args:
        durable: wait until the disk has it, for what is written next relies on it.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 (as is_dir)
        yield path  # a pipe or /dev/null is written to, never replaced
        return
    path = Path(os.path.realpath(path))
    with part_beside(path) as part:
        yield part
        with contextlib.suppress(OSError):  # nothing was there
            shutil.copymode(path, part)
        if durable:
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
        part.replace(path)
        if durable:
            sync_folder(path.parent)


def require_own(path: Path, what: str, is_own: Callable[[bytes], bool]) -> None:
    """Nothing, if what is made anew each time may be written to `path`: nothing is there, or an
    earlier one, or what is no file (a pipe, /dev/null).

    Args:
        what: the kind of file, for the message of an error.
        is_own: knows an earlier one by its content.

    Raises:
        UsageError: another file is there, or a folder, or what cannot be read.
    """
    if is_folder(path):
        raise UsageError("this is a folder", where=path, hint="name a file in it")
    if not os.path.isfile(path):  # noqa: PTH113 (as is_dir)
        return
    with reading(path, UsageError):
        found = path.read_bytes()
    if found and not is_own(found):
        raise UsageError(f"this is no {what} of Kyara", where=path, hint="choose another name")


@contextmanager
def part_beside(path: Path) -> Iterator[Path]:
    """A file in the folder of `path` for what is not whole yet; nothing is left of it. What killed
    processes left there goes, too."""
    _remove_stale_parts(path.parent)
    part = path.parent / f".kyara-{secrets.token_hex(8)}.part"
    with contextlib.ExitStack() as stack:
        stack.callback(_unlink, part)
        if fcntl is not None:  # while it is locked, no other process takes it for left over
            stream = stack.enter_context(part.open("xb"))
            with contextlib.suppress(OSError):  # some network shares have no locks
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part


def has_locks(path: Path) -> bool:
    """Whether the file at `path`, which is made if it is not there, can be locked: on some network
    shares none can.

    Raises:
        OSError: it cannot be opened.
    """
    if fcntl is None:
        return True
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True


def _remove_stale_parts(folder: Path) -> None:
    """Remove parts that no process writes to."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for name in filter(_PART.fullmatch, os.listdir(folder)):
            with contextlib.suppress(OSError), (folder / name).open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / name).unlink()


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


_PART = re.compile(r"\.kyara-[0-9a-f]{16}\.part")


def put_in_place(part: Path, target: Path) -> None:
    """Give a complete file its name; the part may stay beside it, to be removed.

    Raises:
        FileExistsError: something has that name; it stays as it is.
        OSError: the file system refuses.
    """
    # A hard link fails where the name is taken; renaming would silently replace that file.
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links (FAT, some network shares)
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "a file of that name is there") from None
        part.rename(target)


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk, where the file system can tell."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def reading(
    path: str | os.PathLike[str],
    kind: type[KyaraError] = DataError,
    *,
    what: str = "cannot read it",
) -> Iterator[None]:
    """In the block, what the system refuses becomes an error of that kind, in one line.

    Raises:
        KyaraError: of that kind: the system refused something.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {reason(error)}", where=path) from error


@contextmanager
def writing(path: str | os.PathLike[str], *, what: str = "cannot write it") -> Iterator[None]:
    """In the block, what the system refuses becomes an OutputError, in one line.

    Raises:
        OutputError: the system refused something.
    """
    with reading(path, OutputError, what=what):
        yield


class NewFolder:
    """A folder for files of their own names: new or empty, so that nothing is overwritten.

    Raises:
        UsageError: something is there, or there is no folder that it could lie in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names: set[str] = set()
        hint = "name a new or an empty folder: nothing is overwritten"
        if not is_folder(path):
            if os.path.lexists(path):
                raise UsageError("there is a file of this name", where=path, hint=hint)
            if not is_folder(path.parent):
                raise UsageError("there is no such folder", where=path.parent)
        elif os.listdir(path):
            raise UsageError("there is something in this folder", where=path, hint=hint)

    def make(self) -> None:
        """Make it, if it is not there.

        Raises:
            OutputError: it cannot be made.
        """
        with writing(self.path):
            self.path.mkdir(exist_ok=True)

    def name_for(self, stem: str, suffix: str) -> Path:
        """A path in it that was not given before: `stem.png`, `stem-2.png` and so on; letter case
        makes no difference."""
        number = 1
        while (name := stem if number == 1 else f"{stem}-{number}").casefold() in self._names:
            number += 1
        self._names.add(name.casefold())
        return self.path / f"{name}{suffix}"
