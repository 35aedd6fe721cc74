"""Roots: folders and files that were added to a library, and what they say of their pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kyara.errors import UsageError
from kyara.files import is_folder
from kyara.library.cast import character_in, read_cast
from kyara.library.decisions import check_character_name
from kyara.names import as_name

__all__ = ["Root", "RootKind", "roots_at", "shown_at"]


class RootKind(StrEnum):
    """What a folder or file says of the pictures in it."""

    PICTURES = "pictures"
    """Nothing."""
    CHARACTER = "character"
    """They show one character."""
    CAST = "cast"
    """Each folder in it is named after the character that its pictures show."""


@dataclass(frozen=True)
class Root:
    """A folder or file that was added, and that `update` looks at again.

    Attributes:
        path: absolute.
        character: whom the pictures show, for a source of that kind.

    Raises:
        UsageError: no character can be called so.
    """

    path: Path
    kind: RootKind = RootKind.PICTURES
    character: str | None = None

    def __post_init__(self) -> None:
        if (self.character is not None) != (self.kind is RootKind.CHARACTER):
            raise ValueError(f"expected a character for that kind only, got {self}")
        if self.character is not None:
            check_character_name(self.character)

    def shows(self, path: Path) -> str | None:
        """Whom it says that the picture at `path`, one of its own, shows."""
        if self.kind is RootKind.CAST:
            return character_in(self.path, path)
        return self.character


def shown_at(path: Path, roots: Iterable[Root]) -> str | None:
    """Whom the innermost of the roots that a path lies in says that it shows."""
    own = [root for root in roots if path.is_relative_to(root.path)]
    return max(own, key=lambda root: len(root.path.parts)).shows(path) if own else None


def roots_at(path: Path, *, character: str | None = None, cast: bool = False) -> list[Root]:
    """What to add for a folder or file.

    Args:
        character: whom its pictures show, if that is one and the same.
        cast: it is a folder with a folder for each character, or a JSON file that names the
            folders.

    Raises:
        UsageError: there is nothing at `path`, it is no cast, or nobody can be called so.
    """
    character = None if character is None else as_name(character)
    if not cast:
        kind = RootKind.PICTURES if character is None else RootKind.CHARACTER
        roots = [Root(path.absolute(), kind, character)]
    else:
        folders = read_cast(path)
        if is_folder(path) and all(is_folder(f.folder) for f in folders):
            # It may have further folders later.
            roots = [Root(path.absolute(), RootKind.CAST)]
        else:
            roots = [Root(f.folder.absolute(), RootKind.CHARACTER, f.name) for f in folders]
    for root in roots:
        if not os.path.lexists(root.path):
            raise UsageError("there is no such file or folder", where=root.path)
    return roots
