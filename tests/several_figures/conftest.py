"""A detector that finds two figures, and pictures with two."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyara import detect
from tests.conftest import draw
from tests.detectors import Halves, pair


@pytest.fixture(autouse=True)
def two_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "DEFAULT", Halves())


@pytest.fixture
def folder(tmp_path: Path, cast: Path, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a cast and an inbox of four pictures, three of them with two
    figures."""
    monkeypatch.chdir(tmp_path)
    pair(tmp_path / "inbox" / "both.png", "ruby", "jade")
    pair(tmp_path / "inbox" / "guest.png", "azure", "stranger")
    pair(tmp_path / "inbox" / "twins.png", "jade", "jade")
    draw(tmp_path / "inbox" / "who.png", "stranger", 13)
    return tmp_path
