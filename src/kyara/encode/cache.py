"""Embeddings that were computed before, in one SQLite file, bounded in size.

It is only a cache: it can be deleted at any time and costs nothing but time. Two tables:

- `files` remembers the digest of a file as long as its size, time and inode stay;
- `embeddings` holds figures and vectors by content digest, detector id and encoder id.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from kyara.errors import DataError
from kyara.pictures.digest import digest_of_file
from kyara.pictures.state import FileState
from kyara.types import Box, Detection, FloatArray

__all__ = [
    "CacheInfo",
    "CachedEmbeddings",
    "EmbeddingCache",
    "default_cache_path",
    "digest_with",
]

T = TypeVar("T")
_Row: TypeAlias = tuple[bytes, str, bytes, bytes, int]

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # the command line says it in its own way

DEFAULT_LIMIT = 1 << 30
"""Bytes that the cache may take: about 450,000 pictures at 500 dimensions."""

_EMBEDDINGS = """CREATE TABLE embeddings (
    digest BLOB NOT NULL, detector TEXT NOT NULL, encoder TEXT NOT NULL, boxes BLOB NOT NULL,
    kinds TEXT NOT NULL, scores BLOB NOT NULL, vectors BLOB NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (digest, detector, encoder)
)"""
_BY_USE = "CREATE INDEX embeddings_by_use ON embeddings (used)"
_SCHEMA = (
    """CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID""",
    _EMBEDDINGS,
    _BY_USE,
)
_FROM_FIRST = (
    "ALTER TABLE embeddings RENAME TO first",
    "DROP INDEX embeddings_by_use",
    _EMBEDDINGS,
    # Then, every picture was one figure: the whole of it, of score 1.0.
    """INSERT INTO embeddings SELECT digest, 'whole', encoder, boxes, 'whole',
    x'000000000000f03f', vectors, used FROM first WHERE length(boxes) = 32""",
    "DROP TABLE first",
    _BY_USE,
)
"""What makes today's file of one of version 1."""
_VERSION = 2
_KEY = "digest = ? AND detector = ? AND encoder = ?"
_SECONDS_BETWEEN_USES = 86_400


@dataclass(frozen=True)
class CachedEmbeddings:
    """The detections (k) in a picture, which may be none, and their embeddings (k, d)."""

    detections: tuple[Detection, ...]
    embeddings: FloatArray


@dataclass(frozen=True)
class CacheInfo:
    """What `kyara cache info` tells."""

    path: Path
    pictures: int
    bytes: int
    limit: int


