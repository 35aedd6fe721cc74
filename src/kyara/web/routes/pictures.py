"""Pictures of the library: what is in them, and themselves, by their digest alone."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from kyara.errors import PictureError, UsageError
from kyara.library import browse
from kyara.library.drawn import draw_figure
from kyara.library.figures import nearest_figure
from kyara.library.recalled import recalled
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.pictures.source import Data
from kyara.web.changes import Draw
from kyara.web.desk import AtDesk
from kyara.web.engine import Opened
from kyara.web.judged import NearFigure
from kyara.web.problems import NotFoundError
from kyara.web.routes.paging import DigestPath, Limit, Offset
from kyara.web.shapes import (
    Figure,
    Found,
    Picture,
    PictureItem,
    Pictures,
    Similar,
    SimilarFigure,
    figure_of,
)
from kyara.web.shaping import decided, found_in, found_without_model
from kyara.web.thumbnails import content_of

router = APIRouter(prefix="/pictures", tags=["pictures"])

BoxQuery = Annotated[
    str | None,
    Query(pattern=r"^-?[0-9.e+-]+(,-?[0-9.e+-]+){3}$", description="left,top,right,bottom"),
]
_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}


@router.get("")
def pictures(
    desk: AtDesk,
    state: Literal["all", "ignored", "gone"] = "all",
    offset: Offset = 0,
    limit: Limit = 100,
) -> Pictures:
    """Pictures by name: all, those in which something is ignored, or whose files are gone."""
    with desk.library() as library:
        found, total = browse.pictures(library, state, offset, limit)
    items = [PictureItem(picture=digest.hex(), name=name) for digest, name in found]
    return Pictures(total=total, pictures=items)


@router.get("/{picture}")
def picture(desk: AtDesk, picture: DigestPath) -> Picture:
    """A picture: its figures, who they are and why, and what was decided of it. Who they are is
    left out while the model is loading."""
    digest = bytes.fromhex(picture)
    with desk.library() as library:
        entry = _entry(library, digest)
        history = [decided(one) for one in browse.history(library, digest)]
    ready = desk.engine.state == "ready"
    figures = desk.engine.ask(lambda opened: _judged(opened, digest)) if ready else []
    width, height = entry.size or (None, None)
    return Picture(
        picture=picture,
        name=entry.name,
        width=width,
        height=height,
        gone=entry.gone,
        figures=figures or found_without_model(entry.figures, entry.said),
        history=history,
    )


@router.get("/{picture}/image", response_class=Response)
def image(
    desk: AtDesk,
    picture: DigestPath,
    side: Literal["256", "512", "1600"] = "512",
    box: BoxQuery = None,
) -> Response:
    """The picture, or a figure in it, as WebP that fits into a square of that side."""
    subject = _figure(picture, box).subject
    with desk.library() as library:
        if not library.knows(subject.digest):
            raise NotFoundError("there is no such picture in the library")
        try:
            made = desk.thumbnails.of(library, subject, int(side))
        except PictureError as error:
            raise NotFoundError(error.what) from error
    return Response(made, media_type="image/webp", headers=_FOR_EVER)


@router.post("/{picture}/figures", status_code=201)
def draw(desk: AtDesk, picture: DigestPath, draw: Draw) -> Figure:
    """There is a figure in this box, whatever the detector found. It is embedded, noted as a
    decision, and can be named by what is answered."""
    subject = Figure(picture=picture, box=draw.box).subject
    with desk.library(write=True) as library:
        entry = _entry(library, subject.digest)
        if entry.size is not None and not _lies_in(subject, entry.size):
            raise UsageError("the box does not lie in the picture")
        try:
            data, path = content_of(library, subject.digest)
        except PictureError as error:
            raise NotFoundError(error.what) from error
        source = Data(data, path.name)
        found, embedding = desk.engine.ask(lambda opened: opened.embed_box(source, subject))
        draw_figure(library, subject.digest, found, embedding)
    return figure_of(subject)


@router.get("/{picture}/similar")
def similar(desk: AtDesk, picture: DigestPath, box: BoxQuery = None, limit: Limit = 60) -> Similar:
    """The figures of the library that are most like this one."""
    wanted = _figure(picture, box).subject
    found = desk.engine.ask(lambda opened: _similar(opened, wanted, limit))
    figures = [
        SimilarFigure(figure=figure_of(n.subject), score=n.score, character=n.character)
        for n in found
    ]
    return Similar(figures=figures)


def _figure(picture: str, box: str | None) -> Figure:
    try:
        edges = None if box is None else tuple(map(float, box.split(",")))
        return Figure.model_validate({"picture": picture, "box": edges})
    except ValueError as error:
        raise UsageError(f"box: expected left,top,right,bottom, got {box!r}") from error


def _lies_in(subject: Subject, size: tuple[int, int]) -> bool:
    box = subject.box
    if box is None:
        return False
    return min(box.left, box.top) >= 0 and box.right <= size[0] and box.bottom <= size[1]


def _entry(library: Library, digest: bytes) -> browse.PictureEntry:
    try:
        return browse.picture(library, digest)
    except UsageError as error:
        raise NotFoundError(error.what) from error


def _judged(opened: Opened, digest: bytes) -> list[Found]:
    found = recalled(opened.library, digest)
    (answers,) = opened.judged.answers([found])
    return found_in(opened.judged, found, answers)


def _similar(opened: Opened, wanted: Subject, limit: int) -> list[NearFigure]:
    found = recalled(opened.library, wanted.digest)
    row = 0 if wanted.box is None else nearest_figure(wanted.box, found.detections)
    if row is None or not found.detections:
        raise NotFoundError("there is no such figure in the library")
    return opened.judged.similar(found.embeddings[row], wanted, limit)
