"""Many pictures to embeddings: in order, whatever the number of workers, errors in their place."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import CHUNK, EmbeddedPicture, embed_pictures
from kyara.errors import PluginError
from kyara.manifest import load_manifest
from kyara.pictures.digest import digest_of_file
from kyara.plugins.discover import open_encoder
from kyara.runtime.workers import worker_count
from kyara.types import FloatArray, PixelArray
from tests.conftest import COLOURS, draw

LONG_AGO = 1_600_000_000


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """More than one chunk of pictures, every seventh of them bad."""
    names = list(COLOURS)
    paths = []
    for n in range(2 * CHUNK + 5):
        path = draw(tmp_path / f"{n:03}.png", names[n % 4], n, (40 + n, 60))
        if n % 7 == 3:
            path.write_bytes(b"torn")
        os.utime(path, (LONG_AGO, LONG_AGO))
        paths.append(path)
    return paths


def rows(found: list[EmbeddedPicture]) -> FloatArray:
    return np.concatenate([picture.embeddings for picture in found])


class Backend:
    """Mean colours; notes its calls."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.before = before
        self.batches: list[int] = []

    def encode(self, crops: PixelArray) -> FloatArray:
        self.before()
        self.batches.append(len(crops))
        means = crops.reshape(len(crops), 4, 4, 4, 4, 3).mean(axis=(2, 4))
        return np.asarray(means.reshape(len(crops), 48) - 127, dtype=np.float32)


def with_backend(tiny_plugin: Path, backend: Backend) -> Encoder:
    return Encoder("fake", load_manifest(tiny_plugin), lambda: backend, concurrent=True)


@pytest.mark.parametrize("workers", [1, 2, 4, 100])
def test_pictures_come_in_order_with_errors_in_their_place(
    pictures: list[Path], encoder: Encoder, workers: int
) -> None:
    found = list(embed_pictures(pictures, encoder, workers=workers))
    assert [picture.path for picture in found] == pictures
    for n, picture in enumerate(found):
        if n % 7 == 3:
            assert picture.error is not None
            assert picture.error.where == os.fspath(picture.path)
            assert picture.embeddings.shape == (0, 48)
            assert picture.detections == ()
        else:
            assert picture.error is None
            assert picture.digest == digest_of_file(picture.path)
            assert picture.detections[0].box.as_tuple() == (0, 0, 40 + n, 60)
            assert picture.embeddings.shape == (1, 48)
    assert np.linalg.norm(rows(found), axis=1) == pytest.approx(1, abs=1e-5)


def test_embeddings_do_not_depend_on_the_number_of_workers(
    pictures: list[Path], encoder: Encoder
) -> None:
    one, four = (rows(list(embed_pictures(pictures, encoder, workers=n))) for n in (1, 4))
    np.testing.assert_allclose(one, four, atol=1e-6)


def test_the_second_run_gives_the_same_and_computes_nothing(
    pictures: list[Path], tiny_plugin: Path, own_cache: Path
) -> None:
    cache = EmbeddingCache(own_cache)
    first = list(embed_pictures(pictures, with_backend(tiny_plugin, Backend()), cache=cache))
    idle = Backend()
    second = list(embed_pictures(pictures, with_backend(tiny_plugin, idle), cache=cache))
    assert idle.batches == []
    np.testing.assert_array_equal(rows(first), rows(second))
    for before, after in zip(first, second, strict=True):
        assert before.path == after.path
        assert before.detections == after.detections
        assert before.digest == after.digest
        assert (before.error is None) == (after.error is None)
    assert cache.failure is None


