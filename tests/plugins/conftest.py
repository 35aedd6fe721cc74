"""Plugins that tests write: a manifest from keys, and files beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

BASE: dict[str, dict[str, Any]] = {
    "plugin": {"name": "grey", "version": "1"},
    "model": {"entry": "model:load"},
    "input": {"size": 16},
    "embedding": {"dimension": 3},
}

ENTRY = """
class Model:
    def encode(self, crops):
        return crops.mean(axis=(1, 2)) - 100.5


def load(directory, device):
    return Model()
"""

MakePlugin = Callable[..., Path]


@pytest.fixture
def make_plugin(tmp_path: Path) -> MakePlugin:
    """`make_plugin("name", {"model.py": text}, input={"size": 32})`: the plugin's directory.

    Tables are merged into `BASE`; a value of None removes a key. Without files it has
    `model.py`, which gives a picture's mean colour.
    """

    def make(
        name: str = "grey", files: dict[str, str] | None = None, **tables: dict[str, Any]
    ) -> Path:
        directory = tmp_path / name
        directory.mkdir(parents=True, exist_ok=True)
        merged = {
            table: {
                key: value
                for key, value in {**BASE.get(table, {}), **tables.get(table, {})}.items()
                if value is not None
            }
            for table in {**BASE, **tables}
        }
        (directory / "plugin.toml").write_text(tomli_w.dumps(merged), encoding="utf-8")
        for path, text in ({"model.py": ENTRY} if files is None else files).items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
        return directory

    return make
