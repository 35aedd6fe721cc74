"""What a client needs first."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter

from kyara.library import browse
from kyara.web.desk import AtDesk
from kyara.web.shapes import Session

router = APIRouter(tags=["session"])


@router.get("/session")
def session(desk: AtDesk) -> Session:
    """The token for changes, whether the model is there, and how much is in the library."""
    with desk.library() as library:
        counts, groups = library.counts(), browse.count_groups(library)
    return Session(
        csrf=desk.access.csrf,
        version=version("kyara"),
        library=desk.path.stem,
        model=desk.engine.state,
        problem=desk.engine.problem,
        pictures=counts.pictures,
        characters=counts.characters,
        references=counts.references,
        groups=groups,
    )
