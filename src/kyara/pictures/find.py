"""Which files of a folder are pictures: by their suffix or, where that says nothing, by their first
bytes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from kyara.errors import PictureError, reason
from kyara.files import is_folder
from kyara.pictures.files import open_regular

__all__ = ["SUFFIXES", "PassedOver", "find_pictures", "is_passed_over", "is_picture_name"]

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "bmp", "dib", "gif", "heic", "heif", "j2k", "jfif", "jp2", "jpe"),
        *("jpeg", "jpg", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "psd", "qoi", "tga"),
        *("tif", "tiff", "webp"),
    )
)

_NO_PICTURES = frozenset(
    f".{name}"
    for name in (
        *("txt", "json", "jsonl", "xmp", "csv", "html", "md", "xml", "yaml", "ini", "url", "log"),
        *("mp4", "mkv", "webm", "mov", "avi", "mp3", "flac", "ogg", "wav", "zip", "cbz", "cbr"),
        *("rar", "7z", "tar", "gz", "pdf", "py", "js", "css", "kyara", "sqlite", "npz", "db"),
    )
)
"""What is not opened to see whether it is a picture: these say what they are."""

_FIRST_BYTES = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"),
    *(b"8BPS", b"qoif", b"\0\0\0\x0cjP  "),
)
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1")

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


class PassedOver:
    """Counts the files that were no pictures when folders were searched, so that it can be said."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """One file. What tells of a picture beside it is not counted."""
        stem, suffix = os.path.splitext(name)
        if not (name.startswith(".") or (suffix in _NO_PICTURES and is_picture_name(stem))):
            self._counts[suffix.lower().removeprefix(".") or "no suffix"] += 1

    @property
    def in_words(self) -> str | None:
        """How many there were, of which kinds; None if there were none."""
        total = self._counts.total()
        if total == 0:
            return None
        kinds = [f"{kind} {count}" for kind, count in self._counts.most_common(_KINDS)]
        kinds += ["…"] if len(self._counts) > _KINDS else []
        files = "file is no picture that is" if total == 1 else "files are no pictures that are"
        return f"{total} {files} known here, and passed over ({', '.join(kinds)})"


_KINDS = 5
"""Kinds of files that are named."""


def find_pictures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    skip: Iterable[str | os.PathLike[str]] = (),
    passed_over: PassedOver | None = None,
) -> list[Path]:
    """The pictures at `paths`: files as they are named, folders searched with all below them.

    The order is stable: as given, and by name within a folder. A file stands once in the
    result, however often it was named. Symbolic links to folders are followed unless they
    lead back to a folder above them. Hidden files and folders are passed over, and folders of
    other programs (`is_passed_over`). A file whose suffix says nothing is a picture if its first
    bytes are a picture's. What is named
    but missing, and what cannot be listed below a folder, stands in the result as well:
    reading it says what is wrong.

    Args:
        skip: folders that are not entered, such as the one that results go to, and files that
            are not taken.
        passed_over: counts the files that are no pictures.

    Raises:
        PictureError: one of `paths` is a folder that cannot be listed.
    """
    search = _Search(skip, passed_over)
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if is_folder(path):
            found.update(dict.fromkeys(search.walk(path)))
        else:
            found[path] = None
    return list(found)


class _Search:
    def __init__(
        self, skip: Iterable[str | os.PathLike[str]], passed_over: PassedOver | None
    ) -> None:
        self._skipped = {os.path.realpath(path) for path in skip}
        self._names = {Path(path).name for path in self._skipped}
        self._passed_over = passed_over

    def walk(self, top: Path) -> Iterator[Path]:
        """The pictures below a folder."""
        # A list of what is left, not a call per folder: some are nested deeper than Python's
        # stack.
        left: list[tuple[Path, bool, frozenset[str]]] = [(top, True, frozenset())]
        while left:
            path, is_one, above = left.pop()
            if not is_one:
                if not self._is_skipped(path):
                    yield path
                continue
            real = os.path.realpath(path)
            if real in self._skipped or real in above:
                continue
            try:
                with os.scandir(path) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
            except OSError as error:
                if above:
                    yield path
                    continue
                what = f"cannot list this folder: {reason(error)}"
                raise PictureError(what, where=path) from error
            inner = above | {real}
            for entry in listed:
                folder = _is_folder(entry)
                if not is_passed_over(entry.name) if folder else self._is_picture(path, entry):
                    left.append((path / entry.name, folder, inner))

    def _is_skipped(self, path: Path) -> bool:
        # To resolve a path takes many calls of the system: most names are none of these.
        return path.name in self._names and os.path.realpath(path) in self._skipped

    def _is_picture(self, folder: Path, entry: os.DirEntry[str]) -> bool:
        if is_picture_name(entry.name):
            return True
        if _says_nothing(entry.name) and _begins_as_picture(folder / entry.name):
            return True
        if self._passed_over is not None:
            self._passed_over.add(entry.name)
        return False


def _says_nothing(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() not in _NO_PICTURES


def _begins_as_picture(path: Path) -> bool:
    try:
        with open_regular(path) as stream:
            head = stream.read(16)
    except OSError:
        return False
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] in _BRANDS
    return head.startswith(_FIRST_BYTES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or through a folder that is closed
        return False
