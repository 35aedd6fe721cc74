"""Streams that are closed, and what a pipe or a file gets whatever the locale."""

from __future__ import annotations

import csv
import io
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import draw
from tests.support import command, files, run_process


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_closed_stream_breaks_nothing(
    cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path, closed: tuple[int, ...]
) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    words = ["sort", inbox, "--refs", cast, "--out", tmp_path / "out", "--plugin", tiny_plugin]
    ran = run_process(command(*words, "--csv"), tmp_path, close)
    assert ran.code == 0
    assert "Traceback" not in ran.out + ran.err
    assert len(files(tmp_path / "out")) == 7
    for path in (tmp_path / "out").rglob("*.png"):  # nothing was printed into a file
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(sys.platform != "linux", reason="names in UTF-8")
def test_rows_are_utf_8_whatever_the_locale(cast: Path, tiny_plugin: Path, tmp_path: Path) -> None:
    picture = draw(tmp_path / "inbox" / "絵é.png", "ruby")
    words = ["identify", picture, "--refs", cast, "--plugin", tiny_plugin, "--csv"]
    ran = run_process(command(*words), tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert Path(row["path"]) == picture
