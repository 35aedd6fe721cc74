"""The answer for one detection: a character of the gallery, or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError
from kyara.identify.decision import Judge
from kyara.identify.gallery import Gallery, identify
from kyara.identify.nearest import NearReference, nearest_references
from kyara.library.said import NOTHING, Said, SaidOf, nothing_said
from kyara.names import UNKNOWN
from kyara.types import Detection, Match

__all__ = ["UNKNOWN", "Answer", "answer_pictures", "heed"]


@dataclass(frozen=True)
class Answer:
    """Who is in a detection.

    Attributes:
        path, digest: the picture.
        character: a name of the gallery or one that was said, `unknown`, or None for a picture
            that failed or is to be ignored.
        ranked: the most similar characters, best first, also where the answer is unknown;
            none that was ruled out.
        references: for each of `ranked`, its references that are most like the detection.
        detection: what was looked at; None for a picture that failed.
        error: why the picture failed.
        said: what was decided before, which the answer follows.
    """

    path: Path
    digest: bytes | None
    character: str | None
    ranked: tuple[Match, ...] = ()
    references: tuple[tuple[NearReference, ...], ...] = ()
    detection: Detection | None = None
    error: PictureError | None = None
    said: Said = NOTHING

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
    said_of: SaidOf = nothing_said,
) -> Iterator[Answer]:
    """Identify pictures one by one as they come: an answer for each detection in them, and
    one, with its error, for a picture that failed.

    Args:
        judge: an aggregation of similarities, or an open-set back-end.
        threshold: a best score below it means unknown; None: there is always a name.
        top: characters to rank, at least two.
        nearest: references to name of each of them, at least one.
        said_of: what was decided of a picture; the model is only asked about the rest.
    """
    for picture in pictures:
        if picture.digest is None or not picture.detections:
            yield Answer(picture.path, picture.digest, None, error=picture.error)
            continue
        said = said_of(picture.digest)
        # Whom the picture is known to show may be ranked anywhere.
        wanted = None if said.character is not None else top + len(said.rejected)
        all_ranked = identify(picture.embeddings, gallery, encoder, judge, wanted)
        for detection, probe, ranked in zip(
            picture.detections, picture.embeddings, all_ranked, strict=True
        ):
            kept = tuple(heed(ranked, said)[:top])
            yield Answer(
                picture.path,
                picture.digest,
                _decided(kept, threshold, said),
                kept,
                nearest_references(probe, kept, gallery, encoder, nearest),
                detection,
                said=said,
            )


def heed(ranked: Sequence[Match], said: Said) -> list[Match]:
    """Characters, best first, as far as what was said leaves them: whom the picture is known
    to show comes first, whom it is known not to show is not among them."""
    left = [match for match in ranked if match.character not in said.rejected]
    return sorted(left, key=lambda match: match.character != said.character)


def _decided(ranked: Sequence[Match], threshold: float | None, said: Said) -> str | None:
    if said.ignored or said.character is not None:
        return said.character
    if not ranked or (threshold is not None and ranked[0].score < threshold):
        return UNKNOWN
    return ranked[0].character
