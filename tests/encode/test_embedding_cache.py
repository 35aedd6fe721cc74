"""The cache: what it knows, what it forgets, and how much room it takes."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kyara.encode.cache import (
    CachedEmbeddings,
    EmbeddingCache,
    default_cache_path,
    digest_with,
)
from kyara.errors import DataError
from kyara.pictures.digest import digest_of_bytes
from kyara.pictures.state import FileState
from kyara.types import Box, Detection

LONG_AGO = time.time_ns() - 10**12


@pytest.fixture
def cache(own_cache: Path) -> EmbeddingCache:
    return EmbeddingCache(own_cache)


def settled(path: Path, data: bytes, mtime_ns: int = LONG_AGO) -> FileState:
    """A file that was written long enough ago to be trusted."""
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return FileState.of(path)


def found(seed: int = 0, rows: int = 1, dimension: int = 8) -> CachedEmbeddings:
    vectors = np.random.default_rng(seed).random((rows, dimension), dtype=np.float32)
    boxes = tuple(Detection(Box(n, 0, n + 1.5, 1), "whole") for n in range(rows))
    return CachedEmbeddings(boxes, vectors)


def key(number: int) -> bytes:
    return digest_of_bytes(str(number).encode())


def test_what_is_stored_comes_back_as_it_was(cache: EmbeddingCache) -> None:
    stored = found(rows=3)
    cache.store([(key(1), stored)], "whole", "e")
    unknown, known = cache.lookup([key(2), key(1)], "whole", "e")
    assert unknown is None
    assert known is not None
    assert known.detections == stored.detections
    np.testing.assert_array_equal(known.embeddings, stored.embeddings)


def test_embeddings_of_another_encoder_are_not_given(cache: EmbeddingCache) -> None:
    cache.store([(key(1), found(1))], "whole", "one")
    cache.store([(key(1), found(2))], "whole", "two")
    for encoder, seed in (("one", 1), ("two", 2)):
        (known,) = cache.lookup([key(1)], "whole", encoder)
        assert known is not None
        np.testing.assert_array_equal(known.embeddings, found(seed).embeddings)
    assert cache.lookup([key(1)], "whole", "three") == [None]


def test_a_file_is_known_as_long_as_its_state_stays(cache: EmbeddingCache, tmp_path: Path) -> None:
    state = settled(tmp_path / "a.png", b"one")
    cache.remember([(state, key(1))])
    assert cache.digests([state]) == [key(1)]
    assert cache.digests([FileState.of(tmp_path / "a.png")]) == [key(1)]
    changed = settled(tmp_path / "a.png", b"two", LONG_AGO + 1)  # same size, another time
    assert changed.size == state.size
    assert cache.digests([changed]) == [None]
    longer = settled(tmp_path / "a.png", b"three")  # same time, another size
    assert cache.digests([longer]) == [None]


def test_a_replaced_file_is_not_the_one_that_was(cache: EmbeddingCache, tmp_path: Path) -> None:
    cache.remember([(settled(tmp_path / "a.png", b"one"), key(1))])
    settled(tmp_path / "b.png", b"two")
    (tmp_path / "b.png").replace(tmp_path / "a.png")  # same size, same time, another inode
    assert cache.digests([FileState.of(tmp_path / "a.png")]) == [None]


def test_what_was_written_a_moment_ago_is_not_trusted(
    cache: EmbeddingCache, tmp_path: Path
) -> None:
    fresh = settled(tmp_path / "a.png", b"one", time.time_ns())
    cache.remember([(fresh, key(1))])
    assert cache.digests([fresh]) == [None]


def test_names_of_any_bytes_and_inodes_of_any_size_are_kept(
    cache: EmbeddingCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / os.fsdecode(b"\xff\n.png")
    settled(path, b"one")
    status = path.stat()
    large = os.stat_result([status.st_mode, (1 << 64) - 1, *status[2:]], {"st_mtime_ns": LONG_AGO})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", lambda self, **_: large)
        state = FileState.of(path)
    cache.remember([(state, key(1))])
    assert cache.failure is None
    assert cache.digests([state]) == [key(1)]


def test_a_digest_is_read_once(
    cache: EmbeddingCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(tmp_path / "a.png", b"one")
    assert digest_with(None, tmp_path / "a.png") == digest_of_bytes(b"one")
    assert digest_with(cache, tmp_path / "a.png") == digest_of_bytes(b"one")
    monkeypatch.setattr("kyara.encode.cache.digest_of_file", lambda path: pytest.fail("read"))
    assert digest_with(cache, tmp_path / "a.png") == digest_of_bytes(b"one")


def test_it_stays_below_its_limit_and_the_oldest_go(own_cache: Path) -> None:
    limit = 200_000
    cache = EmbeddingCache(own_cache, limit=limit)
    for number in range(400):
        cache.store([(key(number), found(number, dimension=500))], "whole", "e")
        assert cache.info().bytes <= limit + 3 * 4096
    kept = [known is not None for known in cache.lookup([key(n) for n in range(400)], "whole", "e")]
    first = kept.index(True)
    assert 0 < first < 395
    assert all(kept[first:])  # none is forgotten before an older one
    assert cache.info().pictures == sum(kept)


def test_the_least_recently_used_go_first(own_cache: Path) -> None:
    cache = EmbeddingCache(own_cache, limit=200_000)
    cache.store([(key(n), found(n, dimension=500)) for n in range(40)], "whole", "e")
    with sqlite3.connect(own_cache) as database:  # as if they had been used some days ago
        database.execute("UPDATE embeddings SET used = used - 5")
    cache.lookup([key(0)], "whole", "e")
    for number in range(100, 120):
        cache.store([(key(number), found(number, dimension=500))], "whole", "e")
    used, unused = cache.lookup([key(0), key(1)], "whole", "e")
    assert used is not None
    assert unused is None


def test_paths_alone_are_bounded_too(own_cache: Path, tmp_path: Path) -> None:
    cache = EmbeddingCache(own_cache, limit=100_000)
    for batch in range(40):
        states = [
            FileState(tmp_path / f"{batch}-{n}-{'x' * 100}.png", 1, batch * 100 + n, 1)
            for n in range(50)
        ]
        cache.remember([(state, key(1)) for state in states])
        assert cache.info().bytes <= 150_000
        assert cache.digests(states[-1:]) == [key(1)]


def test_clearing_forgets_all_and_gives_the_space_back(
    cache: EmbeddingCache, tmp_path: Path
) -> None:
    state = settled(tmp_path / "a.png", b"one")
    cache.remember([(state, key(1))])
    cache.store([(key(n), found(n, dimension=500)) for n in range(100)], "whole", "e")
    full = cache.info()
    cache.clear()
    assert cache.info().pictures == 0
    assert cache.info().bytes < full.bytes / 5
    assert cache.lookup([key(1)], "whole", "e") == [None]
    assert cache.digests([state]) == [None]


def test_it_is_kept_from_one_opening_to_the_next(own_cache: Path) -> None:
    first = EmbeddingCache(own_cache)
    first.store([(key(1), found())], "whole", "e")
    first.close()
    assert EmbeddingCache(own_cache).lookup([key(1)], "whole", "e") != [None]


def test_where_it_lies(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_cache_path() == own_cache
    monkeypatch.delenv("KYARA_CACHE")
    assert default_cache_path().name == "embeddings.sqlite"
    assert "kyara" in default_cache_path().parts


@pytest.mark.parametrize("content", [b"not a database, but text" * 100, b"SQLite format 3\0" * 99])
def test_a_file_that_is_no_cache_is_refused(own_cache: Path, content: bytes) -> None:
    own_cache.write_bytes(content)
    with pytest.raises(DataError, match=r"embeddings\.sqlite: the cache cannot be used.*delete it"):
        EmbeddingCache(own_cache)
    assert own_cache.read_bytes() == content


def test_a_cache_of_a_newer_version_is_refused_and_left_as_it_is(own_cache: Path) -> None:
    EmbeddingCache(own_cache).close()
    with sqlite3.connect(own_cache) as database:
        database.execute("PRAGMA user_version = 3")
    with pytest.raises(DataError, match="it is of version 3, not 2"):
        EmbeddingCache(own_cache)
    with sqlite3.connect(own_cache) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be used"):
        EmbeddingCache(tmp_path)


def test_kinds_scores_and_no_figures_at_all_are_kept(cache: EmbeddingCache) -> None:
    figures = (Detection(Box(0, 0, 2, 3.5), "head", 0.625), Detection(Box(1, 1, 2, 2), "figure"))
    stored = CachedEmbeddings(figures, found(rows=2).embeddings)
    nothing = CachedEmbeddings((), np.zeros((0, 8), dtype=np.float32))
    cache.store([(key(1), stored), (key(2), nothing)], "heads", "e")
    one, two = cache.lookup([key(1), key(2)], "heads", "e")
    assert one is not None
    assert one.detections == figures
    assert two is not None
    assert two.detections == ()
    assert cache.lookup([key(1)], "whole", "e") == [None]


FIRST = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE embeddings (
    digest BLOB NOT NULL, encoder TEXT NOT NULL, boxes BLOB NOT NULL, vectors BLOB NOT NULL,
    used INTEGER NOT NULL, PRIMARY KEY (digest, encoder)
);
CREATE INDEX embeddings_by_use ON embeddings (used);
PRAGMA user_version = 1;
"""


def test_a_cache_of_the_first_version_is_migrated(own_cache: Path, tmp_path: Path) -> None:
    state = settled(tmp_path / "a.png", b"one")
    stored = found(3)
    box = np.asarray([stored.detections[0].box.as_tuple()], dtype=np.float64)
    with closing(sqlite3.connect(own_cache)) as database:
        database.executescript(FIRST)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(
            "INSERT INTO files VALUES (?, ?, ?, ?, ?)", (state.key, *state.marks, key(1))
        )
        row = (key(1), "e", box.tobytes(), stored.embeddings.tobytes(), 1)
        database.execute("INSERT INTO embeddings VALUES (?, ?, ?, ?, ?)", row)
        database.commit()
    for _ in range(2):
        cache = EmbeddingCache(own_cache)
        assert cache.digests([state]) == [key(1)]
        (known,) = cache.lookup([key(1)], "whole", "e")
        assert known is not None
        assert known.detections == stored.detections
        np.testing.assert_array_equal(known.embeddings, stored.embeddings)
        cache.store([(key(2), found(4))], "whole", "e")
        cache.close()
