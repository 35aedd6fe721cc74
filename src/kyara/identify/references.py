"""Where references come from: a cast of folders, a library, or whoever embedded them before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import PictureError, UsageError, printable
from kyara.files import is_folder
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Rule
from kyara.library.cast import CharacterFolder
from kyara.library.intake import detector_of
from kyara.library.roots import RootKind
from kyara.library.said import Said, SaidOf, nothing_said
from kyara.library.store import Library
from kyara.pictures.find import find_pictures
from kyara.types import Detection, FloatArray, Progress, silent

__all__ = [
    "CastReferences",
    "EmbeddedReferences",
    "LibraryReferences",
    "References",
]


class References(Protocol):
    """The characters to identify against, and what was said of pictures before."""

    @property
    def folders(self) -> list[Path]:
        """The folders that hold nothing but references: no inbox is looked for there."""
        ...

    @property
    def detector(self) -> Detector | None:
        """What finds the figures in them, and is to find those in a probe; None: the one that
        is used everywhere."""
        ...

    def said(self, digest: bytes, detections: Sequence[Detection], /) -> Sequence[Said]:
        """What was said of the figures in the picture with that digest."""
        ...

    def embedded(
        self,
        encoder: Encoder,
        cache: EmbeddingCache | None = None,
        progress: Progress = silent,
        /,
    ) -> EmbeddedReferences:
        """All of them, embedded.

        Raises:
            UsageError: a character has no usable reference, or there is none at all, or they are
                of another encoder.
        """
        ...


@dataclass(frozen=True)
class EmbeddedReferences:
    """References as a gallery.

    Attributes:
        gallery: what probes are compared with.
        failed: why some could not be used.
        folders, said, detector: as `References` has them.
        others: embeddings (n, d) of further pictures of the same user, whoever they show.
    """

    gallery: Gallery
    failed: tuple[PictureError, ...] = ()
    folders: list[Path] = field(default_factory=list)
    said: SaidOf = nothing_said
    others: FloatArray | None = None
    detector: Detector | None = None

    def fit(self, rule: Rule, pictures: Iterable[EmbeddedPicture] = ()) -> Rule:
        """The rule for these references and pictures, if it adapts; their order is nothing
        to it."""
        if rule.adapts is None:
            return rule
        rows = [picture.embeddings for picture in pictures if picture.error is None]
        rows += [] if self.others is None else [self.others]
        return rule.fitted(self.gallery, np.concatenate(rows) if rows else None)

    def embedded(
        self,
        _encoder: Encoder,
        _cache: EmbeddingCache | None = None,
        _progress: Progress = silent,
        /,
    ) -> EmbeddedReferences:
        """Itself."""
        return self


@dataclass(frozen=True)
class CastReferences:
    """A folder of pictures for each character; nothing was said of any picture."""

    cast: Sequence[CharacterFolder]
    detector: Detector | None = None

    @property
    def folders(self) -> list[Path]:
        """The characters' folders."""
        return [character.folder for character in self.cast]

    def said(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """Nothing."""
        return nothing_said(digest, detections)

    def embedded(
        self,
        encoder: Encoder,
        cache: EmbeddingCache | None = None,
        progress: Progress = silent,
        /,
    ) -> EmbeddedReferences:
        """All pictures in the folders, embedded; see `References`."""
        listed = [(c.name, path) for c in self.cast for path in find_pictures([c.folder])]
        names = [name for name, _ in listed]
        paths = [path for _, path in listed]
        pictures = embed_pictures(paths, encoder, detector=self.detector, cache=cache)
        with progress("references", len(listed)) as tick:
            found = list(_ticked(pictures, tick))
        failed = [picture.error for picture in found if picture.error is not None]
        gallery = _gallery_from(self.cast, zip(names, found, strict=True), encoder.id)
        return EmbeddedReferences(gallery, tuple(failed), self.folders, detector=self.detector)


@dataclass(frozen=True)
class LibraryReferences:
    """An open library: its references are embedded, and its decisions bind."""

    library: Library
    chosen: Detector | None = None

    @property
    def detector(self) -> Detector:
        """The library's; it must be the chosen one, if one was chosen."""
        return detector_of(self.library, self.chosen)

    @property
    def folders(self) -> list[Path]:
        """Those that were added as a character's, or as a cast, and are there."""
        roots = (root.path for root in self.library.roots() if root.kind is not RootKind.PICTURES)
        return [path for path in roots if is_folder(path)]

    def said(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """What a person, or an import, said of them."""
        return self.library.said_of(digest, detections)

    def embedded(
        self,
        encoder: Encoder,
        _cache: EmbeddingCache | None = None,
        _progress: Progress = silent,
        /,
    ) -> EmbeddedReferences:
        """The library's; neither the pictures nor a model are needed. See `References`."""
        self.library.require(encoder)
        return EmbeddedReferences(
            _gallery_of(self.library),
            (),
            self.folders,
            self.said,
            self.library.others(),
            self.detector,
        )


def _ticked(
    pictures: Iterable[EmbeddedPicture], tick: Callable[[], None]
) -> Iterator[EmbeddedPicture]:
    for picture in pictures:
        tick()
        yield picture


def _gallery_from(
    cast: Sequence[CharacterFolder], references: Iterable[tuple[str, EmbeddedPicture]], encoder: str
) -> Gallery:
    rows = [(name, picture.path, row) for name, picture in references for row in picture.embeddings]
    usable = {name for name, _, _ in rows}
    for character in cast:
        if character.name not in usable:
            raise UsageError(
                f"the character {printable(character.name)!r} has no usable picture",
                where=character.folder,
                hint="add a reference, or remove the character",
            )
    return Gallery.build(encoder, rows)


def _gallery_of(library: Library) -> Gallery:
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
