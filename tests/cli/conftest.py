"""A library that several tests of commands begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.libraries import MADE, Kyara


@pytest.fixture
def library(
    kyara: Kyara, tiny_plugin: Path, cast: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A library with the cast."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KYARA_LIBRARY", "cast.kyara")
    assert kyara("library", "create", "cast.kyara", "--plugin", tiny_plugin).code == 0
    added = kyara("library", "add", "cast.kyara", "cast", "--cast", "--json")
    assert added.json() == MADE | {"new": 9, "named": 9, "skipped": []}
    return tmp_path / "cast.kyara"
