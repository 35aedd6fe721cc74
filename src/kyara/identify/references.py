"""From references to a gallery; they come from a cast of folders, or a library."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import PictureError, UsageError, printable
from kyara.identify.gallery import Gallery
from kyara.library.cast import CharacterFolder
from kyara.library.said import SaidOf, nothing_said
from kyara.library.store import Library, RootKind
from kyara.pictures.find import find_pictures
from kyara.types import Progress

__all__ = [
    "build_gallery",
    "gallery_of",
    "load_gallery",
    "reference_folders",
    "said_by",
]


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


def gallery_of(library: Library) -> Gallery:
    """The references of a library. Neither the pictures nor a model are needed.

    Raises:
        UsageError: it has none.
    """
    found = library.references()
    if not found.characters:
        raise UsageError(
            "this library has no references",
            where=library.path,
            hint="kyara library add FILE PICTURES --character NAME",
        )
    characters = tuple(dict.fromkeys(found.characters))
    return Gallery(
        library.encoder.identity,
        characters,
        found.embeddings,
        np.searchsorted(found.characters, characters),
        found.paths,
    )


def said_by(cast: Sequence[CharacterFolder] | Library) -> SaidOf:
    """What was decided of pictures before: of a folder of references, nothing."""
    return cast.said if isinstance(cast, Library) else nothing_said


def reference_folders(cast: Sequence[CharacterFolder] | Library) -> list[Path]:
    """The folders that hold nothing but references."""
    if not isinstance(cast, Library):
        return [character.folder for character in cast]
    named = (root.path for root in cast.roots() if root.kind is not RootKind.PICTURES)
    return [path for path in named if os.path.isdir(path)]  # noqa: PTH112 (see find_pictures)


def load_gallery(
    cast: Sequence[CharacterFolder] | Library,
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None,
    progress: Progress,
) -> tuple[Gallery, list[PictureError]]:
    """The gallery of a cast or library, and why some references could not be used.

    Raises:
        UsageError: a character has no usable reference, or the library has none, or is of
            another encoder.
    """
    if isinstance(cast, Library):
        cast.require(encoder)
        return gallery_of(cast), []
    bad: list[PictureError] = []
    references = sum(len(find_pictures([character.folder])) for character in cast)
    with progress("references", references) as tick:

        def note(picture: EmbeddedPicture) -> None:
            tick()
            if picture.error is not None:
                bad.append(picture.error)

        return build_gallery(cast, encoder, cache=cache, on_picture=note), bad
