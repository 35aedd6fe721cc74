"""Characters and their references."""

from __future__ import annotations

from fastapi import APIRouter

from kyara.library import browse
from kyara.web.desk import AtDesk
from kyara.web.problems import NotFoundError
from kyara.web.routes.paging import Limit, Offset
from kyara.web.shapes import Character, CharacterPage, Characters, Reference, figure_of

router = APIRouter(prefix="/characters", tags=["characters"])


@router.get("")
def characters(desk: AtDesk) -> Characters:
    """All characters, by name."""
    with desk.library() as library:
        return Characters(characters=[_shaped(one) for one in browse.characters(library)])


@router.get("/{character}")
def character(
    desk: AtDesk, character: int, offset: Offset = 0, limit: Limit = 100
) -> CharacterPage:
    """A character by its id, and its references."""
    with desk.library() as library:
        entry = next(
            (one for one in browse.characters(library) if one.character.id == character), None
        )
        if entry is None:
            raise NotFoundError("there is no such character")
        found = browse.references(library, entry.character, offset, limit)
    references = [
        Reference(figure=figure_of(one.subject), by_person=one.by_person, decision=one.decision)
        for one in found
    ]
    return CharacterPage(character=_shaped(entry), references=references)


def _shaped(entry: browse.CharacterEntry) -> Character:
    return Character(
        id=entry.character.id,
        name=entry.character.name,
        references=entry.character.references,
        cover=None if entry.cover is None else figure_of(entry.cover),
    )
