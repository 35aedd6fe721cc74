"""`kyara cache`: look at it, clear it, and what is wrong with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.encode.cache import EmbeddingCache
from tests.conftest import Ran


@pytest.fixture
def filled(kyara: Callable[..., Ran], inbox: Path, tiny_plugin: Path, own_cache: Path) -> Path:
    kyara("embed", inbox, "--out", inbox.parent / "x.npz", "--plugin", tiny_plugin)
    return own_cache


def test_it_tells_where_it_is_and_how_full(filled: Path, kyara: Callable[..., Ran]) -> None:
    ran = kyara("cache", "info")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == str(filled)
    assert "7 pictures" in ran.out
    assert "of at most 1074 MB" in ran.out
    found = kyara("cache", "info", "--json").json()
    assert set(found) == {"file", "pictures", "bytes", "limit"}
    assert found["file"] == str(filled)
    assert found["pictures"] == 7
    assert 0 < found["bytes"] < found["limit"] == 1 << 30


def test_clearing_makes_it_empty(filled: Path, kyara: Callable[..., Ran]) -> None:
    ran = kyara("cache", "clear")
    assert (ran.code, ran.out) == (0, "The cache is empty.\n")
    assert kyara("cache", "info", "--json").json()["pictures"] == 0


def test_an_empty_cache_is_made_when_there_is_none(
    own_cache: Path, kyara: Callable[..., Ran]
) -> None:
    assert not own_cache.exists()
    assert kyara("cache", "info", "--json").json()["pictures"] == 0


def test_without_the_cache_nothing_is_kept(
    own_cache: Path, kyara: Callable[..., Ran], inbox: Path, tiny_plugin: Path
) -> None:
    ran = kyara("compare", inbox, "--no-cache", "--plugin", tiny_plugin)
    assert ran.code == 0
    assert not own_cache.exists()


@pytest.mark.parametrize("verb", ["info", "clear"])
def test_a_file_that_is_no_cache_is_left_as_it_is(
    own_cache: Path, kyara: Callable[..., Ran], verb: str
) -> None:
    own_cache.write_bytes(b"my diary" * 500)
    ran = kyara("cache", verb)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"kyara: {own_cache}: the cache cannot be used: ")
    assert len(ran.err.splitlines()) == 1
    assert own_cache.read_bytes() == b"my diary" * 500


@pytest.mark.parametrize("verb", ["info", "clear"])
def test_a_cache_that_lost_its_tables_is_one_line(
    own_cache: Path, kyara: Callable[..., Ran], verb: str
) -> None:
    EmbeddingCache(own_cache).close()
    with sqlite3.connect(own_cache) as database:
        database.execute("DROP TABLE embeddings")
    ran = kyara("cache", verb)
    assert ran.code == 1
    assert ran.err.startswith(f"kyara: {own_cache}: the cache cannot be used: ")
