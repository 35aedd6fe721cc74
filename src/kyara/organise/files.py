"""What is done with one file: whole or not at all, and never in the place of another file.

`part` is the name under which a copy grows, in the folder that it is meant for. It is the
caller's to choose, so that what a killed process left can be found and removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path, PurePath

from kyara.files import put_in_place, sync_folder
from kyara.pictures.digest import digest_of_file

__all__ = [
    "below",
    "copy_file",
    "hard_link",
    "link_text",
    "move_file",
    "rename_file",
    "symbolic_link",
    "withdraw",
]


def copy_file(source: Path, target: Path, part: Path) -> None:
    """Copy content, time and mode; `target` appears when it is complete.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be read or written; nothing is left of it.
    """
    _copy(source, target, part, durable=False)


def move_file(source: Path, target: Path, part: Path) -> None:
    """Move, also to another file system; `source` goes only when `target` is complete.

    Of a symbolic link the picture that it leads to is moved there as a copy, and the link goes:
    a relative link would not survive the move.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be moved; it is where it was.
    """
    if source.is_symlink():
        _copy(source, target, part, durable=True)
    else:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without links
            _copy(source, target, part, durable=True)
    try:
        source.unlink()
    except OSError:
        target.unlink()  # a picture that may not leave is not in two places either
        raise


def rename_file(source: Path, target: Path, part: Path) -> None:
    """Move what an earlier run made: a link stays one, and leads where it led.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be moved; it is where it was.
    """
    if not source.is_symlink():
        move_file(source, target, part)
        return
    target.symlink_to(link_text(source, target))
    source.unlink()


def withdraw(source: Path, target: Path, digest: bytes) -> None:
    """Remove the picture at `target`, which is at `source` too.

    Raises:
        OSError: one of them is not that picture any more, or it cannot be removed.
    """
    for path in (source, target):
        if digest_of_file(path) != digest:
            raise OSError(errno.EBUSY, f"it was changed since: {path}")
    target.unlink()


def hard_link(source: Path, target: Path) -> None:
    """Give the picture (if `source` is a link: the one it leads to) a second name.

    Raises:
        OSError: the name is taken, or the file system has no such links.
    """
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            what = "links do not reach another disk, use --copy or --symlink"
            raise OSError(error.errno, what) from error
        raise


def symbolic_link(source: Path, target: Path) -> None:
    """Make `target` lead to the picture, as `link_text` says.

    Raises:
        OSError: the name is taken, or the file system has no such links.
    """
    target.symlink_to(link_text(source, target))


def link_text(source: Path, target: Path) -> str:
    """What a symbolic link at `target` to the picture `source` holds.

    A relative path on one file system, for what lies on one disk is moved and mounted as one;
    an absolute path from one file system to another.
    """
    picture, folder = os.path.realpath(source), os.path.realpath(target.parent)
    if Path(picture).stat().st_dev == Path(folder).stat().st_dev:
        return os.path.relpath(picture, folder)
    return picture


def below(root: Path, relative: str) -> Path:
    """The path `relative` below `root`, as a file says it.

    Raises:
        ValueError: it leads elsewhere.
    """
    path = PurePath(relative)
    outside = path.is_absolute() or path.drive or ".." in path.parts
    if outside or not path.parts or "\0" in relative:
        raise ValueError(f"{relative!r} does not lie below the target folder")
    return root / path


def _copy(source: Path, target: Path, part: Path, *, durable: bool) -> None:
    try:
        shutil.copyfile(source, part)
        if durable:  # before the only other copy goes
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
        shutil.copystat(source, part)
        put_in_place(part, target)
        if durable:
            sync_folder(target.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
