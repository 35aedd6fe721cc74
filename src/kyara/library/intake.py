"""Taking picture files into a library: their places, figures and embeddings, and whom they show.

Each file is opened once: the pipeline tells at the same time what it is known by and what is in
it. What was found is committed some pictures at a time, so an interrupted run has lost nothing.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kyara import detect
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import PictureError, UsageError, printable
from kyara.library.decisions import named, record
from kyara.library.depicted import SeveralFigures
from kyara.library.figures import in_pixels
from kyara.library.log import Confirm, Ignore, Reject, Source
from kyara.library.pixels import KnownPixels, size_of
from kyara.library.roots import shown_at
from kyara.library.scan import Seen
from kyara.library.store import Library
from kyara.plugins.discover import detector_with
from kyara.types import Progress

__all__ = ["BATCH", "Found", "Intake", "Updated", "batches", "detector_of"]

_T = TypeVar("_T")

BATCH = 64
"""Pictures per transaction: what a killed process has to do again, at most."""


@dataclass
class Updated:
    """What a run found.

    Attributes:
        unchanged: files that hold the picture that they held.
        new: pictures that were not known.
        changed: files that hold another picture than before.
        moved: known pictures that are at a new place, and no longer at an old one.
        copied: known pictures that are at a further place.
        gone: files that are no longer there. The pictures' embeddings, and what was said of
            them, are kept.
        embedded: known pictures that had no embedding by the library's encoder.
        named: pictures that became references.
        kept: pictures that a root names otherwise than a person did; the person is followed.
        failed: pictures that cannot be used.
        missing: roots that are not there; nothing is concluded from that.
        chosen: references with several figures, one of which was taken; those of which none
            could be are among the failed.
    """

    unchanged: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    copied: int = 0
    gone: int = 0
    embedded: int = 0
    named: int = 0
    kept: int = 0
    failed: list[PictureError] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    chosen: list[SeveralFigures] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """A file and the picture in it.

    Attributes:
        embedded: its figures; None for a picture that was known, whose figures were not asked for.
    """

    seen: Seen
    digest: bytes
    embedded: EmbeddedPicture | None = None


class Intake:
    """One run over files, and what has come of it.

    Attributes:
        result: grows as pictures are embedded, stored and named.

    Args:
        insists: a person adds these files, so what was removed with a folder may come again.

    Raises:
        UsageError: the library is of another encoder, or of a detector that there is not.
    """

    def __init__(
        self,
        library: Library,
        encoder: Encoder,
        cache: EmbeddingCache | None,
        progress: Progress,
        detector: detect.Detector | None = None,
        *,
        insists: bool = False,
    ) -> None:
        library.require(encoder)
        self._insists = insists
        self.result = Updated()
        self._library = library
        self._database = library.database
        self._encoder = encoder
        self._detector = detector_of(library, detector)
        self._cache = cache
        self._progress = progress
        self._pixels = KnownPixels(library.database)
        self._crowded: set[bytes] = set()

    def opened(self, files: Sequence[Seen], known: Collection[bytes] = ()) -> Iterator[Found]:
        """The pictures in these files, in their order; what cannot be used is in the result.

        Args:
            known: digests of pictures whose figures are not asked for.
        """
        paths = [one.path for one in files]
        pictures = embed_pictures(
            paths, self._encoder, detector=self._detector, cache=self._cache, skip=known
        )
        with self._progress("pictures", len(files)) as tick:
            for one, picture in zip(files, self._pixels.watch(pictures), strict=True):
                if picture.error is not None:
                    self.result.failed.append(picture.error)
                elif picture.digest is not None:
                    wanted = picture.digest not in known
                    yield Found(one, picture.digest, picture if wanted else None)
                tick()

    def store(self, found: Sequence[Found], checked_ns: int) -> None:
        """Keep these pictures, in one transaction.

        Args:
            checked_ns: when their files were looked at.
        """
        if not found:
            return
        with self._database.writing():
            for one in found:
                self._count(one)
                self._store_picture(one, checked_ns)
                self._carry_over(one.digest)
            self._name(found)

    def name(self, found: Iterable[Found]) -> None:
        """Let those that are stored already be whom their roots say that they show."""
        for batch in batches(found):
            with self._database.writing():
                self._name(batch)

    def tell_chosen(self) -> None:
        """Put into the result which figures were taken in pictures with several, of those that
        this run stored as somebody's; to be called when all are there, for what was taken hangs
        on the other references."""
        if not self._crowded:
            return
        for one in self._library.references().several:
            if one.digest not in self._crowded:
                continue
            if one.chosen is not None:
                self.result.chosen.append(one)
                continue
            boxes = " or ".join(map(in_pixels, one.boxes))
            path, name = shlex.quote(str(one.path)), shlex.quote(one.character)
            say_it = f"kyara decide confirm {path} --character {name} --box {boxes}"
            self.result.failed.append(one.problem(printable(say_it)))

    def _carry_over(self, digest: bytes) -> None:
        """Let what was said of a picture hold for a file of the same pixels, which has a tag or a
        rating in it that the other had not."""
        known = self._pixels.known_as(digest)
        said = self._library.said(known)
        if known == digest:
            return
        self._database.run("INSERT OR REPLACE INTO same_pixels VALUES (?, ?)", (digest, known))
        source, pictures = Source.PERSON if said.by_person else Source.IMPORT, (digest.hex(),)
        for name in sorted(said.rejected):
            payload = Reject(pictures, *named(self._database, name))
            record(self._database, payload, Source.PERSON)
        if said.ignored:
            record(self._database, Ignore(pictures), source)
        if said.character is not None:
            payload_of = Confirm(pictures, *named(self._database, said.character))
            record(self._database, payload_of, source)

    def _count(self, one: Found) -> None:
        known = one.seen.known
        if known is not None and known.digest == one.digest:
            if one.embedded is None:
                self.result.unchanged += 1
            else:
                self.result.embedded += 1
        elif known is not None:
            self.result.changed += 1
        else:
            rows = self._database.rows(
                "SELECT gone FROM pictures LEFT JOIN places ON picture = id WHERE digest = ?",
                (one.digest,),
            )
            if not rows:
                self.result.new += 1
            elif all(gone != 0 for (gone,) in rows):
                self.result.moved += 1
            else:
                self.result.copied += 1

    def _store_picture(self, one: Found, checked_ns: int) -> None:
        state = one.seen.state
        width, height = (one.embedded and size_of(one.embedded)) or (None, None)
        self._database.run(
            "INSERT INTO pictures (digest, name, width, height) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET width = COALESCE(width, excluded.width),"
            " height = COALESCE(height, excluded.height)",
            (one.digest, os.fsencode(state.path.name), width, height),
        )
        self._database.run(
            "INSERT OR REPLACE INTO places"
            " (path, picture, size, mtime_ns, inode, checked_ns, gone)"
            " VALUES (?, (SELECT id FROM pictures WHERE digest = ?), ?, ?, ?, ?, 0)",
            (state.key, one.digest, state.size, state.mtime_ns, state.inode, checked_ns),
        )
        if one.embedded is not None:
            found = one.embedded
            if len(found.detections) > 1 and one.seen.shows is not None:
                self._crowded.add(one.digest)
            self._library.store_embeddings(
                one.digest, found.detections, found.embeddings, found.detector
            )

    def _name(self, found: Iterable[Found]) -> None:
        """Record whom roots say that these show; within the caller's transaction."""
        by_name: dict[str, list[Found]] = {}
        for one in found:
            name = one.seen.shows
            if name is not None:
                by_name.setdefault(name, []).append(one)
        for name, shown in by_name.items():
            try:
                character, called = named(self._database, name)
            except UsageError as error:  # a folder of a cast, made later
                self.result.failed.append(PictureError(error.what, hint=error.hint))
                continue
            open_to_it = [one.digest for one in shown if self._may_name(one, called)]
            if open_to_it:
                payload = Confirm(tuple(d.hex() for d in open_to_it), character, called)
                record(self._database, payload, Source.IMPORT)
                self.result.named += len(open_to_it)

    def _may_name(self, one: Found, name: str) -> bool:
        said = self._library.said(one.digest)
        if said.character == name:
            return False
        if self._is_decided(one.digest, name):
            self.result.kept += 1
            return False
        elsewhere = None if said.character is None else self._also_at(one, said.character)
        if elsewhere is not None:
            what = f"it is a reference of {said.character!r} already, as {elsewhere}"
            hint = "remove the wrong one, then kyara library update"
            self.result.failed.append(PictureError(what, where=one.seen.path, hint=hint))
        return elsewhere is None

    def _is_decided(self, digest: bytes, name: str) -> bool:
        """Whether a person said something else; or took its folder out, if nobody insists."""
        decided = self._database.row(
            "SELECT 1 FROM said WHERE digest = ?1 AND (source = 'person'"
            " OR (character IS NULL AND NOT ?3)) UNION SELECT 1"
            " FROM rejections JOIN characters ON id = character WHERE digest = ?1 AND name = ?2",
            (digest, name, self._insists),
        )
        return decided is not None

    def _also_at(self, one: Found, name: str) -> Path | None:
        """A further place of the picture, which says that it shows that character."""
        roots = self._library.roots()
        places = (p for p in self._library.paths_of(one.digest) if p != one.seen.state.path)
        return next((place for place in places if shown_at(place, roots) == name), None)


def batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    """The items in lists of `BATCH`, as they come."""
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def detector_of(library: Library, chosen: detect.Detector | None = None) -> detect.Detector:
    """The detector whose figures the library holds.

    Raises:
        UsageError: it is not the chosen one, or there is none of its id.
    """
    hint = "kyara library update FILE --re-embed --detect PLUGIN finds the figures anew"
    if chosen is None:
        try:
            return detector_with(library.detector)
        except UsageError as error:
            raise UsageError(error.what, where=library.path, hint=hint) from None
    if chosen.id != library.detector:
        what = f"the figures in this library were found by {library.detector}, not {chosen.id}"
        raise UsageError(what, where=library.path, hint=hint)
    return chosen
