"""Workers of Ray that die, disks that are full, and Ctrl-C: the dataset stays good, and the next
run completes it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.scale.dataset import EmbeddingDataset, Ids
from tests.conftest import TINY_PY, Ran, draw
from tests.scale.conftest import START, Embed, rows
from tests.support import command

pytestmark = [pytest.mark.scale, pytest.mark.slow]

# How it behaves is not in its files, or it would be another plugin in the next run.
FAULTY = TINY_PY.replace(
    "class Tiny:",
    """
import os, pathlib, signal, time

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def behave(crops):
    flags = pathlib.Path(FOLDER)
    if (flags / "wrong").exists():
        raise RuntimeError("not today")
    if (flags / "deadly").exists() and (crops.mean(axis=(1, 2))[:, 2] > 150).any():
        die()
    if (flags / "slow").exists():
        (flags / f"begun-{time.time()}").touch()
        time.sleep(2)
    if (flags / "once").exists():
        (flags / "once").unlink()
        die()

class Tiny:""",
).replace("        n = len(crops)", "        behave(crops)\n        n = len(crops)")


@pytest.fixture
def words(here: Path, tiny_plugin: Path, ray_address: str) -> list[object]:
    """A command line, with a plugin that behaves as the names of files in `here` say."""
    (tiny_plugin / "tiny.py").write_text(FAULTY.replace("FOLDER", repr(os.fspath(here))))
    engine = ["--engine", "ray", "--address", ray_address, "--workers", 2]
    return ["embed", "in", "--out", "x.lance", "--plugin", tiny_plugin, "--detect", "none", *engine]


@pytest.fixture
def embed(kyara: Callable[..., Ran], words: list[object]) -> Embed:
    return lambda: kyara(*words)


def names(dataset: Path) -> dict[str, str | None]:
    """The pictures in it, and their errors."""
    found = rows(dataset)
    told = {Path(row["uri"]).name: row["error"] for row in found}
    assert len(told) == len(found)
    return told


def test_what_a_killed_worker_had_begun_is_done_again(here: Path, embed: Embed) -> None:
    (here / "once").touch()
    ran = embed()
    assert (ran.code, ran.err) == (0, "")
    assert not (here / "once").exists()
    assert names(here / "x.lance") == {f"{number}.png": None for number in range(4)}


def test_a_picture_that_kills_workers_is_a_row_with_its_error(here: Path, embed: Embed) -> None:
    draw(here / "in" / "deadly.png", "azure")
    (here / "deadly").touch()
    ran = embed()
    what = "2 workers died over it"
    assert (ran.code, ran.err) == (3, f"kyara: skipped {here}/in/deadly.png: {what}\n")
    (here / "deadly").unlink()
    wanted = {f"{number}.png": None for number in range(4)}
    assert names(here / "x.lance") == {**wanted, "deadly.png": what}
    assert embed().code == 0
    assert names(here / "x.lance") == {**wanted, "deadly.png": None}


def test_a_plugin_that_fails_is_one_line(here: Path, embed: Embed) -> None:
    (here / "wrong").touch()
    ran = embed()
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "kyara: the encoder tiny failed: RuntimeError: not today\n"


def test_a_full_disk(here: Path, embed: Embed, monkeypatch: pytest.MonkeyPatch) -> None:
    import lance

    def full(*_args: object, **_more: object) -> None:
        raise OSError("LanceError(IO): No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(lance, "write_dataset", full)
        ran = embed()
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "x.lance: cannot write: LanceError(IO): No space left" in ran.err
    assert embed().code == 0
    assert len(names(here / "x.lance")) == 4


def test_two_writers(here: Path, embed: Embed) -> None:
    with EmbeddingDataset(here / "x.lance", Ids("a", "b", 48)).writing():
        ran = embed()
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "another kyara writes" in ran.err


def test_ctrl_c_says_what_is_kept_and_the_next_run_goes_on(
    here: Path, words: list[object], embed: Embed
) -> None:
    for number in range(4, 40):
        draw(here / "in" / f"{number}.png", "jade", number)
    (here / "slow").touch()
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + START
    while len(list(here.glob("begun-*"))) < 9 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=START)[1]
    said = re.fullmatch(
        r"kyara: interrupted; (\d+) rows were added to x.lance, run it again to go on\n", err
    )
    assert process.returncode == 130
    assert said is not None, err
    assert 0 < int(said[1]) < 40
    assert len(names(here / "x.lance")) == int(said[1])
    (here / "slow").unlink()
    assert embed().code == 0
    assert len(names(here / "x.lance")) == 40


def test_no_cluster_at_that_address(
    here: Path, kyara: Callable[..., Ran], words: list[object]
) -> None:
    ran = kyara(*words, "--address", "127.0.0.1:1")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("kyara: 127.0.0.1:1: no Ray can be reached there: ")
