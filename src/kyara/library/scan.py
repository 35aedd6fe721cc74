"""The picture files that there are now, beside what a library knows of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.errors import PictureError, reason
from kyara.files import is_folder
from kyara.library.database import Database
from kyara.library.roots import Root
from kyara.pictures.find import find_pictures
from kyara.pictures.state import FileState

__all__ = [
    "Place",
    "Scan",
    "Seen",
    "is_away",
    "known_places",
    "lost_places",
    "scan",
    "seen_at",
]


@dataclass(frozen=True)
class Place:
    """A place of a picture, as the library knows it.

    Attributes:
        state: size, time of change and inode of the file when it was read.
        checked_ns: when that was.
        gone: whether the file was missing at the last look.
    """

    digest: bytes
    state: tuple[int, int, int]
    checked_ns: int
    gone: bool


@dataclass(frozen=True)
class Seen:
    """A picture file as it is now.

    Attributes:
        path: as it was found.
        root: what says whom it shows, or None.
        known: what the library knows of the place.
    """

    path: Path
    state: FileState
    root: Root | None
    known: Place | None

    @property
    def shows(self) -> str | None:
        """Whom its root says that it shows."""
        return None if self.root is None else self.root.shows(self.state.path)

    @property
    def settled(self) -> bool:
        """Whether it is certainly what the library knows, without a look inside."""
        return (
            self.known is not None
            and not self.known.gone
            and self.known.state == self.state.marks
            and self.state.settled(self.known.checked_ns)
        )


@dataclass(frozen=True)
class Scan:
    """What a look at the files found.

    Attributes:
        started_ns: when it began: what changed later is not in it.
        missing: roots that are not there.
    """

    started_ns: int
    seen: list[Seen]
    failed: list[PictureError]
    missing: list[Path]


def known_places(database: Database) -> dict[bytes, Place]:
    """All places, by path."""
    return {row[0]: _place(*row[1:]) for row in database.rows(_PLACES)}


def seen_at(database: Database, path: Path) -> Seen:
    """The file at `path` as it is now, as a root of its own that says nothing of it.

    Raises:
        OSError: there is none.
    """
    state = FileState.of(path)
    row = database.row(f"{_PLACES} WHERE path = ?", (state.key,))
    return Seen(path, state, Root(state.path), None if row is None else _place(*row[1:]))


_PLACES = (
    "SELECT path, digest, size, mtime_ns, inode, checked_ns, gone"
    " FROM places JOIN pictures ON id = picture"
)


def _place(
    digest: bytes, size: int, mtime_ns: int, inode: int, checked_ns: int, gone: int
) -> Place:
    return Place(digest, (size, mtime_ns, inode), checked_ns, bool(gone))


def scan(roots: Sequence[Root], places: dict[bytes, Place]) -> Scan:
    """Every picture file below the roots, once. Where roots lie within each other, the
    innermost says whom a picture shows.

    Raises:
        PictureError: a root is a folder that cannot be listed.
    """
    result = Scan(time.time_ns(), [], [], [])
    seen: dict[bytes, Seen] = {}
    for root in sorted(roots, key=lambda root: len(root.path.parts)):
        if is_away(root, places):
            result.missing.append(root.path)
        if not os.path.lexists(root.path):
            continue
        for path in find_pictures([root.path]):
            try:
                state = FileState.of(path)
            except OSError as error:
                what = f"cannot read it: {reason(error)}"
                result.failed.append(PictureError(what, where=path))
                continue
            seen[state.key] = Seen(path, state, root, places.get(state.key))
    result.seen.extend(seen.values())
    return result


def is_away(root: Root, places: dict[bytes, Place]) -> bool:
    """Whether a root is missing in a way that says nothing of its pictures: its disk may not be
    mounted, which leaves an empty folder or none. A single file that is missing from a folder that
    is there is just gone."""
    if os.path.lexists(root.path):
        return _is_emptied(root.path, places)
    return os.fsencode(root.path) not in places or not os.path.lexists(root.path.parent)


def _is_emptied(folder: Path, places: dict[bytes, Place]) -> bool:
    """Whether a folder that held pictures holds nothing at all."""
    try:
        if not is_folder(folder) or any(folder.iterdir()):
            return False
    except OSError:  # looking into it will say what is wrong
        return False
    below = os.fsencode(folder) + os.fsencode(os.sep)
    return any(path.startswith(below) and not place.gone for path, place in places.items())


def lost_places(
    places: dict[bytes, Place], seen: Iterable[Seen], missing: Sequence[Path]
) -> list[bytes]:
    """Places at which there is no file any more. Below a root that is missing as a whole
    nothing is lost: its disk may not be connected."""
    found = {one.state.key for one in seen}
    roots = {os.fsencode(root) for root in missing}
    below = tuple(root + os.fsencode(os.sep) for root in roots)
    return [
        path
        for path, place in places.items()
        if path not in found
        and not place.gone
        and path not in roots
        and not path.startswith(below)
        and not os.path.exists(path)  # noqa: PTH110 (bytes)
    ]
