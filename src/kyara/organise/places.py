"""Where a file really lies, links resolved, and whether a folder may be worked in."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["lies_below", "lies_in_inbox"]


def lies_below(path: Path, root: Path) -> bool:
    """Whether the file at `path` lies below the folder `root` when links are resolved: those on
    the way to it, not the file itself, which may be a link. Neither has to be there."""
    if path.name in ("", ".."):
        return False
    try:
        place = Path(os.path.realpath(path.parent), path.name)
        return place.is_relative_to(os.path.realpath(root)) and path.parent != path
    except ValueError:  # a NUL, which no name holds
        return False


def lies_in_inbox(path: Path, inbox: Path) -> bool:
    """Whether a picture lies below the inbox, or is the one that was given in its place."""
    same = path.name == inbox.name and _same_folder(path.parent, inbox.parent)
    return same or lies_below(path, inbox)


def _same_folder(one: Path, other: Path) -> bool:
    try:
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:
        return False
