"""Bringing a library up to date with the files: new, changed, moved and gone pictures.

Files that are as they were are not read. What is found is committed some pictures at a time,
so an interrupted run has lost nothing, and the same command goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from kyara import detect
from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import PictureError, reason
from kyara.library.intake import Found, Intake, Updated, batches
from kyara.library.roots import Root, RootKind
from kyara.library.scan import Seen, is_away, known_places, lost_places, scan
from kyara.library.store import Library
from kyara.pictures.digest import digest_of_file
from kyara.pictures.state import FileState
from kyara.types import Progress, silent

__all__ = ["Updated", "add", "embed_again", "update"]


def add(
    library: Library,
    roots: Sequence[Root],
    encoder: Encoder,
    *,
    detector: Detector | None = None,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Updated:
    """Add folders and files, now and for every later `update`.

    Pictures of a root that says whom they show become references, unless a person has said
    otherwise of them.

    Raises:
        UsageError: the library is of another encoder or detector.
        PictureError: a root is a folder that cannot be listed.
    """
    intake = Intake(library, encoder, cache, progress, detector, insists=True)
    library.remember_roots(roots)
    _Run(library, intake, progress).look_at(roots, insist=True)
    intake.tell_chosen()
    return intake.result


def update(
    library: Library,
    encoder: Encoder,
    *,
    detector: Detector | None = None,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
    read_all: bool = False,
) -> Updated:
    """Look again at everything that was added.

    Args:
        read_all: read every file, also where nothing seems to have changed.

    Raises:
        UsageError: the library is of another encoder or detector.
    """
    intake = Intake(library, encoder, cache, progress, detector)
    run = _Run(library, intake, progress)
    run.look_at(library.roots(), read_all=read_all)
    run.embed_what_lacks()
    intake.tell_chosen()
    return intake.result


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
    return update(
        library, encoder, detector=detector or detect.default(), cache=cache, progress=progress
    )


class _Run:
    """One run, with what is known at its beginning."""

    def __init__(self, library: Library, intake: Intake, progress: Progress) -> None:
        self.library = library
        self.database = library.database
        self.intake = intake
        self.progress = progress
        self.places = known_places(self.database)
        self.result = intake.result
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
        doubtful = [one for one in found.seen if read_all or not one.settled]
        known = {place.digest for place in self.places.values()}
        self._take_in(self._read(doubtful, known) if read_all else doubtful, known)

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
        self._take_in(lacking)

    def _take_in(self, files: Sequence[Seen], known: Collection[bytes] = ()) -> None:
        for batch in batches(self.intake.opened(files, known)):
            self.intake.store(batch, self._checked_ns)

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
        self.intake.name(
            Found(one, one.known.digest)
            for one in settled
            if one.known is not None
            and one.root is not None
            and one.root.kind is not RootKind.PICTURES
            and (
                one.known.digest not in named_already
                or (insist and one.root.kind is RootKind.CHARACTER)
            )
        )

    def _read(self, files: Sequence[Seen], known: Collection[bytes]) -> list[Seen]:
        """Tell by their content which of these are known pictures; returns the others.

        The pipeline would ask the cache, which believes what a file's state says.
        """
        strangers: list[Seen] = []
        with self.progress("files", len(files)) as tick:
            for batch in batches(files):
                found = []
                for one in batch:
                    digest = self._digest(one)
                    if digest is not None and digest in known:
                        found.append(Found(one, digest))
                    elif digest is not None:
                        strangers.append(one)
                    tick()
                self.intake.store(found, self._checked_ns)
        return strangers

    def _digest(self, one: Seen) -> bytes | None:
        try:
            return digest_of_file(one.path)
        except OSError as error:
            what = f"cannot read it: {reason(error)}"
            self.result.failed.append(PictureError(what, where=one.path))
            return None
