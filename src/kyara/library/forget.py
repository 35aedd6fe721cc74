"""Taking pictures out of a library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.library.store import Library

__all__ = ["Forgotten", "forget"]


@dataclass(frozen=True)
class Forgotten:
    """What was taken out.

    Attributes:
        removed: how many pictures.
        unknown: paths of which the library knows nothing.
    """

    removed: int
    unknown: tuple[Path, ...]


def forget(
    library: Library,
    paths: Sequence[Path] = (),
    *,
    character: str | None = None,
    gone: bool = False,
) -> Forgotten:
    """Forget pictures, and no longer look at these paths. Pictures that were meant themselves
    become references again only when a person says so; those of a folder also when they are added
    again, from wherever.

    Args:
        paths: files, and folders with all below them.
        character: also all references of this character.
        gone: also all whose files are no longer there.

    Raises:
        UsageError: there is no such character.
        OutputError: the library was opened for reading only.
    """
    digests = library.gone() if gone else []
    if character is not None:
        digests += library.decisions.pictures_of(library.decisions.find(character))
    unknown = []
    of_folders: list[bytes] = []
    for path in paths:
        single = library.find(path) is not None
        found = library.remove_root(path)
        (digests if single else of_folders).extend(found)
        if not found:
            unknown.append(path)
    removed = library.remove(digests) + library.remove(of_folders, with_folder=True)
    return Forgotten(removed, tuple(unknown))
