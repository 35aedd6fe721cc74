"""Ctrl-C leaves no half file and says what was done; the progress bar is for people only."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TINY_PY, Ran
from tests.support import command, files, run_process, tree

# Each waits at the point in question until the signal comes, having said that it is there;
# should none come, the test fails.
SLOW_COPY = """
import shutil, sys, time
from pathlib import Path

original, copies = shutil.copyfile, []

def copyfile(source, target, **options):
    copies.append(source)
    if len(copies) < 4:
        return original(source, target, **options)
    Path(target).write_bytes(Path(source).read_bytes()[:50])
    Path("waiting").touch()
    time.sleep(60)

shutil.copyfile = copyfile
from kyara.cli.main import main
main()
"""
SLOW_WRITE = """
import sys, time
from pathlib import Path
import numpy

def savez(stream, **arrays):
    stream.write(b"half of it")
    stream.flush()
    Path("waiting").touch()
    time.sleep(60)

numpy.savez = savez
from kyara.cli.main import main
main()
"""
SLOW_ENCODER = TINY_PY.replace(
    "        n = len(crops)",
    "        import pathlib, time\n"
    "        pathlib.Path('waiting').touch()\n"
    "        time.sleep(0.2)\n"
    "        n = len(crops)",
)


def interrupt(arguments: list[str], cwd: Path) -> Ran:
    """Run a command, send it Ctrl-C as soon as it waits, and see what it says."""
    process = subprocess.Popen(
        arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not (cwd / "waiting").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    (cwd / "waiting").unlink(missing_ok=True)
    return Ran(process.returncode, out, err)


@pytest.fixture
def sort(tiny_plugin: Path, cast: Path, inbox: Path) -> list[str]:
    fixed = ["sort", "inbox", "--refs", "cast", "--out", "out", "--plugin", tiny_plugin]
    return command(*fixed)


def test_while_files_are_copied(tmp_path: Path, sort: list[str]) -> None:
    before = tree(tmp_path / "inbox")
    ran = interrupt([sys.executable, "-c", SLOW_COPY, *sort[3:], "--json"], tmp_path)
    assert ran.code == 130
    assert "3 filed.\n" in ran.err
    assert "kyara: interrupted; run the same command again to go on\n" in ran.err
    assert [row["done"] for row in ran.rows()] == ["new"] * 3 + [None] * 4
    done = {row["target"] for row in ran.rows() if row["done"]}
    assert {f"out/{name}" for name in files(tmp_path / "out")} == done
    assert tree(tmp_path / "inbox") == before
    again = run_process([*sort, "--json"], tmp_path)
    assert again.code == 0
    assert sorted(row["done"] for row in again.rows()) == ["new"] * 4 + ["there"] * 3
    assert len(files(tmp_path / "out")) == 7


def test_while_pictures_are_identified(tmp_path: Path, sort: list[str], tiny_plugin: Path) -> None:
    (tiny_plugin / "tiny.py").write_text(SLOW_ENCODER, encoding="utf-8")
    ran = interrupt(sort, tmp_path)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.strip() == "kyara: interrupted; no file was touched yet"
    assert not (tmp_path / "out").exists()


def test_while_embeddings_are_computed(tmp_path: Path, inbox: Path, tiny_plugin: Path) -> None:
    (tiny_plugin / "tiny.py").write_text(SLOW_ENCODER, encoding="utf-8")
    arguments = command("embed", "inbox", "--out", "x.npz", "--plugin", tiny_plugin)
    ran = interrupt(arguments, tmp_path)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.strip() == "kyara: interrupted; nothing was written"
    assert {path.name for path in tmp_path.iterdir()} == {"inbox"}


def test_while_embeddings_are_written(tmp_path: Path, inbox: Path, tiny_plugin: Path) -> None:
    arguments = ["embed", "inbox", "--out", "x.npz", "--plugin", str(tiny_plugin)]
    ran = interrupt([sys.executable, "-c", SLOW_WRITE, *arguments], tmp_path)
    assert (ran.code, ran.out) == (130, "")
    assert "kyara: interrupted" in ran.err
    assert "Traceback" not in ran.err
    assert {path.name for path in tmp_path.iterdir()} == {"inbox"}


def test_while_pictures_are_compared(tmp_path: Path, inbox: Path, tiny_plugin: Path) -> None:
    (tiny_plugin / "tiny.py").write_text(SLOW_ENCODER, encoding="utf-8")
    ran = interrupt(command("compare", "inbox", "--plugin", tiny_plugin), tmp_path)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.strip() == "kyara: interrupted"


def on_a_terminal(arguments: list[str], cwd: Path) -> str:
    """What a command writes to stderr when that is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        arguments,
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    written = b""
    try:
        while data := os.read(ours, 4096):
            written += data
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=30) == 0
    return written.decode()


@pytest.mark.parametrize("words", ["sort", "embed"])
def test_progress_is_shown_on_a_terminal_only(
    tmp_path: Path, sort: list[str], tiny_plugin: Path, words: str
) -> None:
    embed = command("embed", "inbox", "--out", "x.npz", "--overwrite", "--plugin", tiny_plugin)
    arguments = sort if words == "sort" else embed
    labels = ["references", "pictures", "files"] if words == "sort" else ["pictures"]
    shown = on_a_terminal(arguments, tmp_path)
    for label in labels:
        assert label in shown
    assert "7/7" in shown
    piped = run_process(arguments, tmp_path)
    assert (piped.code, piped.err) == (0, "")


def test_the_rate_is_told_while_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kyara.cli.console import progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with progress("pictures", 40) as tick:
        for _ in range(30):
            tick()
            time.sleep(0.01)
    assert "/s" in capsys.readouterr().err


def test_the_results_of_two_sorts_at_once_are_whole(
    tmp_path: Path, sort: list[str], kyara: Callable[..., Ran]
) -> None:
    """Two processes with the same work: one waits for the other, and finds it done."""
    both = [
        subprocess.Popen(sort, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert err in (b"", b"kyara: waiting until another kyara has done its work in out\n")
    assert len(files(tmp_path / "out")) == 7
    for name in files(tmp_path / "out"):
        (source,) = (tmp_path / "inbox").rglob(Path(name).name)
        assert (tmp_path / "out" / name).read_bytes() == source.read_bytes()


def test_arrays_of_an_interrupted_and_repeated_run_are_complete(
    tmp_path: Path, inbox: Path, tiny_plugin: Path
) -> None:
    arguments = ["embed", "inbox", "--out", "x.npz", "--plugin", str(tiny_plugin)]
    interrupt([sys.executable, "-c", SLOW_WRITE, *arguments], tmp_path)
    assert run_process(command(*arguments), tmp_path).code == 0
    assert len(np.load(tmp_path / "x.npz")["paths"]) == 7
