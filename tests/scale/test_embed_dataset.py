"""`kyara embed --out DATASET.lance`: torn, full disks, and two at once."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.scale.dataset import Digests
from tests.conftest import Ran, draw
from tests.scale.conftest import Embed, rows
from tests.support import TORN, command, run_process

pytestmark = pytest.mark.scale


@pytest.fixture
def embed(kyara: Callable[..., Ran], tiny_plugin: Path) -> Embed:
    pytest.importorskip("lance", reason="needs the extra `scale`")

    return lambda *arguments: kyara("embed", *arguments, "--plugin", tiny_plugin)


def broken(path: Path) -> None:
    path.write_bytes(TORN)


def test_a_row_for_each_figure(here: Path, embed: Embed) -> None:
    ran = embed("in", "--out", "x.lance", "--json")
    assert ran.code == 0, ran.err
    told = ran.json()
    assert told["encoder"].startswith("tiny@1:")
    assert (told["rows"], told["added"], told["failed"], told["known"]) == (4, 4, 0, 0)
    embed("in", "--out", "x.npz")
    with np.load("x.npz") as arrays:
        for row, path, vector in zip(
            rows(here / "x.lance"), arrays["paths"], arrays["embeddings"], strict=True
        ):
            assert row["uri"] == os.path.abspath(path)
            assert row["embedding"] == pytest.approx(vector.tolist(), abs=1e-6)
            assert (row["kind"], row["right"], row["error"]) == ("whole", 60, None)
            assert (row["encoder"], row["detector"]) == (told["encoder"], told["detector"])


def test_what_is_in_it_is_not_done_again(here: Path, embed: Embed) -> None:
    embed("in", "--out", "x.lance")
    again = embed("in", "--out", "x.lance", "--json").json()
    assert (again["rows"], again["added"], again["known"]) == (4, 0, 4)
    draw(here / "in" / "new.png", "jade")
    shutil.copy("in/0.png", "in/copy.png")  # the same content is the same picture
    told = embed("in", "--out", "x.lance", "--json").json()
    assert (told["rows"], told["added"], told["known"]) == (5, 1, 4)
    assert [Path(row["uri"]).name for row in rows(here / "x.lance")][-1] == "new.png"


def test_a_bad_picture_is_a_row_with_its_error_and_is_tried_again(here: Path, embed: Embed) -> None:
    broken(here / "in" / "bad.png")
    ran = embed("in", "gone.png", "--out", "x.lance")
    assert ran.code == 3
    assert "bad.png" in ran.err
    failed = {Path(row["uri"]).name: row["error"] for row in rows(here / "x.lance") if row["error"]}
    assert failed.keys() == {"bad.png", "gone.png"}
    draw(here / "in" / "bad.png", "jade")
    ran = embed("in", "--out", "x.lance")
    assert (ran.code, len(rows(here / "x.lance"))) == (0, 5)
    assert not any(row["error"] for row in rows(here / "x.lance"))


def test_shards(here: Path, embed: Embed) -> None:
    with tarfile.open("a.tar", "w") as tar:
        tar.add("in/0.png", "0.png")
        tar.add("in/1.png", "deep/1.png")
    with zipfile.ZipFile("b.zip", "w") as opened:
        opened.write("in/2.png", "2.png")
    (here / "c.tar").write_bytes(b"nothing that tar knows")
    ran = embed("a.tar", "b.zip", "c.tar", "--out", "x.lance")
    assert ran.code == 3
    found = {row["uri"].removeprefix(f"{here}/"): row["error"] for row in rows(here / "x.lance")}
    assert found.pop("c.tar") is not None
    assert found == {"a.tar/0.png": None, "a.tar/deep/1.png": None, "b.zip/2.png": None}


def test_urls(here: Path, embed: Embed) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.store.clear()
    with tarfile.open("a.tar", "w") as tar:
        tar.add("in/0.png", "0.png")
    memory.pipe({f"/x/{n}.png": (here / "in" / f"{n}.png").read_bytes() for n in (1, 2)})
    memory.pipe({"/a.tar": (here / "a.tar").read_bytes(), "/torn.png": TORN})
    urls = ("memory://x", "memory://a.tar", "memory://torn.png", f"file://{here}/in/3.png")
    ran = embed(*urls, "--out", "x.lance")
    assert (ran.code, "skipped memory://torn.png: not a picture" in ran.err) == (3, True)
    names = [f"{here}/in/3.png", "memory:///x/1.png", "memory:///x/2.png", "memory://a.tar/0.png"]
    assert [row["uri"] for row in rows(here / "x.lance")] == [*names, "memory://torn.png"]
    memory.store.clear()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("nonsense://x.png", "--out", "x.lance"), "such a URL cannot be opened"),
        (("memory://x.png", "--out", "x.npz"), "URLs are for a dataset"),
        (("in", "--out", "x.npz", "--engine", "ray"), "an engine writes a dataset"),
        (("in", "--out", "x.lance", "--address", "auto"), "is of a cluster of Ray"),
        (("in", "--out", "x.lance", "-0"), "-0 is about a list on stdin"),
        (("in", "--out", "x.lance", "--engine", "ray", "--device", "cuda:1"), "--device cuda"),
    ],
)
def test_usage(here: Path, embed: Embed, arguments: tuple[object, ...], what: str) -> None:
    ran = embed(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n"), what in ran.err) == (2, "", 1, True), ran.err
    assert not (here / "x.lance").exists()


def test_a_list_on_stdin(here: Path, tiny_plugin: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra `scale`")
    words = command("embed", "-", "--out", "x.lance", "--plugin", tiny_plugin, "--detect", "none")
    ran = run_process(words, here, stdin=f"in/0.png\r\nfile://{here}/in/1.png\n".encode())
    assert (ran.code, ran.err) == (0, "")
    assert [row["uri"] for row in rows(here / "x.lance")] == [f"{here}/in/{n}.png" for n in (0, 1)]


def test_a_dataset_of_another_model_is_left_alone(here: Path, embed: Embed) -> None:
    embed("in", "--out", "x.lance")
    before = rows(here / "x.lance")
    ran = embed("in", "--out", "x.lance", "--detect", "heads-1")
    assert ran.code == 2
    assert "made with the detector" in ran.err
    assert rows(here / "x.lance") == before


def test_what_is_no_dataset_is_left_alone(here: Path, embed: Embed) -> None:
    (here / "x.lance").mkdir()
    (here / "x.lance" / "mine").write_text("mine")
    ran = embed("in", "--out", "x.lance")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert [path.name for path in (here / "x.lance").iterdir()] == ["mine"]


def test_two_writers(here: Path, embed: Embed) -> None:
    from kyara.scale.dataset import EmbeddingDataset, Ids

    with EmbeddingDataset(here / "x.lance", Ids("a", "b", 48)).writing():
        ran = embed("in", "--out", "x.lance")
    assert (ran.code, ran.out) == (2, "")
    assert "another kyara writes" in ran.err
    assert embed("in", "--out", "x.lance").code == 0


def test_a_full_disk(here: Path, embed: Embed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that could not be written is none: what was there stays, the next run goes on."""
    import lance

    embed("in", "--out", "x.lance")
    draw(here / "in" / "new.png", "jade")

    def full(*_args: object, **_more: object) -> None:
        raise OSError("LanceError(IO): No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(lance, "write_dataset", full)
        ran = embed("in", "--out", "x.lance")
    assert ran.code == 1
    assert "No space left" in ran.err
    assert ran.err.count("\n") == 1
    assert len(rows(here / "x.lance")) == 4
    assert embed("in", "--out", "x.lance").code == 0
    assert len(rows(here / "x.lance")) == 5


def test_there_must_be_a_folder_for_it(here: Path, embed: Embed) -> None:
    ran = embed("in", "--out", "none/x.lance")
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err


@given(st.sets(st.binary(min_size=32, max_size=32)), st.binary(min_size=32, max_size=32))
def test_digests_are_a_set(digests: set[bytes], other: bytes) -> None:
    held = Digests(digests)
    assert len(held) == len(digests)
    assert all(digest in held for digest in digests)
    more = Digests().with_others(list(digests)[::2]).with_others(list(digests)[1::2])
    assert np.array_equal(more.sorted, held.sorted)
    assert (other in held) == (other in digests)
    assert "no digest" not in held


def test_nothing_of_ray_is_imported_to_embed_here(here: Path, tiny_plugin: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra `scale`")
    words = ["embed", "in", "--out", "x.lance", "--plugin", str(tiny_plugin), "--detect", "none"]
    code = f"""
import sys
from kyara.cli.main import cli
cli({words!r}, standalone_mode=False)
print(sorted({{name.partition('.')[0] for name in sys.modules}} & {{'ray', 'fsspec'}}))
"""
    ran = run_process([sys.executable, "-c", code], here)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "[]"), ran.err
