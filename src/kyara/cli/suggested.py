"""Suggestions as questions for people, in JSON, and as the commands that answer them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.cluster.heap import Figure
    from kyara.suggest.kinds import Side, Suggestion

__all__ = ["as_row", "commands", "question"]


def question(suggestion: Suggestion) -> str:
    """A suggestion on one line."""
    names = [str(side) for side in suggestion.sides]
    paths = [os.fspath(figure.path) for figure in suggestion.figures]
    match suggestion.kind.value:
        case "merge":
            asked = f"Are {names[0]} and {names[1]} one?"
        case "named":
            asked = f"Is {names[0]} {names[1]}?"
        case "misplaced":
            asked = f"Is this {names[1]} rather than {names[0]}? {paths[0]}"
        case "alike":
            asked = f"{names[0]} and {names[1]} are alike."
        case _:
            asked = f"Are these {len(paths)} copies of one? {paths[0]}"
    return printable(asked)


def as_row(suggestion: Suggestion, library: Path) -> dict[str, Any]:
    """A suggestion as an object for JSON."""
    probability = suggestion.probability
    yes, no = commands(suggestion, library)
    return {
        "kind": suggestion.kind.value,
        "question": question(suggestion),
        "probability": None if probability is None else round(probability, 4),
        "pictures": suggestion.settles,
        "sides": [_side(side) for side in suggestion.sides],
        "figures": [_figure(figure) for figure in suggestion.figures],
        "yes": yes,
        "no": no,
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "group": side.group,
        "character": side.character,
        "pictures": side.pictures,
        "figures": [_figure(figure) for figure in side.figures],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    found = figure.detection
    return {"path": os.fspath(figure.path), "kind": found.kind, "box": found.box.as_tuple()}


def commands(suggestion: Suggestion, library: Path) -> tuple[str | None, str]:
    """What says yes, as a line for a shell, and what says no. None: a warning has no yes."""
    names = [side.character for side in suggestion.sides if side.character is not None]
    groups = [f"--group={side.group}" for side in suggestion.sides if side.group is not None]
    paths = [os.fspath(figure.path) for figure in suggestion.figures]

    def say(word: str, options: list[str], free: list[str] | None = None) -> str:
        ends = ["--", *free] if free else []
        words = ["kyara", "decide", word, f"--library={library}", *options, *ends]
        return shlex.join(words)

    match suggestion.kind.value:
        case "merge" if groups:
            return say("merge", groups), say("apart", groups)
        case "merge":
            return say("merge", [f"--into={names[0]}"], names[1:]), say("apart", [], names)
        case "alike":
            return None, say("apart", [], names)
        case "named":
            about = [*groups, f"--character={names[0]}"]
            return say("confirm", about), say("reject", about)
        case "misplaced":
            about = [f"--character={names[0]}", *_box(suggestion.figures[0])]
            return say("reject", about, paths), say("confirm", ["--sure", *about], paths)
        case _:
            return say("ignore", [], paths[1:]), say("distinct", [], paths)


def _box(figure: Figure) -> list[str]:
    if figure.detection.kind == "whole":
        return []
    return [f"--box={','.join(f'{edge:.10g}' for edge in figure.detection.box.as_tuple())}"]
