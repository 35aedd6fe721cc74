"""Tables of how good suggestions are, for `build_numbers.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

EVALUATION = Path(__file__).parent / "evaluation"
SUGGESTIONS = EVALUATION / "suggestions.json"
"""By `kyara evaluate dev.csv --plugin kyara-2 --plugin res18_single --protocol suggestions`."""
COPIES = EVALUATION / "copies.json"
"""By `python benchmarks/copies.py dev.csv`."""
KINDS = {
    "merge": "two groups are one",
    "named": "a group is a character",
    "misplaced": "a reference is out of place",
}
FIGURES = ("asked", "precision", "expected", "recall")

Row = Iterable[str]


def kinds() -> list[Row]:
    """Questions of each kind, mean over the sources."""
    report = json.loads(SUGGESTIONS.read_text(encoding="utf-8"))
    rows: list[Row] = [["", "model", "questions", "yes is right", "promised", "of all found"]]
    for kind, title in KINDS.items():
        for encoder in report["encoders"]:
            mean = encoder["mean"]["suggestions"]
            asked, *shares = (mean[f"{kind}_{name}"]["value"] for name in FIGURES)
            cells = [f"{asked:.1f}", *(f"{share:.2f}" for share in shares)]
            rows.append([title, f"`{encoder['label']}`", *cells])
    return rows


def by_source() -> list[Row]:
    """What the default model finds, by source: right of those asked, and found of all."""
    report = json.loads(SUGGESTIONS.read_text(encoding="utf-8"))
    rows: list[Row] = [["", *KINDS.values()]]
    for source, figures in report["encoders"][0]["sources"].items():
        own = figures["suggestions"]
        rows.append([f"`{source}`", *(_pair(own, kind) for kind in KINDS)])
    return rows


def _pair(figures: dict[str, Any], kind: str) -> str:
    return " / ".join(
        _share(figures[f"{kind}_{name}"]["value"]) for name in ("precision", "recall")
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def copies() -> list[Row]:
    """Made copies that are found."""
    report = json.loads(COPIES.read_text(encoding="utf-8"))
    rows: list[Row] = [["copy", "found"]]
    return [*rows, *([name, f"{share:.2f}"] for name, share in report["found"].items())]


def copied_references() -> list[Row]:
    """Identification where a reference of each character is there ten times."""
    report = json.loads(COPIES.read_text(encoding="utf-8"))
    rows: list[Row] = [["five references of each character", "right names", "strangers named"]]
    found = report["copied_references"].items()
    return [*rows, *([name, *(f"{share:.2f}" for share in own.values())] for name, own in found)]


def taken_for_copies() -> str:
    """What stands below that table."""
    report = json.loads(COPIES.read_text(encoding="utf-8"))
    pairs = report["of_different_scenes"]
    return (
        f"Of the {report['pictures']} pictures, {pairs['pictures in them']} are taken for copies "
        "of others that are not from their scene: "
        f"{pairs['of one character']} pairs of one character, {pairs['of two characters']} of two."
    )
