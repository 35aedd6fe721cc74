"""A cache that fails costs time, never results."""

from __future__ import annotations

import logging
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kyara.encode.cache import EmbeddingCache
from kyara.encode.pipeline import embed_pictures
from kyara.errors import DataError
from kyara.plugins.discover import open_encoder
from tests.conftest import Ran, draw
from tests.encode.test_embedding_cache import found, key
from tests.support import command, run_process


def drop_tables(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE embeddings")
        database.execute("DROP TABLE files")


def damage(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)  # the schema stays, everything else is zeros
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [drop_tables, damage])
def test_a_cache_that_fails_while_in_use_is_silent_afterwards(
    own_cache: Path,
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], None],
) -> None:
    EmbeddingCache(own_cache).store(
        [(key(n), found(n, dimension=500)) for n in range(50)], "whole", "e"
    )
    cache = EmbeddingCache(own_cache)
    harm(own_cache)
    with caplog.at_level(logging.WARNING, logger="kyara"):
        assert cache.lookup([key(1), key(2)], "whole", "e") == [None, None]
        cache.store([(key(1), found())], "whole", "e")
        assert cache.lookup([key(1)], "whole", "e") == [None]
    assert isinstance(cache.failure, DataError)
    (warning,) = caplog.records
    assert "the cache cannot be used" in warning.getMessage()
    with pytest.raises(DataError, match="cannot be used"):
        cache.info()


def test_pictures_are_embedded_although_the_cache_fails(
    own_cache: Path, tmp_path: Path, tiny_plugin: Path
) -> None:
    paths = [draw(tmp_path / f"{n}.png", "ruby", n) for n in range(60)]
    encoder = open_encoder(str(tiny_plugin))
    expected = np.concatenate([p.embeddings for p in embed_pictures(paths, encoder)])
    cache = EmbeddingCache(own_cache)
    drop_tables(own_cache)
    got = np.concatenate([p.embeddings for p in embed_pictures(paths, encoder, cache=cache)])
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert cache.failure is not None


def test_a_full_disk_behind_the_cache_is_one_line(
    own_cache: Path, tmp_path: Path, tiny_plugin: Path
) -> None:
    for n in range(100):
        draw(tmp_path / "pictures" / f"{n}.png", "ruby", n)
    EmbeddingCache(own_cache).close()
    arguments = command("embed", "pictures", "--out", "x.npz", "--plugin", tiny_plugin)

    def allow_little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    ran = run_process(arguments, tmp_path, allow_little)
    assert ran.code == 0
    (line,) = ran.err.splitlines()
    assert "the cache cannot be used" in line
    assert "went on without it" in line
    assert np.load(tmp_path / "x.npz")["embeddings"].shape == (100, 48)


def newer(path: Path) -> None:
    EmbeddingCache(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")


def text(path: Path) -> None:
    path.write_text("not a database" * 200)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("harm", [newer, text, folder])
def test_the_command_line_goes_on_without_it(
    own_cache: Path,
    inbox: Path,
    tiny_plugin: Path,
    kyara: Callable[..., Ran],
    harm: Callable[[Path], None],
) -> None:
    harm(own_cache)
    ran = kyara("compare", inbox / "r1.png", inbox / "j1.png", "--plugin", tiny_plugin)
    assert ran.code == 0
    assert "score" in ran.out
    (line,) = ran.err.splitlines()
    assert line.startswith(f"kyara: {own_cache}: the cache cannot be used: ")
    assert line.endswith("going on without it")


def test_a_cache_that_may_only_be_read_stops_nobody(
    own_cache: Path,
    tmp_path: Path,
    inbox: Path,
    tiny_plugin: Path,
    obey_permissions: Callable[[], None],
) -> None:
    arguments = command("embed", inbox, "--out", "x.npz", "--overwrite", "--plugin", tiny_plugin)
    assert run_process(arguments, tmp_path).code == 0
    draw(inbox / "new.png", "ruby", 99)
    for path in own_cache.parent.iterdir():
        path.chmod(0o400)
    own_cache.parent.chmod(0o500)
    try:
        ran = run_process(arguments, tmp_path, obey_permissions)
    finally:
        own_cache.parent.chmod(0o700)
    assert ran.code == 0
    assert len(np.load(tmp_path / "x.npz")["paths"]) == 8
    assert len(ran.err.splitlines()) == 1
    assert "without it" in ran.err


def test_threads_share_one_cache(own_cache: Path) -> None:
    cache = EmbeddingCache(own_cache)
    wrong: list[object] = []

    def work(worker: int) -> None:
        for n in range(30):
            number = worker * 100 + n
            cache.store([(key(number), found(number))], "whole", "e")
            (known,) = cache.lookup([key(number)], "whole", "e")
            if known is None or not np.array_equal(known.embeddings, found(number).embeddings):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cache.failure is None
    assert cache.info().pictures == 120


PROCESS = """
import sys
from pathlib import Path
from kyara.encode.cache import EmbeddingCache
from tests.encode.test_embedding_cache import found, key
sys.stdin.read(1)  # all start together
cache = EmbeddingCache(Path(sys.argv[1]))
for n in range(40):
    number = int(sys.argv[2]) * 100 + n
    cache.store([(key(number), found(number))], "whole", "e")
    assert cache.lookup([key(number)], "whole", "e") != [None]
assert cache.failure is None, cache.failure
"""


def test_processes_share_one_cache_from_its_creation_on(own_cache: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(own_cache), str(worker)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for worker in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
    assert EmbeddingCache(own_cache).info().pictures == 120
