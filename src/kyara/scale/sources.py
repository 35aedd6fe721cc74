"""What the paths that a user names hold, as sources that can travel to another process."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from kyara.errors import PictureError
from kyara.pictures.archives import Member, is_archive, members_of
from kyara.pictures.source import File, Remote, Source
from kyara.pictures.urls import Url, is_url

__all__ = ["Unreadable", "file_at", "packed", "sources_at", "threads_for", "unpacked"]


@dataclass(frozen=True)
class Unreadable:
    """What could not even be listed, so that it fails as a picture does: with a row of its own.

    Attributes:
        name: of the archive.
        what: why.
    """

    name: str
    what: str

    def state(self) -> None:
        """None; see `Source`."""
        return

    def read(self) -> NoReturn:
        """See `Source`."""
        raise PictureError(self.what, where=self.name)


def file_at(name: str) -> File | Remote:
    """The file at a path or a URL."""
    return Remote(Url(name)) if is_url(name) else File(Path(name))


def sources_at(name: str) -> list[Source]:
    """The picture in the file at a path or a URL, or those in an archive."""
    if not is_archive(name):
        return [file_at(name)]
    try:
        return members_of(Url(name) if is_url(name) else Path(name))
    except PictureError as error:
        return [Unreadable(name, error.what)]


def threads_for(sources: Sequence[Source], processors: int) -> int:
    """How many threads keep so many processors busy with these sources."""
    remote = any(is_url(source.name) for source in sources)
    return processors * _WAITING if remote else processors


_WAITING = 4
"""Threads of a processor where most of them wait for a network."""


def packed(source: Source) -> bytes:
    """`source` as bytes. A zip file that is open here is opened again where they are unpacked."""
    return pickle.dumps(replace(source, zip=None) if isinstance(source, Member) else source)


def unpacked(data: bytes) -> Source:
    """The source that was packed."""
    source: Source = pickle.loads(data)
    if isinstance(source, Member) and source.span == _IN_A_ZIP:
        return _members_by_name(source.archive).get(source.member) or Unreadable(
            source.name, "it is not in the archive any more"
        )
    return source


_IN_A_ZIP = (0, 0)
"""The span of members of zip files: in a tar file a header comes before the first."""


@lru_cache(maxsize=2)
def _members_by_name(archive: Path | Url) -> dict[str, Source]:
    """The members of a zip file, which stays open for those that come next."""
    return {found.member: found for found in sources_at(str(archive)) if isinstance(found, Member)}
