"""Where references come from: a cast of folders, a library, or whoever embedded them before."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import PictureError, UsageError, printable
from kyara.files import is_folder
from kyara.identify.gallery import Gallery, Indices, Searchable
from kyara.identify.judge import Rule
from kyara.library.cast import CharacterFolder, read_cast, remarks_on
from kyara.library.depicted import SeveralFigures, depicted
from kyara.library.figures import named_alone, nearest_figure
from kyara.library.intake import detector_of
from kyara.library.pixels import KnownPixels
from kyara.library.referred import References as Referred
from kyara.library.roots import RootKind
from kyara.library.said import Said, SaidOf, nothing_said
from kyara.library.store import Library, Rejected
from kyara.pictures.find import find_pictures
from kyara.types import Detection, FloatArray, Progress, silent

__all__ = [
    "CastReferences",
    "EmbeddedReferences",
    "LibraryReferences",
    "References",
    "references_of",
]


class References(Protocol):
    """The characters to identify against, and what was said of pictures before."""

    @property
    def folders(self) -> list[Path]:
        """The folders and files that are nothing but references: no inbox is looked for there."""
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
            UsageError: no character has a usable reference, or they are of another encoder.
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
        chosen: pictures with several figures, one of which was taken.
        rejected: figures that were said not to show a character.
        notes: what a person should know of how they were read, a sentence each.
        watch: to be told of pictures before it is asked what was said of them: some are known by
            their pixels only.
    """

    gallery: Searchable
    failed: tuple[PictureError, ...] = ()
    folders: list[Path] = field(default_factory=list)
    said: SaidOf = nothing_said
    others: FloatArray | None = None
    detector: Detector | None = None
    chosen: tuple[SeveralFigures, ...] = ()
    rejected: Rejected | None = None
    notes: tuple[str, ...] = ()
    watch: Callable[[Iterable[EmbeddedPicture]], Iterable[EmbeddedPicture]] = iter

    @property
    def in_memory(self) -> Gallery:
        """The gallery, where all of it is wanted.

        Raises:
            UsageError: it is too large for that.
        """
        if not isinstance(self.gallery, Gallery):
            count = int(self.gallery.counts.sum())
            what = f"{count} references are too many for this; kyara identify and sort take them"
            raise UsageError(what, hint="take a library of fewer")
        return self.gallery

    def doubts(self, rule: Rule) -> list[str]:
        """What a person should know before the answers of a rule are believed, a sentence each."""
        doubt = None if rule.doubt is None else rule.doubt(self.gallery)
        return [*self.notes, *([] if doubt is None else [f"{doubt}: run kyara calibrate again"])]

    def fit(self, rule: Rule, pictures: Iterable[EmbeddedPicture] = ()) -> Rule:
        """The rule for these references and pictures, if it adapts; their order is nothing
        to it."""
        if rule.adapts is None:
            return rule
        rows = [picture.embeddings for picture in pictures if picture.error is None]
        rows += [] if self.others is None else [self.others]
        seen = np.concatenate(rows) if rows else None
        return rule.fitted(self.gallery, seen, self.rejected)

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
    """A folder of pictures for each character; nothing was said of any picture.

    Attributes:
        notes: as `EmbeddedReferences` has them.
        place: the folder that all of them are in, if there is one.
    """

    cast: Sequence[CharacterFolder]
    detector: Detector | None = None
    notes: tuple[str, ...] = ()
    place: Path | None = None

    @classmethod
    def at(cls, path: Path, detector: Detector | None = None) -> CastReferences:
        """Those of a cast, a folder or a JSON file.

        Raises:
            UsageError: it is none; see `read_cast`.
        """
        place = path if is_folder(path) else None
        return cls(read_cast(path), detector, tuple(remarks_on(path)), place)

    @property
    def folders(self) -> list[Path]:
        """The characters' folders, and the one that they are in."""
        folders = [character.folder for character in self.cast]
        return folders if self.place is None else [self.place, *folders]

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
        paths = [path for _, path in listed]
        pictures = embed_pictures(paths, encoder, detector=self.detector, cache=cache)
        with progress("references", len(listed)) as tick:
            found = list(_ticked(pictures, tick))
        named = [(name, picture) for (name, _), picture in zip(listed, found, strict=True)]
        where = {character.name: character.folder for character in self.cast}
        known = references_of(named, where, encoder.id)
        return replace(known, folders=self.folders, detector=self.detector, notes=self.notes)


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
        return [path for path in roots if os.path.lexists(path)]

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
        with self.library.database.snapshot():
            found, pixels = self.library.references(), KnownPixels(self.library.database)
            return EmbeddedReferences(
                _gallery_of(found, self.library),
                (),
                self.folders,
                _SaidIn(self.library, found.several, pixels).said,
                self.library.others(),
                self.detector,
                rejected=self.library.rejected(),
                watch=pixels.watch,
            )


def _ticked(
    pictures: Iterable[EmbeddedPicture], tick: Callable[[], None]
) -> Iterator[EmbeddedPicture]:
    for picture in pictures:
        tick()
        yield picture


