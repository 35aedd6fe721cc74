"""A cast: a folder with a folder per character, or a JSON file that names the folders."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from kyara.errors import UsageError
from kyara.files import is_folder, reading
from kyara.names import check_name
from kyara.pictures.find import is_passed_over

__all__ = ["CharacterFolder", "character_in", "folders_in", "read_cast"]


@dataclass(frozen=True)
class CharacterFolder:
    """A character's name and the folder with its references."""

    name: str
    folder: Path


def read_cast(path: Path) -> list[CharacterFolder]:
    """The characters of a folder with a folder each, or of a JSON file.

    The JSON file maps a name to a folder, which is taken as the shell would: relative to
    the working directory; failing that, relative to the JSON file.

    Raises:
        UsageError: missing, empty, not as described, or with a name that cannot be a folder's.
    """
    if is_folder(path):
        cast = _read_folder(path)
    elif os.path.isfile(path):  # noqa: PTH113
        cast = _read_json(path)
    else:
        raise UsageError("there is no such folder or file of references", where=path)
    if not cast:
        raise UsageError(
            "no characters are here", where=path, hint="one folder per character is expected"
        )
    for character in cast:
        check_name(character.name, path)
    return cast


def folders_in(path: Path) -> list[Path]:
    """The folders in a folder, by name: one per character.

    Raises:
        OSError: it cannot be listed.
    """
    return [child for child in sorted(path.iterdir()) if is_folder(child)]


def character_in(cast: Path, picture: Path) -> str | None:
    """Whom a picture below the folder `cast` shows; None right in it, beside the folders."""
    folder, *below = picture.relative_to(cast).parts
    return folder if below else None


def _read_folder(path: Path) -> list[CharacterFolder]:
    with reading(path, UsageError, what="cannot list this folder"):
        folders = folders_in(path)
    return [CharacterFolder(f.name, f) for f in folders if not is_passed_over(f.name)]


def _read_json(path: Path) -> list[CharacterFolder]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read this list of characters: {error}", where=path) from error
    if not isinstance(entries, dict) or not all(isinstance(v, str) for v in entries.values()):
        raise UsageError(
            "not a list of characters",
            where=path,
            hint='expected {"name": "folder with its references", …}',
        )
    cast = []
    for name, folder in entries.items():
        as_given, beside = Path(folder), path.parent / folder
        found = as_given if as_given.is_dir() or not beside.is_dir() else beside
        if not found.is_dir():
            raise UsageError(f"there is no folder {folder!r} for {name!r}", where=path)
        cast.append(CharacterFolder(name, found))
    return cast
