"""A library with the cast, made by the command line in a process of its own or in this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran


@pytest.fixture
def library(
    kyara: Callable[..., Ran], tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty library in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KYARA_LIBRARY", "cast.kyara")
    assert kyara("library", "create", "cast.kyara", "--plugin", tiny_plugin).code == 0
    return tmp_path / "cast.kyara"
