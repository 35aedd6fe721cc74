"""Asking the model: who is in these pictures, do two show the same, and what is doubtful."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, UploadFile

from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError, UsageError
from kyara.identify.calibration import verify
from kyara.library.recalled import recalled
from kyara.library.said import nothing_said
from kyara.pictures.read import measure
from kyara.pictures.source import Data
from kyara.web.desk import AtDesk
from kyara.web.engine import Opened
from kyara.web.routes.paging import Limit, Offset
from kyara.web.shapes import Asked, Compared, Found, Identified, Queue, QueueItem, figure_of
from kyara.web.shaping import found_in, found_without_model

router = APIRouter(tags=["asking"])

MOST_PICTURES = 50
"""That may be sent at once."""
MOST_PIXELS = 80_000_000
"""Of a picture that is sent."""

Upload = Annotated[UploadFile, File(description="a picture file")]
Uploads = Annotated[list[UploadFile], File(description="picture files")]


@router.post("/identify")
def identify(desk: AtDesk, pictures: Uploads) -> Asked:
    """Who is in these pictures? They are not kept."""
    if len(pictures) > MOST_PICTURES:
        raise UsageError(f"no more than {MOST_PICTURES} pictures at once")
    return Asked(pictures=[_identified(desk, upload) for upload in pictures])


@router.post("/compare")
def compare(desk: AtDesk, a: Upload, b: Upload) -> Compared:
    """Do two pictures show the same character? Of several figures, the two most alike."""
    sources = [_source(a), _source(b)]

    def question(opened: Opened) -> Compared:
        first, second = (_usable(picture) for picture in opened.embed(sources))
        encoder = opened.encoder
        best = float(encoder.similarity(first.embeddings, second.embeddings).max())
        found = verify(best, encoder.calibration, encoder.published_threshold)
        return Compared(score=found.score, probability=found.probability, same=found.same)

    return desk.engine.ask(question)


@router.get("/queue")
def queue(desk: AtDesk, offset: Offset = 0, limit: Limit = 20) -> Queue:
    """Figures that nobody named, with who they may be: the most doubtful first. Empty until there
    is a character."""
    return desk.engine.ask(lambda opened: _queue(opened, offset, limit))


def _queue(opened: Opened, offset: int, limit: int) -> Queue:
    judged = opened.judged
    order = judged.by_doubt
    items = []
    for row in order[offset : offset + limit]:
        subject, box = judged.unnamed.subject(row), judged.unnamed.detections[row].box
        picture = recalled(opened.library, subject.digest)
        (answers,) = judged.answers([picture])
        found = next(one for one in found_in(judged, picture, answers) if one.box == box.as_tuple())
        name = judged.unnamed.paths[row].name
        items.append(QueueItem(figure=figure_of(subject), name=name, found=found))
    return Queue(total=len(order), items=items)


def _identified(desk: AtDesk, upload: UploadFile) -> Identified:
    name = upload.filename or "picture"
    try:
        source = _source(upload)
        figures = desk.engine.ask(lambda opened: _who_is_in(opened, source))
    except PictureError as error:
        return Identified(name=name, error=error.what)
    width, height = measure(source.data).upright
    return Identified(name=name, width=width, height=height, figures=figures)


def _who_is_in(opened: Opened, source: Data) -> list[Found]:
    (picture,) = map(_usable, opened.embed([source]))
    (answers,) = opened.judged.answers([picture])
    if answers:
        return found_in(opened.judged, picture, answers)
    return found_without_model(picture.detections, nothing_said(b"", picture.detections))


def _usable(picture: EmbeddedPicture) -> EmbeddedPicture:
    if picture.error is not None:
        raise picture.error
    return picture


def _source(upload: UploadFile) -> Data:
    """What was sent, if it may be decoded at all.

    Raises:
        PictureError: it is empty, no picture, or has too many pixels.
    """
    source = Data(upload.file.read(), upload.filename or "picture")
    width, height = measure(source.data).upright
    if width * height > MOST_PIXELS:
        raise PictureError(f"more than {MOST_PIXELS // 1_000_000} megapixels are not taken")
    return source
