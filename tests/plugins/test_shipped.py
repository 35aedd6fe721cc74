"""What is shipped tells nothing of the computers that it was made on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kyara

ROOT = Path(kyara.__file__).parent / "plugins"
FILES = sorted(p for p in ROOT.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
PATHS = re.compile(rb"/(?:home|root|usr|opt|tmp|work|mnt|Users|private)/[\w.-]+|[A-Z]:\\\\?Users")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_shipped_file_holds_an_absolute_path(file: Path) -> None:
    assert PATHS.findall(file.read_bytes()) == []
