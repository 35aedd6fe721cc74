"""Groups of figures that nobody named."""

from __future__ import annotations

from fastapi import APIRouter

from kyara.errors import UsageError
from kyara.library import browse
from kyara.web.desk import AtDesk
from kyara.web.problems import NotFoundError
from kyara.web.routes.paging import Limit, Offset
from kyara.web.shapes import Group, Grouping, GroupPage, Groups, figure_of

router = APIRouter(prefix="/groups", tags=["groups"])
_SAMPLE = 6


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


@router.get("/{number}")
def group(desk: AtDesk, number: int, offset: Offset = 0, limit: Limit = 100) -> GroupPage:
    """The figures of a group that have no name yet."""
    with desk.library() as library:
        try:
            entry = browse.group(library, number, 0)
        except UsageError as error:
            raise NotFoundError(error.what) from error
        figures = browse.group_members(library, number, offset, limit)
    return GroupPage(
        number=number, total=entry.figures, figures=[figure_of(one) for one in figures]
    )
