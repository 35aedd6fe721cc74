"""What a user named, paths and URLs alike, as names of files and archives."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from kyara.pictures.archives import is_archive
from kyara.pictures.find import find_pictures, is_picture_name
from kyara.pictures.urls import Url, is_url, place_of

__all__ = ["files_named"]


def files_named(names: Iterable[str]) -> list[str]:
    """Absolute paths and URLs: of files as they are named, of folders the pictures below them.

    The order is stable; each stands once in the result, however often it was named. What is not
    there stands in it as well: reading it says what is wrong.

    Raises:
        UsageError: a URL is of a kind that cannot be opened here.
        PictureError: a folder cannot be listed.
    """
    found: dict[str, None] = {}
    for name in names:
        # A dataset outlives the folder that somebody is in today.
        place = place_of(name) if is_url(name) else Path(os.path.abspath(name))
        found.update(dict.fromkeys(_at(place)))
    return list(found)


def _at(place: Path | Url) -> list[str]:
    if isinstance(place, Path):
        return [os.fspath(path) for path in find_pictures([place])]
    # Whether there is a folder costs a question over a network: not one for each line of a list.
    name = str(place)
    if is_archive(name) or is_picture_name(name.rpartition("/")[2]):
        return [name]
    return place.pictures()
