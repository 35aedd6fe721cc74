"""Bringing a library up to date with the files: new, changed, moved and gone pictures.

Files that are as they were are not read. What is found is committed some pictures at a time,
so an interrupted run has lost nothing, and the same command goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kyara import detect
from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import PictureError, UsageError, reason
from kyara.library.decisions import named, record
from kyara.library.log import Confirm, Source
from kyara.library.scan import Seen, is_away, known_places, lost_places, scan
from kyara.library.store import Library, Root, RootKind
from kyara.pictures.digest import digest_of_file
from kyara.pictures.read import measure
from kyara.pictures.state import FileState
from kyara.types import Progress, silent

__all__ = ["Updated", "add", "embed_again", "update"]


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


@dataclass(frozen=True)
class _Found:
    """A file and the picture in it."""

    seen: Seen
    digest: bytes
    embedded: EmbeddedPicture | None = None


def add(
    library: Library,
    roots: Sequence[Root],
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Updated:
    """Add folders and files, now and for every later `update`.

    Pictures of a root that says whom they show become references, unless a person has said
    otherwise of them.

    Raises:
        UsageError: the library is of another encoder.
        PictureError: a root is a folder that cannot be listed.
    """
    library.require(encoder)
    library.remember_roots(roots)
    run = _Run(library, encoder, cache, progress)
    run.look_at(roots, insist=True)
    return run.result


def update(
    library: Library,
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
    read_all: bool = False,
) -> Updated:
    """Look again at everything that was added.

    Args:
        read_all: read every file, also where nothing seems to have changed.

    Raises:
        UsageError: the library is of another encoder.
    """
    library.require(encoder)
    run = _Run(library, encoder, cache, progress)
    run.look_at(library.roots(), read_all=read_all)
    run.embed_what_lacks()
    return run.result


def embed_again(
    library: Library,
    encoder: Encoder,
    plugin: str,
    *,
    detector: Detector | None = None,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Updated:
    """Make `encoder` and `detector` the library's, and embed all pictures that are still
    somewhere.

    Those that are gone have no embedding until `update` finds them, and are no references in
    the meantime; their old embeddings stay in the file.

    Args:
        plugin: the name or directory that opens the encoder.
        detector: finds the figures; None: the one that is used everywhere.
    """
    with library.database.writing():
        library.use(encoder, plugin, detector or detect.default())
    return update(library, encoder, cache=cache, progress=progress)


def _detector_of(library: Library) -> Detector:
    try:
        return detect.named(library.detector)
    except UsageError as error:
        hint = "kyara library update FILE --re-embed finds the figures anew"
        raise UsageError(error.what, where=library.path, hint=hint) from None


class _Run:
    """One run, with what is known at its beginning."""

    def __init__(
        self,
        library: Library,
        encoder: Encoder,
        cache: EmbeddingCache | None,
        progress: Progress,
    ) -> None:
        self.library = library
        self.database = library.database
        self.encoder = encoder
        self.detector = _detector_of(library)
        self.cache = cache
        self.progress = progress
        self.places = known_places(self.database)
        self.result = Updated()
        self._checked_ns = 0

    def look_at(
        self, roots: Sequence[Root], *, insist: bool = False, read_all: bool = False
    ) -> None:
        """Compare the files below the roots with what is known, and store what is new.

        Args:
            insist: what the roots say holds also for pictures that were known before.
        """
        found = scan(roots, self.places)
        self.result.failed += found.failed
        self.result.missing += found.missing
        self._checked_ns = found.started_ns
        self._mark_gone(found.seen)
        settled = [one for one in found.seen if one.settled and not read_all]
        self.result.unchanged += len(settled)
        self._name_settled(settled, insist)
        self._embed(self._read([one for one in found.seen if read_all or not one.settled]))

    def embed_what_lacks(self) -> None:
        """Embed known pictures that have no embedding by this encoder and detector, from where
        they are."""
        rows = self.database.rows(
            "SELECT MIN(path) FROM places WHERE NOT gone AND picture NOT IN"
            " (SELECT d.picture FROM detections d JOIN embeddings e ON e.detection = d.id"
            " WHERE e.encoder = (SELECT encoder FROM library)"
            " AND d.detector = (SELECT detector FROM library)) GROUP BY picture"
        )
        if not rows:
            return
        places = known_places(self.database)
        lacking = []
        for (key,) in rows:
            path = Path(os.fsdecode(key))
            try:
                lacking.append(Seen(path, FileState.of(path), None, places[key]))
            except OSError as error:
                what = f"cannot read it: {reason(error)}"
                self.result.failed.append(PictureError(what, where=path))
        self._embed(lacking)

    def _mark_gone(self, seen: Sequence[Seen]) -> None:
        away = [root.path for root in self.library.roots() if is_away(root, self.places)]
        lost = lost_places(self.places, seen, away)
        self.result.gone += len(lost)
        if lost:
            with self.database.writing():
                self.database.run_many(
                    "UPDATE places SET gone = 1 WHERE path = ?", ((path,) for path in lost)
                )

    def _name_settled(self, settled: Iterable[Seen], insist: bool) -> None:
        named_already = {digest for (digest,) in self.database.rows("SELECT digest FROM said")}
        waiting = [
            _Found(one, one.known.digest)
            for one in settled
            if one.known is not None
            and one.root is not None
            and one.root.kind is not RootKind.PICTURES
            and (
                one.known.digest not in named_already
                or (insist and one.root.kind is RootKind.CHARACTER)
            )
        ]
        for batch in _batches(waiting):
            with self.database.writing():
                self._name(batch)

    def _read(self, doubtful: Sequence[Seen]) -> list[Seen]:
        """Tell by their content which of these are known pictures; returns the others."""
        sizes = {place.state[0] for place in self.places.values()}
        strangers: list[Seen] = []
        readable: list[Seen] = []
        for one in doubtful:
            # A file as long as none that is known need not be read twice.
            (readable if one.known or one.state.size in sizes else strangers).append(one)
        known = {place.digest for place in self.places.values()}
        with self.progress("files", len(readable)) as tick:
            for batch in _batches(readable):
                found = []
                for one in batch:
                    digest = self._digest(one)
                    if digest in known:
                        found.append(_Found(one, digest))
                    elif digest is not None:
                        strangers.append(one)
                    tick()
                self._store(found)
        return strangers

    def _digest(self, one: Seen) -> bytes | None:
        try:
            return digest_of_file(one.path)
        except OSError as error:
            what = f"cannot read it: {reason(error)}"
            self.result.failed.append(PictureError(what, where=one.path))
            return None

    def _embed(self, strangers: Sequence[Seen]) -> None:
        paths = [one.path for one in strangers]
        pictures = embed_pictures(paths, self.encoder, detector=self.detector, cache=self.cache)
        waiting: list[_Found] = []
        with self.progress("pictures", len(strangers)) as tick:
            for one, picture in zip(strangers, pictures, strict=True):
                if picture.error is not None:
                    self.result.failed.append(picture.error)
                elif picture.digest is not None:
                    waiting.append(_Found(one, picture.digest, picture))
                if len(waiting) >= BATCH:
                    self._store(waiting)
                    waiting = []
                tick()
            self._store(waiting)

    def _store(self, found: Sequence[_Found]) -> None:
        if not found:
            return
        with self.database.writing():
            for one in found:
                self._count(one)
                self._store_picture(one)
            self._name(found)

    def _count(self, one: _Found) -> None:
        known = one.seen.known
        if known is not None and known.digest == one.digest:
            if one.embedded is None:
                self.result.unchanged += 1
            else:
                self.result.embedded += 1
        elif known is not None:
            self.result.changed += 1
        else:
            rows = self.database.rows(
                "SELECT gone FROM pictures LEFT JOIN places ON picture = id WHERE digest = ?",
                (one.digest,),
            )
            if not rows:
                self.result.new += 1
            elif all(gone != 0 for (gone,) in rows):
                self.result.moved += 1
            else:
                self.result.copied += 1

    def _store_picture(self, one: _Found) -> None:
        state = one.seen.state
        width, height = (None, None) if one.embedded is None else _size(one.embedded)
        self.database.run(
            "INSERT INTO pictures (digest, name, width, height) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET width = COALESCE(width, excluded.width),"
            " height = COALESCE(height, excluded.height)",
            (one.digest, os.fsencode(state.path.name), width, height),
        )
        self.database.run(
            "INSERT OR REPLACE INTO places"
            " (path, picture, size, mtime_ns, inode, checked_ns, gone)"
            " VALUES (?, (SELECT id FROM pictures WHERE digest = ?), ?, ?, ?, ?, 0)",
            (
                *(state.key, one.digest, state.size, state.mtime_ns, state.inode),
                self._checked_ns,
            ),
        )
        if one.embedded is not None:
            found = one.embedded
            self.library.store_embeddings(
                one.digest, found.detections, found.embeddings, found.detector
            )

    def _name(self, found: Iterable[_Found]) -> None:
        """Record whom roots say that these show; within the caller's transaction."""
        by_name: dict[str, list[bytes]] = {}
        for one in found:
            name = one.seen.shows
            if name is not None:
                by_name.setdefault(name, []).append(one.digest)
        for name, digests in by_name.items():
            try:
                character, called = named(self.database, name)
            except UsageError as error:  # a folder of a cast, made later
                self.result.failed.append(PictureError(error.what, hint=error.hint))
                continue
            open_to_it = [digest for digest in digests if self._may_name(digest, called)]
            if open_to_it:
                payload = Confirm(tuple(d.hex() for d in open_to_it), character, called)
                record(self.database, payload, Source.IMPORT)
                self.result.named += len(open_to_it)

    def _may_name(self, digest: bytes, name: str) -> bool:
        said = self.library.said(digest)
        by_person = self.database.row(
            "SELECT 1 FROM said WHERE digest = ?1 AND source = 'person' UNION SELECT 1"
            " FROM rejections JOIN characters ON id = character WHERE digest = ?1 AND name = ?2",
            (digest, name),
        )
        if said.character == name:
            return False
        if by_person:
            self.result.kept += 1
            return False
        return True


def _size(picture: EmbeddedPicture) -> tuple[int | None, int | None]:
    """Width and height; from the file's header where no figure is the whole of it."""
    for detection in picture.detections:
        if detection.kind == "whole":
            return int(detection.box.right), int(detection.box.bottom)
    try:
        return measure(picture.path).upright
    except PictureError:  # gone in the meantime
        return None, None


def _batches(items: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (items[i : i + BATCH] for i in range(0, len(items), BATCH))
