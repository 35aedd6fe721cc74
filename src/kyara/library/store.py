"""A library: what is known of the user's pictures, in one file.

Opening it never needs the pictures, nor a model. One library holds the embeddings of one
encoder: those of two cannot be compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from kyara import detect
from kyara.detect import Detector
from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.files import is_folder
from kyara.library.database import Database, create_database, open_database
from kyara.library.decisions import Decisions, record
from kyara.library.figures import figures_of, said_of_figures, store_embeddings
from kyara.library.log import Forget, Source
from kyara.library.referred import (
    References,
    Rejected,
    read_others,
    read_references,
    read_rejected,
)
from kyara.library.roots import Root, RootKind
from kyara.library.said import Said
from kyara.types import Detection, FloatArray

__all__ = ["GONE", "Counts", "EncoderRecord", "Library", "References", "Rejected"]


@dataclass(frozen=True)
class EncoderRecord:
    """The encoder of a library.

    Attributes:
        identity: what its embeddings are bound to.
        plugin: the name or directory by which it was opened.
    """

    identity: str
    plugin: str
    dimension: int


@dataclass(frozen=True)
class Counts:
    """How much is in a library.

    Attributes:
        gone: pictures whose files are no longer where they were, nor anywhere else known.
    """

    pictures: int
    gone: int
    characters: int
    references: int
    rejected: int
    ignored: int
    decisions: int


class Library:
    """An open library; use it in a `with` block, or close it.

    Attributes:
        database: its file.
        decisions: what was said of the pictures.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.decisions = Decisions(database)

    @classmethod
    def create(
        cls, path: Path, encoder: Encoder, plugin: str, detector: Detector | None = None
    ) -> Library:
        """A new, empty library for the embeddings of `encoder`.

        Args:
            plugin: the name or directory that opens the encoder.
            detector: finds the figures; None: the one that is used everywhere.

        Raises:
            UsageError: there is something of that name, or no such folder.
            OutputError: it cannot be written.
        """
        with create_database(path) as database, database.writing():
            cls(database).use(encoder, plugin, detector or detect.default())
        return cls.open(path, write=True)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Library:
        """The library at `path`.

        Raises:
            UsageError: there is no such file.
            DataError: it is no library, is damaged, of a newer version, or in use.
            OutputError: it is to be written and cannot.
        """
        return cls(open_database(path, write=write))

    @property
    def path(self) -> Path:
        """Where its file is."""
        return self.database.path

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    @property
    def encoder(self) -> EncoderRecord:
        """The encoder whose embeddings it holds."""
        identity, plugin, dimension = self.database.row(
            "SELECT identity, plugin, dimension FROM library JOIN encoders ON id = encoder"
        )
        return EncoderRecord(identity, os.fsdecode(plugin), dimension)

    def require(self, encoder: Encoder) -> None:
        """Nothing, if `encoder` is the library's own.

        Raises:
            UsageError: it is another.
        """
        own = self.encoder
        if own.identity != encoder.id:
            raise UsageError(
                f"this library holds embeddings of {own.identity}, not of {encoder.id}",
                where=self.path,
                hint="kyara library update FILE --re-embed --plugin NAME embeds it anew",
            )

    @property
    def detector(self) -> str:
        """The id of the detector whose figures it holds."""
        query = "SELECT identity FROM library JOIN detectors ON id = detector"
        return str(self.database.row(query)[0])

    def use(self, encoder: Encoder, plugin: str, detector: Detector) -> None:
        """Make `encoder` and `detector` the library's, within the caller's transaction.
        Embeddings of another encoder stay in the file, but nothing is answered from them."""
        place = plugin if not is_folder(plugin) else os.path.abspath(plugin)
        self.database.run(
            "INSERT INTO encoders (identity, plugin, dimension) VALUES (?, ?, ?)"
            " ON CONFLICT (identity) DO UPDATE SET plugin = excluded.plugin",
            (encoder.id, os.fsencode(place), encoder.dimension),
        )
        self.database.run("INSERT OR IGNORE INTO detectors (identity) VALUES (?)", (detector.id,))
        self.database.run(
            "INSERT INTO library (only_row, created, encoder, detector)"
            " VALUES (1, ?, (SELECT id FROM encoders WHERE identity = ?),"
            " (SELECT id FROM detectors WHERE identity = ?)) ON CONFLICT (only_row)"
            " DO UPDATE SET encoder = excluded.encoder, detector = excluded.detector",
            (datetime.now(UTC).isoformat(timespec="seconds"), encoder.id, detector.id),
        )

    def said(self, digest: bytes) -> Said:
        """What was decided of every figure in a picture."""
        return self.decisions.said(digest)

    def said_of(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """What was decided of each of these detections in a picture; see
        `kyara.library.figures` for which box means which."""
        return said_of_figures(self.database, digest, detections)

    def roots(self) -> list[Root]:
        """What was added, by path."""
        rows = self.database.rows("SELECT path, kind, character FROM roots ORDER BY path")
        return [
            Root(Path(os.fsdecode(path)), RootKind(kind), character)
            for path, kind, character in rows
        ]

    def remember_roots(self, roots: Iterable[Root]) -> None:
        """Let `update` look at these, too."""
        with self.database.writing():
            self.database.run_many(
                "INSERT OR REPLACE INTO roots (path, kind, character) VALUES (?, ?, ?)",
                ((os.fsencode(root.path), root.kind.value, root.character) for root in roots),
            )

    def store_embeddings(
        self,
        digest: bytes,
        detections: Sequence[Detection],
        embeddings: FloatArray,
        detector: str,
    ) -> None:
        """Keep the detections (k) of a picture and their embeddings (k, d), where there are
        none yet; within the caller's transaction."""
        store_embeddings(self.database, digest, detections, embeddings, detector)

    def figures(self, digest: bytes) -> list[Detection]:
        """The figures in a picture, as far as they are known."""
        return [detection for _, detection in figures_of(self.database, digest)]

    def references(self) -> References:
        """All figures that are known to show a character, with their embeddings.

        Raises:
            DataError: an embedding is not as it should be.
            UsageError: a character has a name that none can have.
        """
        with self.database.snapshot():
            return read_references(self.database, self.encoder.dimension)

    def others(self) -> FloatArray:
        """The embeddings (n, d) of the figures of which it is not known whom they show.

        Raises:
            DataError: an embedding is not as it should be.
        """
        with self.database.snapshot():
            return read_others(self.database, self.encoder.dimension)

    def rejected(self) -> Rejected:
        """The figures that are known not to show a character, as far as they are in it.

        Raises:
            DataError: an embedding is not as it should be.
        """
        with self.database.snapshot():
            return read_rejected(self.database, self.encoder.dimension)

    def find(self, path: Path) -> bytes | None:
        """The digest of the picture that is, or was, at `path`; None if none is known."""
        row = self.database.row(
            "SELECT digest FROM places JOIN pictures ON id = picture WHERE path = ?",
            (os.fsencode(path.absolute()),),
        )
        return None if row is None else bytes(row[0])

    def knows(self, digest: bytes) -> bool:
        """Whether the picture of that digest is in it."""
        return self.database.row("SELECT 1 FROM pictures WHERE digest = ?", (digest,)) is not None

    def paths_of(self, digest: bytes) -> list[Path]:
        """Where the picture is; if it is nowhere any more, where it was."""
        rows = self.database.rows(
            "SELECT path, gone FROM places JOIN pictures ON id = picture"
            " WHERE digest = ? ORDER BY path",
            (digest,),
        )
        present = [row for row in rows if not row[1]]
        return [Path(os.fsdecode(path)) for path, _ in present or rows]

    def gone(self) -> list[bytes]:
        """The digests of pictures whose files are no longer there."""
        query = f"SELECT digest FROM pictures WHERE {GONE}"
        return [digest for (digest,) in self.database.rows(query)]

    def counts(self) -> Counts:
        """How much is in it."""
        return Counts(
            *self.database.row(
                "SELECT (SELECT COUNT(*) FROM pictures),"
                f" (SELECT COUNT(*) FROM pictures WHERE {GONE}),"
                " (SELECT COUNT(*) FROM characters),"
                " (SELECT COUNT(*) FROM said JOIN pictures USING (digest)"
                " WHERE character IS NOT NULL),"
                " (SELECT COUNT(*) FROM rejections),"
                " (SELECT COUNT(*) FROM said WHERE ignored),"
                " (SELECT COUNT(*) FROM decisions)"
            )
        )

    def remove(self, digests: Iterable[bytes], *, with_folder: bool = False) -> int:
        """Forget pictures: their places and embeddings. A reference is one of nobody then,
        and stays so until a person says otherwise. What was decided stays in the log.

        Args:
            with_folder: not they were meant but the folder that they were in: what a person said
                of them stands, should they come again, and to add them again is enough.

        Returns:
            How many there were.
        """
        digests = list(dict.fromkeys(digests))
        removed = 0
        source = Source.IMPORT if with_folder else Source.PERSON
        with self.database.writing():
            named = [digest for digest in digests if self.decisions.names(digest)]
            if with_folder:
                named = [digest for digest in named if not self.decisions.said_by_person(digest)]
            if named:
                record(self.database, Forget(tuple(d.hex() for d in named)), source)
            for digest in digests:
                removed += self.database.run("DELETE FROM pictures WHERE digest = ?", (digest,))
        return removed

    def remove_root(self, path: Path) -> list[bytes]:
        """No longer look at `path`, nor at what was added below it.

        Returns:
            The digests of the pictures that are nowhere else.
        """
        own = os.fsencode(path.absolute())
        below = own.rstrip(b"/") + b"/"
        inside = "(path = ?1 OR substr(path, 1, length(?2)) = ?2)"
        with self.database.writing():
            rows = self.database.rows(
                "SELECT digest FROM pictures"
                f" WHERE id IN (SELECT picture FROM places WHERE {inside})"
                f" AND id NOT IN (SELECT picture FROM places WHERE NOT {inside})",
                (own, below),
            )
            self.database.run(f"DELETE FROM roots WHERE {inside}", (own, below))
            self.database.run(f"DELETE FROM places WHERE {inside}", (own, below))
        return [digest for (digest,) in rows]


GONE = (
    "id NOT IN (SELECT picture FROM places WHERE NOT gone)"
    " AND (width IS NOT NULL OR id IN (SELECT picture FROM places))"
)
"""Pictures whose files are all missing, or hold others now. Those that were imported never had one,
and nobody has measured them."""
