"""Tables of how well heads are found, and what that is worth; for `build_numbers.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

EVALUATION = Path(__file__).parent / "evaluation"
BOXES = EVALUATION / "heads.json"
"""By `kyara evaluate boxes/dev.csv --detector heads-1`."""
WHOLE = EVALUATION / "whole.json"
"""By `kyara evaluate dev.csv --detector heads-1`."""
INBOX = "200p_50s_5r_20c_adapted"
VIEWS = {"whole": "whole", "figure": "head", "figure and whole": "head and whole"}

Row = Iterable[str]


def found() -> list[Row]:
    """How well the shipped detector finds heads, by source."""
    (report,) = json.loads(BOXES.read_text(encoding="utf-8"))
    rows: list[Row] = [
        ["pictures", "heads", "AP50", "recall at .1", "at 1 false box", "found", "false boxes"]
    ]
    rows += [_source(name, figures) for name, figures in report["sources"].items()]
    return [*rows, _source("all", report["all"])]


def _source(name: str, figures: dict[str, Any]) -> Row:
    recall = figures["recall"] or (None, None)
    return [
        name if name == "all" else f"`{name}`",
        str(figures["heads"]),
        _told(figures["ap"]),
        _told(recall[0]),
        _told(recall[1]),
        _number(figures["recall_at_threshold"]),
        _number(figures["false_at_threshold"]["value"]),
    ]


def how_it_is_found() -> str:
    """What stands below that table."""
    (report,) = json.loads(BOXES.read_text(encoding="utf-8"))
    return (
        "AP50: area under precision over recall, where a box has to overlap its head by one half. "
        "Recall where there are .1 and 1 false boxes a picture. Found, and false boxes a picture, "
        f"at the shipped threshold ({report['threshold']:g}). In brackets 95 % intervals over "
        f"pictures. {report['pictures_per_second']:.0f} pictures a second of one core's time."
    )


def worth(only: str = "") -> list[Row]:
    """Who is who in whole pictures, without the detector and with it, by source.

    Args:
        only: this source.
    """
    report = json.loads(WHOLE.read_text(encoding="utf-8"))
    encoders = {encoder["label"]: encoder for encoder in report["pictures"]["encoders"]}
    head = ["pictures", "seen as", "EER", "rank-1", "top-1, 3 references"]
    rows: list[Row] = [[*head, "right", "wrong", "strangers"]]
    for source in [only] if only else report["pictures"]["data"]["sources"]:
        for label, encoder in encoders.items():
            figures = encoder["sources"][source]
            inbox = figures["inboxes"]
            values = (
                figures["verification"]["eer"],
                figures["retrieval"]["rank1"],
                figures["enrolment"]["top1_3_plda"],
                *(inbox[f"{key}_{INBOX}"] for key in ("right", "wrong", "strangers_named")),
            )
            told = [value["value"] for value in values]
            if any(value is not None for value in told):  # characters of one picture say nothing
                rows.append([f"`{source}`", _view(label), *map(_number, told)])
    return rows


def together() -> list[Row]:
    """Pictures composed of several characters."""
    report = json.loads(WHOLE.read_text(encoding="utf-8"))
    rows: list[Row] = [["pictures", "seen as", "known that are named", "wrong names a picture"]]
    rows += [
        [f"`{one['source']}`", _view(one["view"]), _number(one["right"]), _number(one["wrong"])]
        for one in report["composed"]
    ]
    return rows


def _view(label: str) -> str:
    return VIEWS[label.split(",", maxsplit=1)[0]]


def _told(estimate: dict[str, Any] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    told = _number(estimate["value"])
    low, high = estimate["low"], estimate["high"]
    return told if low is None or high is None else f"{told} ({low:.2f}-{high:.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
