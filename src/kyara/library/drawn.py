"""What a person chose with the pictures in view: a cover for a character, and a box for a figure
that the detector had not found, or not so.

The figure of a drawn box stands among the detections. While the decision holds it is one of those
that count, and those of the detector that it takes the place of do not.
"""

from __future__ import annotations

import numpy as np

from kyara.errors import UsageError
from kyara.library.database import Database
from kyara.library.decisions import record
from kyara.library.figures import SAME, figures_of, store_embeddings
from kyara.library.log import Cover, Decision, Draw, Source, entries
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.swaps import DRAWN
from kyara.types import Detection, FloatArray

__all__ = ["choose_cover", "draw_figure"]


def choose_cover(library: Library, character: str, figure: Subject) -> Decision:
    """Show the character by this figure, one of its references.

    Raises:
        UsageError: there is no such character, or the picture is no reference of it.
        OutputError: the library was opened for reading only.
    """
    with library.database.writing():
        found = library.decisions.find(character)
        if figure.digest not in library.decisions.pictures_of(found):
            raise UsageError(f"this picture is no reference of {found.name!r}")
        payload = Cover(entries([figure]), found.id, found.name)
        return record(library.database, payload, Source.PERSON)


def draw_figure(
    library: Library, digest: bytes, figure: Detection, embedding: FloatArray
) -> Decision:
    """There is a figure in this box of a picture. It takes the place of those that are the same
    figure's, and of the picture as a whole.

    Args:
        embedding: of the figure, by the library's encoder, shape (d,).

    Raises:
        UsageError: the picture is not in the library, or exactly this figure is.
        OutputError: the library was opened for reading only.
    """
    with library.database.writing():
        if not library.knows(digest):
            raise UsageError("there is no such picture in the library")
        if any(known.box == figure.box for known in library.figures(digest)):
            raise UsageError("there is a figure in exactly this box")
        row = embedding[np.newaxis]
        store_embeddings(library.database, digest, [figure], row, DRAWN)
        replaced = _replaced(library.database, digest, figure)
        payload = Draw(entries([Subject(digest, figure.box)]), replaced)
        return record(library.database, payload, Source.PERSON)


def _replaced(
    database: Database, digest: bytes, figure: Detection
) -> tuple[tuple[float, float, float, float], ...]:
    return tuple(
        known.box.as_tuple()
        for _, known in figures_of(database, digest)
        if known.kind == "whole" or known.box.overlap(figure.box) >= SAME
    )
