"""Which files of a folder are pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kyara.errors import PictureError, reason
from kyara.files import is_folder

__all__ = ["SUFFIXES", "find_pictures", "is_passed_over", "is_picture_name"]

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "bmp", "dib", "gif", "heic", "heif", "j2k", "jfif", "jp2", "jpe"),
        *("jpeg", "jpg", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "psd", "qoi", "tga"),
        *("tif", "tiff", "webp"),
    )
)


_OF_OTHERS = frozenset(
    (
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),  # NAS
        *("__macosx", "$recycle.bin", "recycler", "system volume information", "lost+found"),
    )
)


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture when a folder is searched.

    Hidden files are not: macOS leaves `._name.jpg` beside pictures, and they hold none.
    """
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def is_passed_over(name: str) -> bool:
    """Whether a folder of this name is not searched: hidden, or of another program or a system,
    which keeps thumbnails or what was deleted there."""
    return name.startswith(".") or name.casefold() in _OF_OTHERS


def find_pictures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    skip: Iterable[str | os.PathLike[str]] = (),
) -> list[Path]:
    """The pictures at `paths`: files as they are named, folders searched with all below them.

    The order is stable: as given, and by name within a folder. A file stands once in the
    result, however often it was named. Symbolic links to folders are followed unless they
    lead back to a folder above them. Hidden files and folders are passed over, and folders of
    other programs (`is_passed_over`). What is named
    but missing, and what cannot be listed below a folder, stands in the result as well:
    reading it says what is wrong.

    Args:
        skip: folders that are not entered, such as the one that results go to.

    Raises:
        PictureError: one of `paths` is a folder that cannot be listed.
    """
    skipped = {os.path.realpath(folder) for folder in skip}
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if is_folder(path):
            found.update(dict.fromkeys(_walk(path, skipped)))
        else:
            found[path] = None
    return list(found)


def _walk(top: Path, skipped: set[str]) -> Iterator[Path]:
    # A list of what is left, not a call per folder: some are nested deeper than Python's stack.
    left: list[tuple[Path, bool, frozenset[str]]] = [(top, True, frozenset())]
    while left:
        path, is_one, above = left.pop()
        if not is_one:
            yield path
            continue
        real = os.path.realpath(path)
        if real in skipped or real in above:
            continue
        try:
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            if above:
                yield path
                continue
            raise PictureError(f"cannot list this folder: {reason(error)}", where=path) from error
        inner = above | {real}
        for entry in listed:
            folder = _is_folder(entry)
            if not is_passed_over(entry.name) if folder else is_picture_name(entry.name):
                left.append((path / entry.name, folder, inner))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or through a folder that is closed
        return False
