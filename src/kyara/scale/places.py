"""What is a Lance dataset, and how it is written where a library could stand."""

from __future__ import annotations

from pathlib import Path

from kyara.files import is_folder

__all__ = ["SCHEME", "SUFFIX", "is_dataset", "without_scheme"]

SCHEME = "lance://"
SUFFIX = ".lance"


def is_dataset(path: Path) -> bool:
    """Whether the path is meant as a Lance dataset: by its name, or because one is there."""
    return path.suffix == SUFFIX or is_folder(path / "_versions")


def without_scheme(path: str) -> str:
    """The path in `lance://PATH`; any other as it is."""
    return path.removeprefix(SCHEME)
