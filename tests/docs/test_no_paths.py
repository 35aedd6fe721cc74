"""What is shipped, and what is measured, tells nothing of the computers that it was made on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
SHIPPED = [
    path
    for folder in ("src", "app", "configs", "benchmarks", "docs", "examples")
    for path in sorted((HERE / folder).rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
]
HOMES = re.compile(rb"/(?:root|home|work|Users)/[\w.-]+/|[A-Z]:\\Users\\[\w.-]+|site-packages")


def test_no_file_holds_a_path_of_the_computer_that_made_it() -> None:
    assert len(SHIPPED) > 200
    found = {path: HOMES.findall(path.read_bytes()) for path in SHIPPED}
    told = {str(path.relative_to(HERE)): hits for path, hits in found.items() if hits}
    assert told == {}


@pytest.mark.parametrize("text", [b"/home/ann/models/x", b"C:\\Users\\ann", b"/work/main/src"])
def test_it_would_be_seen(text: bytes) -> None:
    assert HOMES.search(text)
