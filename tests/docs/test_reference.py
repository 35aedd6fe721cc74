"""The generated page is up to date, and every command is on it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from kyara.cli.main import COMMANDS
from kyara.export.rows import PictureRow

DOCS = Path(__file__).parents[2] / "docs"


def test_the_command_reference_is_up_to_date() -> None:
    script = [sys.executable, str(DOCS / "build_reference.py"), "--check"]
    ran = subprocess.run(script, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_command_is_documented() -> None:
    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"## kyara {name}\n" in page


def test_every_column_is_documented() -> None:
    page = (DOCS / "reference" / "output.md").read_text(encoding="utf-8")
    for field in fields(PictureRow):
        assert f"`{field.name}`" in page
