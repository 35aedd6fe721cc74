"""Decisions in JSON, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.library.log import Decision, Payload

__all__ = ["as_row", "cells", "in_words"]


def as_row(decision: Decision) -> dict[str, Any]:
    """A decision as an object for JSON."""
    import msgspec

    return {
        "id": decision.id,
        "time": decision.time,
        "source": decision.source.value,
        "kind": decision.kind,
        "stands": decision.stands,
        "undoes": decision.undoes,
        "undone_by": decision.undone_by,
        **msgspec.to_builtins(decision.payload),
    }


def in_words(payload: Payload) -> str:
    """A decision as a clause for people."""
    import msgspec

    from kyara.library.log import kind_of

    parts = msgspec.to_builtins(payload)
    spoken_of = parts.get("pictures", ())
    one = "figure" if any(isinstance(entry, dict) for entry in spoken_of) else "picture"
    pictures = f"{len(spoken_of)} {one}{'' if len(spoken_of) == 1 else 's'}"
    template = _CLAUSES[kind_of(payload)]
    groups = [f"a group of {len(group)}" for group in parts.get("groups", ())]
    words = {
        "pictures": pictures,
        "merged": ", ".join(parts.get("names", ())),
        "sides": ", ".join([*parts.get("names", ()), *groups]),
    }
    return printable(template.format(**parts | words))


_CLAUSES = {
    "confirm": "{pictures}: {name}",
    "reject": "{pictures}: not {name}",
    "split": "{pictures}: {name}, split off",
    "ignore": "{pictures}: ignored",
    "forget": "{pictures}: references of nobody",
    "rename": "{old} is called {name}",
    "merge": "{merged} merged into {name}",
    "apart": "different characters: {sides}",
    "together": "one character: {sides}",
    "distinct": "{pictures}: no copies of each other",
    "cover": "{name} is shown by another figure",
    "draw": "{pictures}: drawn by hand",
    "undo": "an undo",
}


def cells(decision: Decision) -> tuple[str, ...]:
    """A decision as a row of the log: number, time, by whom, what."""
    words = in_words(decision.payload)
    if decision.undoes is not None:
        words = f"undoes {decision.undoes}"
    time = decision.time[:19].replace("T", " ")
    taken_back = "" if decision.stands else " (undone)"
    return (str(decision.id), time, decision.source.value, words + taken_back)
