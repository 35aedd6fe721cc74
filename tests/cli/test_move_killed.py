"""`kyara sort --move` with sidecars and a report, killed at any instant, can be finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.killing import kills
from tests.support import files

Kyara = Callable[..., Ran]
KNOWN = {"r1.png", "r2.jpg", "j1.png", "j2.jpg", "a1.png", "a2.jpg"}


@pytest.mark.slow
def test_what_was_begun_is_finished_by_the_same_command(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "out", tmp_path / "report.html"
    kept = shutil.copytree(inbox, tmp_path / "kept")
    pictures = {path.name: path.read_bytes() for path in inbox.rglob("*.*g")}
    words = ["sort", inbox, "--refs", cast, "--out", out, "--plugin", tiny_plugin, "--move"]
    words += ["--sidecar", "txt", "--report", report]

    def prepare() -> None:
        for folder in (inbox, out):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, inbox)
        report.unlink(missing_ok=True)

    for _ in kills(words, tmp_path, "kyara.organise.apply:apply_plan", prepare):
        assert kyara(*words).code == 0
        assert {path.name: path.read_bytes() for path in out.rglob("*.*g")} == pictures
        assert files(inbox) == set()
        assert {path.name for path in out.rglob("*.txt")} == {f"{name}.txt" for name in KNOWN}
        assert all(f"{name}" in report.read_text() for name in pictures)
        assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]
        assert not list(out.rglob("*.part"))
        assert "Nothing to do" in kyara(*words).out
        while kyara("undo", out).out != "Nothing to undo.\n":
            pass
        assert {path.name: path.read_bytes() for path in inbox.rglob("*.*g")} == pictures
        assert files(out) == set()
