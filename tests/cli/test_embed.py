"""`kyara embed`: arrays for tools of one's own."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Ran, draw
from tests.support import AWKWARD_NAMES, TORN, awkward, command, files, run_process, tree

Embed = Callable[..., Ran]


@pytest.fixture
def embed(kyara: Callable[..., Ran], tiny_plugin: Path) -> Embed:
    return lambda *arguments: kyara("embed", *arguments, "--plugin", tiny_plugin)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "pictures" / "a.png", "ruby", 1, (80, 60))
    draw(tmp_path / "pictures" / "b" / "c.jpg", "jade", 2, (60, 40))
    return tmp_path


def test_the_arrays_are_as_the_help_says(here: Path, embed: Embed) -> None:
    ran = embed("pictures", "--out", "x.npz")
    assert (ran.code, ran.err) == (0, "")
    assert "2 embeddings of 48 numbers in x.npz" in ran.out
    with np.load(here / "x.npz") as found:
        assert set(found) == {
            *("paths", "boxes", "kinds", "scores", "embeddings", "encoder", "detector")
        }
        assert found["kinds"].tolist() == ["whole", "whole"]
        assert found["scores"].tolist() == [1, 1]
        assert found["detector"].item() == "whole"
        assert found["paths"].tolist() == ["pictures/a.png", "pictures/b/c.jpg"]
        assert found["boxes"].tolist() == [[0, 0, 80, 60], [0, 0, 60, 40]]
        assert found["embeddings"].dtype == np.float32
        assert found["embeddings"].shape == (2, 48)
        assert np.linalg.norm(found["embeddings"], axis=1) == pytest.approx(1, abs=1e-5)
        assert str(found["encoder"]).startswith("tiny@1:")


def test_paths_stand_as_they_were_given(here: Path, embed: Embed) -> None:
    embed(here / "pictures" / "b", "pictures/a.png", "--out", "x.npz")
    with np.load(here / "x.npz") as found:
        assert found["paths"].tolist() == [f"{here}/pictures/b/c.jpg", "pictures/a.png"]


def test_json_says_what_was_written(here: Path, embed: Embed) -> None:
    found = embed("pictures", "--out", "x.npz", "--json").json()
    assert found.pop("encoder").startswith("tiny@1:")
    assert found == {"file": "x.npz", "rows": 2, "dimension": 48}


def test_with_and_without_the_cache_the_embeddings_are_the_same(here: Path, embed: Embed) -> None:
    runs = [("first", []), ("second", []), ("without", ["--no-cache"])]
    for name, options in runs:
        embed("pictures", "--out", f"{name}.npz", *options)
    loaded = [np.load(here / f"{name}.npz")["embeddings"] for name, _ in runs]
    np.testing.assert_array_equal(loaded[0], loaded[1])
    np.testing.assert_allclose(loaded[0], loaded[2], atol=1e-6)


def test_bad_pictures_are_left_out_and_named(here: Path, embed: Embed) -> None:
    (here / "pictures" / "aa.png").write_bytes(TORN)
    ran = embed("pictures", "gone.png", "--out", "x.npz")
    assert ran.code == 3
    with np.load(here / "x.npz") as found:
        assert found["paths"].tolist() == ["pictures/a.png", "pictures/b/c.jpg"]
    lines = ran.err.splitlines()
    assert lines[0].startswith("kyara: skipped pictures/aa.png: ")
    assert lines[1] == "kyara: skipped gone.png: there is no such file"
    assert lines[2] == "kyara: 2 of 4 were skipped"


def test_nothing_usable_nothing_written(here: Path, embed: Embed) -> None:
    (here / "torn.png").write_bytes(TORN)
    (here / "empty").mkdir()
    for given in ("torn.png", "empty", "gone"):
        ran = embed(given, "--out", "x.npz")
        assert ran.code == 2
        assert "no usable picture" in ran.err
    assert not (here / "x.npz").exists()


def test_a_file_that_is_there_is_only_replaced_when_asked(here: Path, embed: Embed) -> None:
    (here / "x.npz").write_bytes(b"mine")
    ran = embed("pictures", "--out", "x.npz")
    assert ran.code == 2
    assert "this file exists" in ran.err
    assert (here / "x.npz").read_bytes() == b"mine"
    assert embed("pictures", "--out", "x.npz", "--overwrite").code == 0
    assert len(np.load(here / "x.npz")["paths"]) == 2


@pytest.mark.parametrize(
    ("out", "options", "code", "message"),
    [
        ("gone/x.npz", [], 2, "there is no such folder"),
        ("pictures/a.png/x.npz", [], 2, "there is no such folder"),
        ("pictures", [], 2, "this file exists"),
        ("pictures", ["--overwrite"], 1, "cannot write it"),
        ("n" * 300, [], 1, "cannot write it"),
    ],
)
def test_places_that_cannot_be_written(
    here: Path, embed: Embed, out: str, options: list[str], code: int, message: str
) -> None:
    before = files(here)
    ran = embed("pictures", "--out", out, *options)
    assert ran.code == code
    assert message in ran.err
    assert ran.err.startswith(f"kyara: {out.removesuffix('/x.npz')}")
    assert len(ran.err.splitlines()) == 1
    assert files(here) == before


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names_come_back_from_the_file(here: Path, embed: Embed, name: bytes) -> None:
    path = draw(awkward(here / "pictures", name), "azure")
    ran = embed("pictures", "--out", "x.npz")
    assert ran.code == 0
    with np.load(here / "x.npz") as found:
        names = {os.fsencode(str(given)) for given in found["paths"]}
    assert b"pictures/" + name in names
    out = awkward(here, name + b".npz")
    assert embed(path, "--out", out).code == 0
    assert out.exists()


def test_a_full_disk_leaves_nothing_half_written(here: Path, tiny_plugin: Path) -> None:
    for n in range(60):
        draw(here / "pictures" / f"{n}.png", "ruby", n)
    arguments = command(
        *("embed", "pictures", "--out", "x.npz", "--no-cache", "--plugin", tiny_plugin)
    )
    ran = run_process(
        arguments, here, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    )
    assert ran.code == 1
    assert ran.err == "kyara: x.npz: cannot write it: File too large\n"
    assert [path.name for path in here.iterdir()] == ["pictures"]


def test_no_permission_to_write(
    here: Path, tiny_plugin: Path, obey_permissions: Callable[[], None]
) -> None:
    (here / "closed").mkdir()
    (here / "closed").chmod(0o500)
    before = tree(here)
    arguments = command("embed", "pictures", "--out", "closed/x.npz", "--plugin", tiny_plugin)
    ran = run_process(arguments, here, obey_permissions)
    assert ran.code == 1
    assert ran.err == "kyara: closed/x.npz: cannot write it: Permission denied\n"
    assert tree(here) == before
