"""Where a file really lies, links resolved, and whether a folder may be worked in."""

from __future__ import annotations

import os
from pathlib import Path

from kyara.errors import OutputError

__all__ = ["lies_below", "lies_in_inbox", "refusal"]


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


def refusal(source: Path, target: Path, root: Path, inbox: Path | None) -> OutputError | None:
    """Why nothing is put from `source` to `target`, if it leads out of the folders that a plan is
    about: asked where the plan is made and again where it is carried out, for a plan may have
    come from elsewhere, and a link may have come in between.

    Args:
        inbox: where `source` is taken away from; None if it stays.
    """
    if not lies_below(target, root):
        return _leads_out(target, root)
    if inbox is not None and not (lies_in_inbox(source, inbox) or lies_below(source, root)):
        what = "it lies outside the inbox, where a link leads to it, so it is not moved"
        return OutputError(what, where=source, hint="use --copy, or sort its own folder")
    return None


def _leads_out(target: Path, root: Path) -> OutputError:
    link = None
    if target.is_relative_to(root) and ".." not in target.parts and "\0" not in str(target):
        inner = [folder for folder in target.parents if folder.is_relative_to(root)]
        link = next((folder for folder in inner if folder != root and folder.is_symlink()), None)
    if link is None:
        return OutputError("this is not below the target folder", where=target)
    return OutputError(
        "this is a link that leads out of the target folder, and is not followed",
        where=link,
        hint="replace it by a folder, or sort into the folder that it leads to",
    )
