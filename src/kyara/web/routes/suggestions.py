"""What a person is best asked next, and the answers: yes and no are decisions like all others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from kyara.cluster.heap import Figure as FigureAt
from kyara.identify.default import choose_judge
from kyara.suggest.answer import accept, decline
from kyara.suggest.ask import suggest
from kyara.suggest.kinds import Kind, Suggestion, subject_of
from kyara.web.changes import Answer
from kyara.web.desk import AtDesk, Desk
from kyara.web.problems import NotFoundError
from kyara.web.routes.paging import Limit, Offset
from kyara.web.shapes import Decided, Figure, Question, Questions, QuestionSide, figure_of
from kyara.web.shaping import decided

router = APIRouter(prefix="/suggestions", tags=["suggestions"])

Kinds = Annotated[list[Kind] | None, Query(description="only these")]
_QUICK = (Kind.MERGE, Kind.NAMED, Kind.MISPLACED, Kind.ALIKE)
_SHOWN = 6
"""Figures of a side."""


@router.get("")
def suggestions(
    desk: AtDesk, kind: Kinds = None, offset: Offset = 0, limit: Limit = 20
) -> Questions:
    """Questions whose answers settle most, the weightiest first; nothing that was answered before.
    Copies are told by a look into each file, so only where `kind=copies` asks for them."""
    found = _asked(desk, kind or _QUICK)
    shown = [_shaped(one) for one in found[offset : offset + limit]]
    return Questions(total=len(found), questions=shown)


@router.post("", status_code=201)
def answer(desk: AtDesk, answer: Answer) -> Decided:
    """Yes or no to a question. 404: it was answered, or what it is about has changed."""
    asked = _asked(desk, [answer.kind])
    suggestion = next((one for one in asked if one.key == answer.key), None)
    if suggestion is None:
        raise NotFoundError("this was answered already, or has changed")
    with desk.library(write=True) as library:
        return decided((accept if answer.yes else decline)(library, suggestion))


def _asked(desk: Desk, kinds: Collection[Kind]) -> list[Suggestion]:
    quick = desk.engine.ask(lambda opened: opened.suggestions) if set(kinds) & set(_QUICK) else ()
    found = [one for one in quick if one.kind in kinds]
    if Kind.COPIES in kinds:
        encoder = desk.engine.ask(lambda opened: opened.encoder)
        with desk.library(write=True) as library:  # which remembers what copies are told by
            rule = choose_judge(encoder)
            found += suggest(library, encoder, rule, (Kind.COPIES,)).suggestions
    return found


def _shaped(suggestion: Suggestion) -> Question:
    return Question(
        key=suggestion.key,
        kind=suggestion.kind,
        sides=[
            QuestionSide(
                group=side.group,
                character=side.character,
                pictures=side.pictures,
                figures=_figures(side.figures),
            )
            for side in suggestion.sides
        ],
        figures=_figures(suggestion.figures),
        probability=suggestion.probability,
        settles=suggestion.settles,
    )


def _figures(figures: Sequence[FigureAt]) -> list[Figure]:
    return [figure_of(subject_of(one)) for one in figures[:_SHOWN]]
