"""`kyara embed --engine ray` on a Ray of this machine: the same rows as without it."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran, draw
from tests.scale.conftest import Embed, need_ray, rows
from tests.support import TORN, command, run_process

pytestmark = [pytest.mark.scale, pytest.mark.slow]


@pytest.fixture
def embed(kyara: Callable[..., Ran], tiny_plugin: Path, ray_address: str) -> Embed:
    engine = ["--engine", "ray", "--address", ray_address, "--workers", 2]
    return lambda *arguments: kyara("embed", *arguments, "--plugin", tiny_plugin, *engine)


def test_the_rows_are_those_of_this_process(
    here: Path, embed: Embed, kyara: Callable[..., Ran], tiny_plugin: Path
) -> None:
    """Of folders, archives, URLs, what is no picture; and the next run has nothing to do."""
    (here / "in" / "bad.png").write_bytes(TORN)
    with tarfile.open("a.tar", "w") as tar:
        for number in range(2):
            tar.add(draw(here / f"{number}.png", "jade", number), f"deep/{number}.png")
    with zipfile.ZipFile("b.zip", "w") as opened:
        opened.write(draw(here / "2.png", "azure"), "2.png")
    (here / "c.tar").write_bytes(b"nothing that tar knows")
    shutil.copy("a.tar", "d.tar")
    draw(here / "far.png", "stranger")
    urls = [f"simplecache::file://{here}/{name}" for name in ("far.png", "d.tar")]
    named = ("in", "gone.png", "a.tar", "b.zip", "c.tar", *urls)
    ran = embed(*named, "--out", "x.lance", "--json")
    assert ran.code == 3, ran.err
    assert (ran.json()["rows"], ran.json()["added"], ran.json()["failed"]) == (11, 11, 3)
    told = sorted(line.split(":")[1] for line in ran.err.splitlines())
    assert told == [f" skipped {here / name}" for name in ("c.tar", "gone.png", "in/bad.png")]
    kyara("embed", *named, "--out", "y.lance", "--plugin", tiny_plugin)
    for found, wanted in zip(rows(here / "x.lance"), rows(here / "y.lance"), strict=True):
        vector, expected = found.pop("embedding"), wanted.pop("embedding")
        assert vector == (expected and pytest.approx(expected, abs=1e-6))
        assert found == wanted
    shutil.copy(here / "in" / "0.png", here / "in" / "copy.png")
    again = embed("in", "--out", "x.lance", "--json").json()
    assert (again["rows"], again["added"], again["failed"], again["known"]) == (9, 1, 1, 8)


def test_it_starts_a_ray_of_its_own(here: Path, tiny_plugin: Path) -> None:
    need_ray()
    words = command("embed", "in/0.png", "--out", "x.lance", "--plugin", tiny_plugin)
    words += ["--detect", "none", "--engine", "ray", "--workers", "2"]
    short = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))  # sockets are named below it
    environment = {"HOME": os.fspath(here), "RAY_ADDRESS": "127.0.0.1:1", "RAY_AUTH_MODE": "token"}
    environment["TMPDIR"] = os.fspath(short)
    ran = run_process(words, here, **environment)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "1 rows added to x.lance, which has 1\n"
    short.rmdir()  # neither logs are left
    assert not (here / ".ray").exists()  # nor a token
