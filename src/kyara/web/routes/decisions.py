"""Saying who is in a picture, and taking it back. What was answered is on the disk."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, BackgroundTasks

from kyara.errors import UsageError
from kyara.library import spoken
from kyara.library.drawn import choose_cover
from kyara.library.log import Decision
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.subjects import as_known, remember_spoken_of
from kyara.web.changes import (
    Apart,
    Change,
    Confirm,
    Cover,
    Ignore,
    Merge,
    Reject,
    Rename,
    Split,
    Together,
    Undo,
)
from kyara.web.desk import AtDesk, Desk
from kyara.web.routes.paging import Limit, Offset
from kyara.web.shapes import Decided, Figure, Log
from kyara.web.shaping import decided

router = APIRouter(prefix="/decisions", tags=["decisions"])


@router.get("")
def log(desk: AtDesk, offset: Offset = 0, limit: Limit = 50) -> Log:
    """Everything that was decided, the latest first."""
    with desk.library() as library:
        decisions = library.decisions.log()[::-1]
    chosen = decisions[offset : offset + limit]
    return Log(total=len(decisions), decisions=[decided(one) for one in chosen])


@router.post("", status_code=201)
def decide(desk: AtDesk, change: Change, later: BackgroundTasks) -> Decided:
    """Say something. 409 with `meant`: the name is new, and nearly that of another."""
    with desk.library(write=True) as library:
        decision = _say(library, change)
    later.add_task(_remember, desk, decision)
    return decided(decision)


@router.post("/undo", status_code=201)
def undo(desk: AtDesk, undo: Undo) -> Decided:
    """Take back the last decision that stands, or the one of that id; answers with what was taken
    back. Taking back what took something back brings it again."""
    with desk.library(write=True) as library:
        target, _ = library.decisions.undo(undo.decision)
    return decided(target)


def _say(library: Library, change: Change) -> Decision:
    match change:
        case Confirm() | Reject() | Ignore() if change.group is None:
            return _say_of_figures(library, change)
        case Confirm() | Reject() | Ignore():
            return _say_of_group(library, change)
        case Apart():
            return spoken.apart(library, change.characters, change.groups)
        case Together():
            return spoken.join_groups(library, change.groups)
        case _:
            return _say_of_character(library, change)


def _say_of_character(library: Library, change: Rename | Merge | Split | Cover) -> Decision:
    match change:
        case Cover():
            (figure,) = as_known(library, _named(change.figures))
            return choose_cover(library, change.character, figure)
        case Rename():
            return library.decisions.rename(change.character, change.name)
        case Merge():
            return library.decisions.merge(change.characters, change.into)
        case Split():
            subjects = as_known(library, _named(change.figures))
            return library.decisions.split(change.character, subjects, change.into)


def _say_of_figures(library: Library, change: Confirm | Reject | Ignore) -> Decision:
    decisions = library.decisions
    match change:
        case Confirm():
            if not change.new:
                decisions.require_meant(change.character)
            subjects = as_known(library, _named(change.figures), single=True)
            return decisions.confirm(subjects, change.character)
        case Reject():
            return decisions.reject(as_known(library, _named(change.figures)), change.character)
        case Ignore():
            return decisions.ignore(as_known(library, _named(change.figures)))


def _say_of_group(library: Library, change: Confirm | Reject | Ignore) -> Decision:
    if change.figures or change.group is None:
        raise UsageError("name a group or figures, not both")
    group = change.group
    match change:
        case Confirm():
            said = spoken.confirm_group(library, group, change.character, new=change.new)
        case Reject():
            said = spoken.reject_group(library, group, change.character)
        case Ignore():
            said = spoken.ignore_group(library, group)
    if said.decision is None:
        raise UsageError("nothing was decided")
    return said.decision


def _named(figures: Sequence[Figure]) -> list[Subject]:
    return [figure.subject for figure in figures]


def _remember(desk: Desk, decision: Decision) -> None:
    """So that the pictures are known again by their pixels. It takes a look into each file, for
    which the answer does not wait."""
    subjects = getattr(decision.payload, "subjects", None)
    if subjects is not None:
        with desk.library(write=True) as library:
            remember_spoken_of(library, subjects)
