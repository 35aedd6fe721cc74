"""The generated page is up to date, and every command is on it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from kyara.cli.main import COMMANDS
from kyara.results.rows import DetectionRow, PictureRow

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "script_name", ["build_reference.py", "build_numbers.py", "build_architecture.py"]
)
def test_generated_parts_are_up_to_date(script_name: str) -> None:
    script = [sys.executable, str(DOCS / script_name), "--check"]
    ran = subprocess.run(script, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_command_is_documented() -> None:
    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"## kyara {name}\n" in page


def test_every_column_is_documented() -> None:
    page = (DOCS / "reference" / "output.md").read_text(encoding="utf-8")
    for field in (*fields(PictureRow), *fields(DetectionRow)):
        assert f"`{field.name}`" in page
