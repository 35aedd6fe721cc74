"""Groups of figures that nobody named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from kyara.library import browse
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.web.desk import AtDesk
from kyara.web.engine import Opened
from kyara.web.judged import Judged
from kyara.web.problems import NotFoundError
from kyara.web.routes.paging import Limit, Offset
from kyara.web.shapes import (
    Candidate,
    Candidates,
    Group,
    Grouping,
    GroupPage,
    Groups,
    Perhaps,
    PerhapsGroup,
    figure_of,
)
from kyara.web.shaping import candidates_of

router = APIRouter(prefix="/groups", tags=["groups"])
_SAMPLE = 4
_MOST = 500
"""Figures of a group that are asked whom it may show: more would say the same."""
LIKELY = 0.5
"""From which probability on it is asked whether a group is a character."""


@router.get("")
def groups(desk: AtDesk, offset: Offset = 0, limit: Limit = 50) -> Groups:
    """Groups that have no name yet, the largest first."""
    with desk.library() as library:
        found = browse.groups(library, offset, limit, _SAMPLE)
        total = browse.count_groups(library)
    shaped = [
        Group(number=one.number, figures=one.figures, sample=[figure_of(s) for s in one.sample])
        for one in found
    ]
    return Groups(total=total, groups=shaped)


@router.get("/search")
def search(desk: AtDesk) -> Grouping:
    """How the search for groups stands."""
    return Grouping(running=desk.grouper.running, problem=desk.grouper.problem)


@router.post("/search", status_code=202)
def begin_search(desk: AtDesk) -> Grouping:
    """Look for groups anew, in the background; groups keep their numbers."""
    desk.grouper.start()
    return Grouping(running=desk.grouper.running)


@router.get("/{number}/candidates")
def candidates(desk: AtDesk, number: int) -> Candidates:
    """Whom a group may show, of the characters that have a name."""
    with desk.library() as library:
        figures = _members(library, number)

    def question(opened: Opened) -> list[Candidate]:
        judged = opened.judged
        matches = judged.candidates(figures)
        return candidates_of(judged, matches, judged.centre(figures)) if matches else []

    return Candidates(candidates=desk.engine.ask(question))


@router.get("/perhaps")
def perhaps(desk: AtDesk, number: Annotated[list[int], Query(max_length=200)]) -> Perhaps:
    """Of these groups, those that are probably a character with a name."""
    with desk.library() as library:
        groups = {one: browse.group_members(library, one, 0, _MOST) for one in number}
    found = desk.engine.ask(lambda opened: _likely(opened.judged, groups))
    return Perhaps(groups=found)


def _likely(judged: Judged, groups: Mapping[int, Sequence[Subject]]) -> list[PerhapsGroup]:
    found = []
    for number, figures in groups.items():
        for match in judged.candidates(figures)[:1]:
            if match.probability is not None and match.probability >= LIKELY:
                found.append(
                    PerhapsGroup(
                        number=number, character=match.character, probability=match.probability
                    )
                )
    return found


def _members(library: Library, number: int) -> list[Subject]:
    found = browse.group_members(library, number, 0, _MOST)
    if not found:
        raise NotFoundError(f"there is no group {number}, or all of it has a name by now")
    return found


@router.get("/{number}")
def group(desk: AtDesk, number: int, offset: Offset = 0, limit: Limit = 100) -> GroupPage:
    """The figures of a group that have no name yet."""
    with desk.library() as library:
        total = browse.count_members(library, number)
        if not total:
            raise NotFoundError(f"there is no group {number}, or all of it has a name by now")
        figures = browse.group_members(library, number, offset, limit)
    return GroupPage(number=number, total=total, figures=[figure_of(one) for one in figures])
