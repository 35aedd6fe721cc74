"""Knowing a picture again by its pixels, where something else in its file has changed.

Programs write tags and ratings into picture files, and then the content is another. What a person
said of the picture is still meant, so its pixels are remembered when it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError
from kyara.library.database import Database
from kyara.pictures.read import measure
from kyara.pictures.source import File, Pixels

__all__ = ["KnownPixels", "remember_pixels", "size_of"]


def remember_pixels(database: Database, pictures: Mapping[Path, bytes]) -> None:
    """Keep the pixels of pictures, as a digest, by what they are known by; of those that can be
    read, and are what they are known as."""
    known = {digest for (digest,) in database.rows("SELECT digest FROM pixels")}
    rows = []
    for path, digest in pictures.items():
        found = None if digest in known else _pixels_at(path, digest)
        if found is not None:
            rows.append((digest, found.digest, *found.image.size))
    if rows:
        with database.writing():
            database.run_many("INSERT OR IGNORE INTO pixels VALUES (?, ?, ?, ?)", rows)


def _pixels_at(path: Path, digest: bytes | None = None) -> Pixels | None:
    try:
        content = File(path).read()
        if digest not in (None, content.digest):
            return None
        return Pixels(content.decode().image)
    except PictureError:
        return None


class KnownPixels:
    """Tells which pictures have the pixels of one that something was said of.

    Only those of the same size are opened, of which nothing was said themselves.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sizes = set(database.rows("SELECT DISTINCT width, height FROM pixels"))
        self._same: dict[bytes, bytes] = {}

    def watch(self, pictures: Iterable[EmbeddedPicture]) -> Iterator[EmbeddedPicture]:
        """The pictures as they come, each looked at."""
        for picture in pictures:
            if picture.digest is not None and self._sizes:
                self._look(picture, picture.digest)
            yield picture

    def known_as(self, digest: bytes) -> bytes:
        """The digest of the picture that something was said of; its own, if there is none."""
        return self._same.get(digest, digest)

    def _look(self, picture: EmbeddedPicture, digest: bytes) -> None:
        if digest in self._same:
            return
        spoken_of = "SELECT 1 FROM said WHERE digest = ?1 UNION SELECT 1 FROM rejections"
        if self._database.row(f"{spoken_of} WHERE digest = ?1", (digest,)) is not None:
            return
        if size_of(picture) not in self._sizes:
            return
        found = _pixels_at(picture.path)
        if found is not None:
            query = "SELECT digest FROM pixels WHERE pixels = ? ORDER BY digest"
            row = self._database.row(query, (found.digest,))
            self._same[digest] = digest if row is None else bytes(row[0])


def size_of(picture: EmbeddedPicture) -> tuple[int, int] | None:
    """Width and height; from the file's header only where nothing else tells."""
    if picture.size is not None:
        return picture.size
    for detection in picture.detections:
        if detection.kind == "whole":
            return int(detection.box.right), int(detection.box.bottom)
    try:
        return measure(picture.path).upright
    except PictureError:  # gone, or no file
        return None