def test_known_pictures_are_not_even_read(
    pictures: list[Path], encoder: Encoder, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [path for n, path in enumerate(pictures) if n % 7 != 3]
    cache = EmbeddingCache(own_cache)
    list(embed_pictures(good, encoder, cache=cache))
    monkeypatch.setattr("kyara.pictures.read.read_bytes", lambda path: pytest.fail(f"read {path}"))
    assert len(rows(list(embed_pictures(good, encoder, cache=cache)))) == len(good)


def test_skipped_pictures_come_with_their_digest_alone(
    tmp_path: Path, tiny_plugin: Path, own_cache: Path
) -> None:
    path, other = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    digest = digest_of_file(path)
    for cache in (None, EmbeddingCache(own_cache), EmbeddingCache(own_cache)):
        backend = Backend()
        encoder = with_backend(tiny_plugin, backend)
        skipped, embedded = embed_pictures([path, other], encoder, cache=cache, skip={digest})
        assert (skipped.digest, skipped.detections, skipped.error) == (digest, (), None)
        assert len(embedded.detections) == 1
        assert embedded.size in ((60, 60), None)
        assert sum(backend.batches) <= 1


def test_a_renamed_picture_is_known_by_its_content(
    tmp_path: Path, tiny_plugin: Path, own_cache: Path
) -> None:
    cache = EmbeddingCache(own_cache)
    path = draw(tmp_path / "a.png", "ruby")
    (before,) = embed_pictures([path], with_backend(tiny_plugin, Backend()), cache=cache)
    renamed = path.rename(tmp_path / "b.png")
    idle = Backend()
    (after,) = embed_pictures([renamed], with_backend(tiny_plugin, idle), cache=cache)
    assert idle.batches == []
    np.testing.assert_array_equal(before.embeddings, after.embeddings)


def test_a_changed_picture_is_embedded_anew(
    tmp_path: Path, encoder: Encoder, own_cache: Path
) -> None:
    cache = EmbeddingCache(own_cache)
    path = tmp_path / "a.ppm"  # without compression: the same size whatever it shows
    results = []
    for n, name in enumerate(("ruby", "jade")):
        draw(path, name)
        os.utime(path, (LONG_AGO + n, LONG_AGO + n))
        results += list(embed_pictures([path], encoder, cache=cache))
    assert results[0].embeddings @ results[1].embeddings.T < 0.9


def test_a_picture_that_is_replaced_while_it_is_read_is_noticed(
    tmp_path: Path, encoder: Encoder, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kyara.pictures import read

    cache = EmbeddingCache(own_cache)
    path, other = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    for file in (path, other):
        os.utime(file, (LONG_AGO, LONG_AGO))
    (jade,) = embed_pictures([other], encoder)
    original = read.read_bytes

    def replaced_meanwhile(where: Path) -> bytes:
        data = original(where)
        if other.exists():
            other.replace(path)
        return data

    monkeypatch.setattr(read, "read_bytes", replaced_meanwhile)
    list(embed_pictures([path], encoder, cache=cache))
    (again,) = embed_pictures([path], encoder, cache=cache)
    np.testing.assert_allclose(again.embeddings, jade.embeddings, atol=1e-6)


def test_the_same_picture_twice_in_one_call(tmp_path: Path, encoder: Encoder) -> None:
    path, other = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    found = list(embed_pictures([path, other, path], encoder, workers=1))
    assert [picture.path for picture in found] == [path, other, path]
    np.testing.assert_array_equal(found[0].embeddings, found[2].embeddings)
    assert not np.allclose(found[0].embeddings, found[1].embeddings, atol=0.1)


def test_a_generator_closed_early_leaves_no_work_behind(tmp_path: Path, tiny_plugin: Path) -> None:
    paths = [draw(tmp_path / f"{n}.png", "ruby", n) for n in range(40)]
    backend = Backend()
    found = embed_pictures(paths * 40, with_backend(tiny_plugin, backend), workers=2)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("kyara-embed")]
    assert sum(backend.batches) < 40 * 40 / 2


def test_only_a_few_chunks_are_ahead_of_the_reader(tmp_path: Path, tiny_plugin: Path) -> None:
    path = draw(tmp_path / "a.png", "ruby")
    backend = Backend()
    found = embed_pictures([path] * CHUNK * 50, with_backend(tiny_plugin, backend), workers=2)
    for _ in range(CHUNK * 3):
        next(found)
    assert sum(backend.batches) <= CHUNK * 8
    list(found)
    assert sum(backend.batches) == CHUNK * 50


def test_an_encoder_that_fails_stops_everything(tmp_path: Path, tiny_plugin: Path) -> None:
    def fail() -> None:
        raise RuntimeError("out of order")

    paths = [draw(tmp_path / f"{n}.png", "ruby", n) for n in range(4)]
    with pytest.raises(PluginError, match=r"tiny failed.*out of order"):
        list(embed_pictures(paths, with_backend(tiny_plugin, Backend(fail))))


def test_no_pictures_no_network(tiny_plugin: Path, tmp_path: Path) -> None:
    encoder = Encoder(
        "fake", load_manifest(tiny_plugin), lambda: pytest.fail("loaded"), concurrent=True
    )
    assert list(embed_pictures([], encoder)) == []
    (gone,) = embed_pictures([tmp_path / "gone.png"], encoder)
    assert gone.error is not None
    assert gone.error.what == "there is no such file"


def test_workers_are_the_processors_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    assert worker_count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert worker_count() == 1
