"""Small pictures of a library's, made once and kept beside the cache of embeddings.

They are kept by content, box and size, so none is ever out of date; the folder can be deleted at
any time.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from kyara.encode.cache import default_cache_path
from kyara.errors import PictureError
from kyara.files import replaced
from kyara.library.figures import as_text
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.pictures.digest import digest_of_bytes
from kyara.pictures.read import read_bytes
from kyara.results.thumbnails import small_webp
from kyara.types import Box

__all__ = ["SIDES", "Thumbnails", "clear_thumbnails", "content_of", "thumbnail_folder"]

SIDES = (256, 512, 1600)
"""Of the square that a small picture fits into, in pixels."""
_MARGIN = 0.15
"""By how much of its sides a figure's box is widened: a head alone, cut tight, is hard to know."""
_LIMIT = 1 << 29
"""Bytes that they may take; when there are more, the folder is emptied."""

_OWN = re.compile("[0-9a-f]{62}")
"""What they are called."""

_log = logging.getLogger(__name__)


def thumbnail_folder() -> Path:
    """Where they are kept: beside the cache of embeddings."""
    cache = default_cache_path()
    return cache.with_name(f"{cache.name}.thumbnails")


def clear_thumbnails(folder: Path) -> None:
    """Delete them all; whatever else lies in the folder stays."""
    for path in folder.glob("??/*.webp"):
        if _OWN.fullmatch(path.stem) is not None:
            with suppress(OSError):
                path.unlink()
    for empty in (*folder.glob("??"), folder):
        with suppress(OSError):  # it is not
            empty.rmdir()


def content_of(library: Library, digest: bytes) -> tuple[bytes, Path]:
    """The file of a picture, and where it is. Another file that lies there by now is not taken.

    Raises:
        PictureError: it is nowhere any more.
    """
    for path in library.paths_of(digest):
        try:
            data = read_bytes(path)
        except PictureError:
            continue
        if digest_of_bytes(data) == digest:
            return data, path
    raise PictureError("the file of this picture is no longer where it was")


class Thumbnails:
    """Makes and keeps them.

    Args:
        folder: where they are kept; None: beside the cache of embeddings.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or thumbnail_folder()
        self._shrink()

    def of(self, library: Library, subject: Subject, side: int) -> bytes:
        """A WebP of a figure with a little around it, or of a whole picture.

        Args:
            side: one of `SIDES`.

        Raises:
            PictureError: the picture is not there any more, or cannot be read.
        """
        kept = self._place(subject, side)
        try:
            return kept.read_bytes()
        except OSError:
            pass
        data, path = content_of(library, subject.digest)
        box = None if subject.box is None else _widened(subject.box)
        made = small_webp(data, box, side, path)
        self._keep(kept, made)
        return made

    def _place(self, subject: Subject, side: int) -> Path:
        key = f"{subject.digest.hex()} {as_text(subject.box)} {side} 1"
        name = sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.webp"

    def _keep(self, place: Path, made: bytes) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with replaced(place) as part:
                part.write_bytes(made)
        except OSError as error:  # it is shown all the same
            _log.warning("cannot keep small pictures in %s: %s", self._folder, error)

    def _shrink(self) -> None:
        sizes = (path.stat().st_size for path in self._folder.glob("*/*.webp"))
        if sum(sizes) > _LIMIT:
            clear_thumbnails(self._folder)


def _widened(box: Box) -> Box:
    """The box with a margin; what lies outside of the picture is cut off where it is cut out."""
    x, y = _MARGIN * (box.right - box.left), _MARGIN * (box.bottom - box.top)
    return Box(box.left - x, box.top - y, box.right + x, box.bottom + y)