class _SaidIn:
    """What was said in a library, also of pictures with the same pixels: where it is of a picture,
    and the picture has several figures, it is of the one that was taken."""

    def __init__(
        self, library: Library, several: Sequence[SeveralFigures], pixels: KnownPixels
    ) -> None:
        self._library, self._pixels = library, pixels
        self._chosen = {one.digest: one.chosen for one in several}

    def said(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """A `SaidOf`."""
        digest = self._pixels.known_as(digest)
        said = self._library.said_of(digest, detections)
        if digest not in self._chosen:
            return said
        chosen = self._chosen[digest]
        own = named_alone(self._library.database, digest, detections)
        taken = None if chosen is None else nearest_figure(chosen, detections)
        return [
            word if n == taken or n in own else replace(word, character=None)
            for n, word in enumerate(said)
        ]


def references_of(
    named: Sequence[tuple[str, EmbeddedPicture]],
    where: Mapping[str, Path | None],
    encoder: str,
) -> EmbeddedReferences:
    """Pictures as references of characters. Of one with several figures the one is taken that
    `kyara.library.depicted` tells.

    Args:
        named: the pictures, each with its character.
        where: the characters, and where the pictures of each are.

    Raises:
        UsageError: there is no usable picture.
    """
    failed = [picture.error for _, picture in named if picture.error is not None]
    named, doubtful = _of_one_character(named)
    figures = [
        (name, number, row)
        for number, (name, picture) in enumerate(named)
        for row in picture.embeddings
    ]
    edges = [d.box.as_tuple() for _, picture in named for d in picture.detections]
    keys = [figure[:2] for figure in figures]
    which = depicted(keys, _rows_of(figures), np.asarray(edges, dtype=np.float64))
    kept = [figures[n] for n in which.kept.tolist()]
    several = [_several(named, figures, rows, taken) for rows, taken in which.several]
    unclear = [one for one in several if one.chosen is None]
    missing = _without_pictures(where, {name for name, _, _ in kept}, unclear)
    if not kept and missing:
        raise UsageError(missing[0].what, where=missing[0].where, hint=missing[0].hint)
    failed += doubtful
    failed += [one.problem("cut it out, or decide in a library: kyara decide") for one in unclear]
    rows = [(name, named[number][1].path, row) for name, number, row in kept]
    return EmbeddedReferences(
        Gallery.build(encoder, rows).without_copies(),
        (*failed, *missing),
        chosen=tuple(one for one in several if one.chosen is not None),
    )


def _rows_of(figures: Sequence[tuple[str, int, FloatArray]]) -> FloatArray:
    rows = [row for _, _, row in figures]
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)


def _several(
    named: Sequence[tuple[str, EmbeddedPicture]],
    figures: Sequence[tuple[str, int, FloatArray]],
    rows: Indices,
    taken: int | None,
) -> SeveralFigures:
    name, number, _ = figures[int(rows[0])]
    picture = named[number][1]
    boxes = tuple(detection.box for detection in picture.detections)
    chosen = None if taken is None else boxes[taken - int(rows[0])]
    return SeveralFigures(name, picture.path, boxes, chosen, picture.digest)


def _of_one_character(
    named: Sequence[tuple[str, EmbeddedPicture]],
) -> tuple[list[tuple[str, EmbeddedPicture]], list[PictureError]]:
    """Those that can be used, each picture once for its character, and why others cannot: a
    picture of one figure shows one character."""
    owners: dict[bytes, dict[str, Path]] = {}
    for name, picture in named:
        if picture.digest is not None:
            owners.setdefault(picture.digest, {}).setdefault(name, picture.path)
    usable = []
    for name, picture in named:
        places = owners.get(picture.digest or b"", {})
        if places.get(name) == picture.path and (len(places) == 1 or len(picture.detections) > 1):
            usable.append((name, picture))
    alone = {picture.digest for _, picture in named if len(picture.detections) == 1}
    several = [d for d, places in owners.items() if len(places) > 1 and d in alone]
    return usable, [_for_several(owners[digest]) for digest in several]


def _for_several(places: Mapping[str, Path]) -> PictureError:
    (name, path), *others = places.items()
    same = ", ".join(f"{other} of {who!r}" for who, other in others)
    return PictureError(
        f"a reference of {name!r}, but the same picture is {same}, so it stands for nobody",
        where=path,
        hint="remove the wrong one",
    )


def _without_pictures(
    where: Mapping[str, Path | None], usable: Container[str], unclear: Sequence[SeveralFigures]
) -> list[PictureError]:
    crowded = {one.character for one in unclear}
    return [
        PictureError(
            f"the character {printable(name)!r} has no usable picture",
            where=place,
            hint="its pictures have several figures: add one in which it is alone"
            if name in crowded
            else "add a reference, or remove the character",
        )
        for name, place in where.items()
        if name not in usable
    ]


def _gallery_of(found: Referred, library: Library) -> Gallery:
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
    ).without_copies()
