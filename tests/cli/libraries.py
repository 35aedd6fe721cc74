"""Asking the commands what is in the library `cast.kyara`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Ran

Kyara = Callable[..., Ran]
COUNTED = {
    "unchanged": 0,
    "changed": 0,
    "moved": 0,
    "copied": 0,
    "gone": 0,
    "embedded": 0,
    "kept": 0,
}
MADE = COUNTED | {"chosen": []}


def updated(kyara: Kyara, *options: object, code: int = 0) -> dict[str, Any]:
    """What `kyara library update` found; zeros are left out."""
    ran = kyara("library", "update", "cast.kyara", "--json", *options)
    assert ran.code == code, ran.err
    return {name: count for name, count in ran.json().items() if count}


def by_character(kyara: Kyara) -> dict[str, int]:
    counts: dict[str, int] = kyara("library", "info", "cast.kyara", "--json").json()["by_character"]
    return counts


def sorted_as(kyara: Kyara, *options: object) -> dict[str, Any]:
    ran = kyara("sort", "inbox", "--library", "cast.kyara", "--out", "out", "--json", *options)
    assert ran.code == 0, ran.err
    return {Path(row["path"]).name: row["character"] for row in ran.rows()}
