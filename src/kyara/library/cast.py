"""A cast: a folder with a folder per character, or a JSON file that names the folders."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.errors import UsageError, one_line
from kyara.files import is_folder, reading
from kyara.names import UNKNOWN, as_name, check_character, name_of, written_alike
from kyara.pictures.find import is_passed_over, is_picture_name

__all__ = ["CharacterFolder", "character_in", "folders_in", "read_cast", "remarks_on"]


@dataclass(frozen=True)
class CharacterFolder:
    """A character's name and the folder with its references; or, where a cast is one picture for
    each character, that picture."""

    name: str
    folder: Path


def read_cast(path: Path) -> list[CharacterFolder]:
    """The characters of a folder with a folder each, or of a JSON file.

    A folder that holds pictures and no folders has a character for each, called as the file is.
    The JSON file maps a name to a folder, which is taken as the shell would: relative to
    the working directory; failing that, relative to the JSON file.

    Raises:
        UsageError: missing, empty, not as described, or with a name that no character can have.
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
        check_character(character.name, path)
    return cast


def remarks_on(path: Path) -> list[str]:
    """What a person may not have meant in a cast that `read_cast` takes, a sentence each."""
    if not is_folder(path):
        return []
    with reading(path, UsageError, what="cannot list this folder"):
        folders, pictures = folders_in(path), _pictures_in(path)
    if not folders:
        return ["no folders are here, so each picture is taken for a character of its name"]
    remarks = []
    if pictures:
        remarks.append(f"{_named(pictures)}: beside the characters' folders, so not used")
    nested = [folder for folder in folders if _holds_folders_only(folder)]
    if nested:
        remarks.append(f"{_named(nested)}: only folders in it, all of them taken for one character")
    for group in written_alike(name_of(folder.name) for folder in folders):
        remarks.append(f"{', '.join(group)}: characters of nearly the same name; are they one?")
    unknown = [folder for folder in path.iterdir() if is_folder(folder) and _is_unknown(folder)]
    if unknown:
        remarks.append(f"{_named(unknown)}: of nobody known, so not used")
    return remarks


def folders_in(path: Path) -> list[Path]:
    """The folders in a folder, by name: one per character. Those of other programs are passed
    over, and that of pictures of nobody known.

    Raises:
        OSError: it cannot be listed.
    """
    return [
        child
        for child in sorted(path.iterdir())
        if is_folder(child) and not is_passed_over(child.name) and not _is_unknown(child)
    ]


def character_in(cast: Path, picture: Path) -> str | None:
    """Whom a picture below the folder `cast` shows; None right in it, beside the folders, and in
    that of nobody known."""
    folder, *below = picture.relative_to(cast).parts
    return name_of(folder) if below and folder.casefold() != UNKNOWN else None


def _read_folder(path: Path) -> list[CharacterFolder]:
    with reading(path, UsageError, what="cannot list this folder"):
        folders = folders_in(path)
        pictures = [] if folders else _pictures_in(path)
    cast = [CharacterFolder(name_of(folder.name), folder) for folder in folders]
    return cast + [CharacterFolder(as_name(picture.stem), picture) for picture in pictures]


def _pictures_in(path: Path) -> list[Path]:
    return [child for child in sorted(path.iterdir()) if is_picture_name(child.name)]


def _holds_folders_only(folder: Path) -> bool:
    try:
        inner = list(folder.iterdir())
    except OSError:  # what cannot be listed is named when it is read
        return False
    return (
        bool(inner)
        and not any(is_picture_name(child.name) for child in inner)
        and all(is_folder(child) for child in inner)
    )


def _is_unknown(folder: Path) -> bool:
    return folder.name.casefold() == UNKNOWN


def _named(paths: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in paths[:_SHOWN])
    return names if len(paths) <= _SHOWN else f"{names} and {len(paths) - _SHOWN} more"


_SHOWN = 3
"""Names in a remark."""


def _read_json(path: Path) -> list[CharacterFolder]:
    what = "cannot read this list of characters"
    try:
        with reading(path, UsageError, what=what):
            entries = json.loads(path.read_bytes(), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what}: {one_line(error)}", where=path) from error
    if not isinstance(entries, dict) or not all(isinstance(v, str) for v in entries.values()):
        raise UsageError(
            "not a list of characters",
            where=path,
            hint='expected {"name": "folder with its references", …}',
        )
    cast = []
    for name, folder in entries.items():
        if not folder:
            raise UsageError(f"no folder is named for {name!r}", where=path)
        as_given, beside = Path(folder), path.parent / folder
        found = as_given if as_given.is_dir() or not beside.is_dir() else beside
        if not found.is_dir():
            raise UsageError(f"there is no folder {folder!r} for {name!r}", where=path)
        cast.append(CharacterFolder(as_name(name), found))
    return cast


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of JSON, in which nothing may stand twice: Python would keep the last."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands there twice")
        found[name] = value
    return found
