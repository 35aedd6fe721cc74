"""Where references come from: a folder with a folder per character, or a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import PictureError, UsageError, printable
from kyara.identify.answer import UNKNOWN
from kyara.identify.gallery import Gallery
from kyara.pictures.find import find_pictures
from kyara.types import Progress

__all__ = ["CharacterFolder", "build_gallery", "load_gallery", "read_cast"]


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
    if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises on what the system refuses)
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
        _check_name(character.name, path)
    return cast


def build_gallery(
    cast: Sequence[CharacterFolder],
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None = None,
    on_picture: Callable[[EmbeddedPicture], None] = lambda _picture: None,
) -> Gallery:
    """Embed all references.

    Args:
        on_picture: told of each reference, also of those that cannot be used.

    Raises:
        UsageError: a character has no usable reference.
    """
    paths: list[Path] = []
    names: list[str] = []
    for character in cast:
        found = find_pictures([character.folder])
        paths += found
        names += [character.name] * len(found)
    references = []
    for name, picture in zip(names, embed_pictures(paths, encoder, cache=cache), strict=True):
        on_picture(picture)
        references += [(name, picture.path, row) for row in picture.embeddings]
    usable = {name for name, _, _ in references}
    for character in cast:
        if character.name not in usable:
            raise UsageError(
                f"the character {printable(character.name)!r} has no usable picture",
                where=character.folder,
                hint="add a reference, or remove the character",
            )
    return Gallery.build(encoder.id, references)


def load_gallery(
    cast: Sequence[CharacterFolder],
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None,
    progress: Progress,
) -> tuple[Gallery, list[PictureError]]:
    """The gallery of a cast, and why some references could not be used.

    Raises:
        UsageError: a character has no usable reference.
    """
    bad: list[PictureError] = []
    references = sum(len(find_pictures([character.folder])) for character in cast)
    with progress("references", references) as tick:

        def note(picture: EmbeddedPicture) -> None:
            tick()
            if picture.error is not None:
                bad.append(picture.error)

        return build_gallery(cast, encoder, cache=cache, on_picture=note), bad


def _read_folder(path: Path) -> list[CharacterFolder]:
    try:
        children = sorted(path.iterdir())
    except OSError as error:
        raise UsageError(f"cannot list this folder: {error.strerror}", where=path) from error
    return [
        CharacterFolder(child.name, child)
        for child in children
        if os.path.isdir(child) and not child.name.startswith(".")  # noqa: PTH112
    ]


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


def _check_name(name: str, where: Path) -> None:
    if not name.strip() or name in (".", "..") or any(char in name for char in "/\\\0"):
        raise UsageError(f"{name!r} cannot be the name of a folder", where=where)
    if name == UNKNOWN:
        raise UsageError(
            f"a character cannot be called {UNKNOWN!r}",
            where=where,
            hint="pictures of nobody known are sorted there",
        )
