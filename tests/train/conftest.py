"""A tiny labelled set and a tiny config: a run takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import COLOURS, draw

TINY_CONFIG = """
seed = 7
steps = 6
checkpoint_every = 2
sizes = [{ begin = 0.0, size = 32 }, { begin = 0.5, size = 48 }]
losses = [
    { name = "CosFaceLoss", weight = 1.0, options = { margin = 0.1, scale = 16 } },
    { name = "SupConLoss", weight = 0.5 },
]

[model]
dimension = 20

[data]
groups = 2
characters_per_group = 2
pictures_per_character = 2
workers = 0

[optimiser]
warmup_steps = 2
"""


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Four characters with five pictures each, a folder per character."""
    for name in COLOURS:
        for pose in range(5):
            draw(tmp_path / "data" / name / f"{pose}.png", name, pose)
    return tmp_path / "data"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_CONFIG, encoding="utf-8")
    return path
