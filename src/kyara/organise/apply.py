"""Carrying a plan out: each operation whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from kyara.errors import OutputError, printable
from kyara.organise.plan import Action, Operation, Status

__all__ = ["apply_plan"]


def apply_plan(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Carry out each operation; yields it as done, already there, or failed with its error.

    A copy appears under its name only when it is complete, and never in the place of another
    file. A moved picture leaves its old place only when it is in the new one.
    """
    for operation in operations:
        if operation.status is Status.FAILED or _is_there(operation):
            yield operation
            continue
        try:
            _make_folder(operation.target.parent)
            _ACTIONS[operation.action](operation.source, operation.target)
        except OSError as error:
            problem = OutputError(
                f"cannot {operation.action.value} it to {printable(str(operation.target))}: "
                f"{error.strerror or error}",
                where=operation.source,
            )
            yield replace(operation, status=Status.FAILED, error=problem)
        else:
            yield replace(operation, status=Status.NEW)


def _is_there(operation: Operation) -> bool:
    # Should the same picture, from elsewhere, have failed to get there, this one is needed.
    return operation.status is Status.THERE and os.path.lexists(operation.target)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "a file is in place of the folder") from error


def _copy(source: Path, target: Path) -> None:
    part = target.parent / f".kyara-{secrets.token_hex(8)}.part"
    try:
        shutil.copyfile(source, part)
        shutil.copystat(source, part)
        _put_in_place(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _move(source: Path, target: Path) -> None:
    if source.is_symlink():
        _copy(source, target)  # a relative link would not survive a move; its picture does
    else:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without links
            _copy(source, target)
    try:
        source.unlink()
    except OSError:
        target.unlink()  # a picture that may not leave is not in two places either
        raise


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise OSError(error.errno, "links do not reach another disk, use --copy") from error
        raise


def _put_in_place(part: Path, target: Path) -> None:
    # A hard link fails where the name is taken; renaming would silently replace that file.
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links (FAT, some network shares)
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "a file of that name is there") from None
        part.rename(target)


_ACTIONS = {Action.COPY: _copy, Action.MOVE: _move, Action.LINK: _link}
