"""The answer for one detection: a character of the gallery, or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError
from kyara.identify.decision import Judge
from kyara.identify.gallery import Gallery, identify
from kyara.identify.nearest import NearReference, nearest_references
from kyara.types import Detection, Match

__all__ = ["UNKNOWN", "Answer", "answer_pictures"]

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """Who is in a detection.

    Attributes:
        path, digest: the picture.
        character: a name of the gallery, `unknown`, or None for a picture that failed.
        ranked: the most similar characters, best first, also where the answer is unknown.
        references: for each of `ranked`, its references that are most like the detection.
        detection: what was looked at; None for a picture that failed.
        error: why the picture failed.
    """

    path: Path
    digest: bytes | None
    character: str | None
    ranked: tuple[Match, ...] = ()
    references: tuple[tuple[NearReference, ...], ...] = ()
    detection: Detection | None = None
    error: PictureError | None = None

    @property
    def best(self) -> Match | None:
        """The most similar character."""
        return self.ranked[0] if self.ranked else None

    @property
    def runner_up(self) -> Match | None:
        """The next one, if the gallery has two."""
        return self.ranked[1] if len(self.ranked) > 1 else None

    @property
    def margin(self) -> float | None:
        """How far the best score is above the runner-up's."""
        if self.best is None or self.runner_up is None:
            return None
        return self.best.score - self.runner_up.score

    @property
    def nearest(self) -> Path | None:
        """The picture of the best character's reference that is most like it."""
        return self.references[0][0].path if self.references else None


def answer_pictures(
    pictures: Iterable[EmbeddedPicture],
    gallery: Gallery,
    encoder: Encoder,
    judge: Judge,
    threshold: float | None,
    *,
    top: int = 2,
    nearest: int = 1,
) -> Iterator[Answer]:
    """Identify pictures one by one as they come: an answer for each detection in them, and
    one, with its error, for a picture that failed.

    Args:
        judge: an aggregation of similarities, or an open-set back-end.
        threshold: a best score below it means unknown; None: there is always a name.
        top: characters to rank, at least two.
        nearest: references to name of each of them, at least one.
    """
    for picture in pictures:
        if not picture.detections:
            yield Answer(picture.path, picture.digest, None, error=picture.error)
            continue
        all_ranked = identify(picture.embeddings, gallery, encoder, judge, top)
        for detection, probe, ranked in zip(
            picture.detections, picture.embeddings, all_ranked, strict=True
        ):
            best = ranked[0]
            known = threshold is None or best.score >= threshold
            kept = tuple(ranked)
            yield Answer(
                picture.path,
                picture.digest,
                best.character if known else UNKNOWN,
                kept,
                nearest_references(probe, kept, gallery, encoder, nearest),
                detection,
            )
