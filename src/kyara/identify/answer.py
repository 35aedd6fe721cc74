"""The answer for one picture: a character of the gallery, or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError
from kyara.identify.decision import Judge
from kyara.identify.gallery import Gallery, identify
from kyara.types import Match

__all__ = ["UNKNOWN", "Answer", "answer_pictures"]

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """Who is in a picture.

    Attributes:
        character: a name of the gallery, `unknown`, or None for a picture that failed.
        best: the most similar character, also where the answer is unknown.
        runner_up: the next one, if the gallery has two.
        nearest: the reference that is most like it, of the best character.
    """

    path: Path
    digest: bytes | None
    character: str | None
    best: Match | None = None
    runner_up: Match | None = None
    nearest: Path | None = None
    error: PictureError | None = None


def answer_pictures(
    pictures: Iterable[EmbeddedPicture],
    gallery: Gallery,
    encoder: Encoder,
    judge: Judge,
    threshold: float | None,
) -> Iterator[Answer]:
    """Identify pictures one by one as they come.

    Args:
        judge: an aggregation of similarities, or an open-set back-end.
        threshold: a best score below it means unknown; None: there is always a name.
    """
    for picture in pictures:
        if not picture.detections:
            yield Answer(picture.path, picture.digest, None, error=picture.error)
            continue
        # One figure per picture until there is a detector: the whole of it.
        (ranked,) = identify(picture.embeddings[:1], gallery, encoder, judge, top=2)
        best = ranked[0]
        known = threshold is None or best.score >= threshold
        yield Answer(
            picture.path,
            picture.digest,
            best.character if known else UNKNOWN,
            best,
            ranked[1] if len(ranked) > 1 else None,
            gallery.paths[best.reference],
        )