class EmbeddingCache:
    """The cache in the file at `path`; safe to use from several threads and processes.

    Once open it never stops the work: when its file fails (a full disk, say) it logs a
    warning, and from then on knows nothing and keeps nothing.

    Attributes:
        failure: why it does nothing any more, or None.

    Raises:
        DataError: the file is not a cache of this version, or cannot be opened.
    """

    def __init__(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> None:
        self.path = path
        self.limit = limit
        self.failure: DataError | None = None
        self._lock = threading.Lock()
        with self._reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, timeout=30, check_same_thread=False, isolation_level=None
            )
            self._prepare()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise DataError(
                f"the cache cannot be used: {error}",
                where=self.path,
                hint="delete it, or work without: --no-cache",
            ) from error

    def _prepare(self) -> None:
        # A cache may lose its last entries with the power; it must not wait for the disk.
        self._database.execute("PRAGMA synchronous = OFF")
        if self._version() == 0:
            self._create()
        if self._version() == 1:
            self._migrate()
        if self._version() != _VERSION:
            raise sqlite3.DatabaseError(f"it is of version {self._version()}, not {_VERSION}")

    def _create(self) -> None:
        # Only one process changes the journal; SQLite does not let the others wait for that.
        with contextlib.suppress(sqlite3.OperationalError):
            self._database.execute("PRAGMA journal_mode = WAL")
        with self._writing():
            if self._version() == 0:
                for statement in _SCHEMA:
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def _migrate(self) -> None:
        with self._writing():
            if self._version() == 1:  # no other process was faster
                for statement in _FROM_FIRST:
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def _attempt(self, work: Callable[[], T], otherwise: T) -> T:
        with self._lock:
            if self.failure is not None:
                return otherwise
            try:
                with self._reporting():
                    return work()
            except DataError as error:
                self.failure = error
                _log.warning("%s", error)
                return otherwise

    def digests(self, states: Sequence[FileState]) -> list[bytes | None]:
        """The digest of each file that has not changed since it was stored, else None."""
        return self._attempt(lambda: list(map(self._digest, states)), [None] * len(states))

    def _digest(self, state: FileState) -> bytes | None:
        row = self._database.execute(
            "SELECT digest FROM files WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?",
            (state.key, *state.marks),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def remember(self, files: Iterable[tuple[FileState, bytes]]) -> None:
        """Keep the digests of files, by their state."""
        now = time.time_ns()
        rows = [(state.key, *state.marks, digest) for state, digest in files if state.settled(now)]
        if rows:
            self._attempt(lambda: self._insert("files", rows), None)

    def lookup(
        self, digests: Sequence[bytes], detector: str, encoder: str
    ) -> list[CachedEmbeddings | None]:
        """What is kept of these pictures for this detector and encoder; None where nothing is."""
        keys = [(digest, detector, encoder) for digest in digests]
        nothing: list[_Row | None] = [None] * len(keys)
        rows = self._attempt(lambda: [self._row(key) for key in keys], nothing)
        today = int(time.time()) // _SECONDS_BETWEEN_USES
        stale = [
            (today, *key)
            for key, row in zip(keys, rows, strict=True)
            if row is not None and row[4] != today
        ]
        if stale:
            self._attempt(lambda: self._mark_used(stale), None)
        return [None if row is None else _unpack(*row[:4]) for row in rows]

    def _row(self, key: tuple[bytes, str, str]) -> _Row | None:
        row: _Row | None = self._database.execute(
            f"SELECT boxes, kinds, scores, vectors, used FROM embeddings WHERE {_KEY}", key
        ).fetchone()
        return row

    def _mark_used(self, uses: Sequence[tuple[int, bytes, str, str]]) -> None:
        with self._writing():
            self._database.executemany(f"UPDATE embeddings SET used = ? WHERE {_KEY}", uses)

    def store(
        self, pictures: Iterable[tuple[bytes, CachedEmbeddings]], detector: str, encoder: str
    ) -> None:
        """Keep embeddings by digest; the least recently used go when the limit is reached."""
        today = int(time.time()) // _SECONDS_BETWEEN_USES
        rows = [(digest, detector, encoder, *_pack(found), today) for digest, found in pictures]
        if rows:
            self._attempt(lambda: self._insert("embeddings", rows), None)

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        marks = ", ".join("?" * len(rows[0]))
        with self._writing():
            self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
        if self._bytes() > self.limit:
            self._shrink()

    def _shrink(self) -> None:
        with self._writing():
            for table in ("embeddings", "files"):
                count = self._database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                oldest = "used" if table == "embeddings" else "mtime_ns"
                key = "rowid" if table == "embeddings" else "path"
                self._database.execute(
                    f"DELETE FROM {table} WHERE {key} IN"
                    f" (SELECT {key} FROM {table} ORDER BY {oldest} LIMIT ?)",
                    (max(1, count // 4),),
                )

    def _bytes(self) -> int:
        pages, free, size = (
            self._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def info(self) -> CacheInfo:
        """How much is in it.

        Raises:
            DataError: its file fails.
        """
        with self._lock, self._reporting():
            count = self._database.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0]
            return CacheInfo(self.path, int(count), self._bytes(), self.limit)

    def clear(self) -> None:
        """Forget everything and give the space back.

        Raises:
            DataError: its file fails.
        """
        with self._lock, self._reporting():
            self._database.execute("DELETE FROM embeddings")
            self._database.execute("DELETE FROM files")
            self._database.execute("VACUUM")

    def close(self) -> None:
        """Close the file; the cache is not used afterwards."""
        with self._lock:
            self._database.close()


def digest_with(cache: EmbeddingCache | None, path: Path) -> bytes:
    """The digest of the file at `path`, read only if `cache` does not know it.

    Raises:
        OSError: it cannot be read.
    """
    if cache is None:
        return digest_of_file(path)
    state = FileState.of(path)
    known = cache.digests([state])[0]
    if known is None:
        known = digest_of_file(path)
        cache.remember([(state, known)])
    return known


def default_cache_path() -> Path:
    """Where the cache lies for this user: `KYARA_CACHE`, or the system's place for caches."""
    chosen = os.environ.get("KYARA_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("kyara", appauthor=False)) / "embeddings.sqlite"


def _pack(found: CachedEmbeddings) -> tuple[bytes, str, bytes, bytes]:
    boxes = np.asarray([d.box.as_tuple() for d in found.detections], dtype="<f8")
    scores = np.asarray([d.score for d in found.detections], dtype="<f8")
    kinds = " ".join(d.kind for d in found.detections)
    return boxes.tobytes(), kinds, scores.tobytes(), found.embeddings.tobytes()


def _unpack(boxes: bytes, kinds: str, scores: bytes, vectors: bytes) -> CachedEmbeddings:
    if not kinds:
        return CachedEmbeddings((), np.zeros((0, 0), dtype=np.float32))
    edges = np.frombuffer(boxes, dtype="<f8").reshape(-1, 4).tolist()
    detections = tuple(
        Detection(Box(*row), kind, score)
        for row, kind, score in zip(
            edges, kinds.split(), np.frombuffer(scores, dtype="<f8").tolist(), strict=True
        )
    )
    embeddings = np.frombuffer(vectors, dtype=np.float32).reshape(len(detections), -1)
    return CachedEmbeddings(detections, embeddings)
