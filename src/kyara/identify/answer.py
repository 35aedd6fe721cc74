"""The answer for one picture: a character of the gallery, or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError
from kyara.identify.gallery import Gallery, identify
from kyara.library.said import NOTHING, Said, SaidOf, nothing_said
from kyara.names import UNKNOWN
from kyara.types import Aggregation, Match

__all__ = ["UNKNOWN", "Answer", "answer_pictures", "heed"]


@dataclass(frozen=True)
class Answer:
    """Who is in a picture.

    Attributes:
        character: a name of the gallery or one that was said, `unknown`, or None for a picture
            that failed or is to be ignored.
        best: the most similar character that was not ruled out, also where the answer is
            unknown; None if all were.
        runner_up: the next one, if the gallery has two.
        nearest: the reference that is most like it, of the best character.
        said: what was decided before, which the answer follows.
    """

    path: Path
    digest: bytes | None
    character: str | None
    best: Match | None = None
    runner_up: Match | None = None
    nearest: Path | None = None
    error: PictureError | None = None
    said: Said = NOTHING


def answer_pictures(
    pictures: Iterable[EmbeddedPicture],
    gallery: Gallery,
    encoder: Encoder,
    aggregation: Aggregation,
    threshold: float | None,
    *,
    said_of: SaidOf = nothing_said,
) -> Iterator[Answer]:
    """Identify pictures one by one as they come.

    Args:
        threshold: a best score below it means unknown; None: there is always a name.
        said_of: what was decided of a picture; the model is only asked about the rest.
    """
    for picture in pictures:
        if picture.digest is None or not picture.detections:
            yield Answer(picture.path, picture.digest, None, error=picture.error)
            continue
        # One figure per picture until there is a detector: the whole of it.
        said = said_of(picture.digest)
        (ranked,) = identify(picture.embeddings[:1], gallery, encoder, aggregation)
        ranked = heed(ranked, said)
        best = ranked[0] if ranked else None
        yield Answer(
            picture.path,
            picture.digest,
            _decided(best, threshold, said),
            best,
            ranked[1] if len(ranked) > 1 else None,
            None if best is None else gallery.paths[best.reference],
            said=said,
        )


def heed(ranked: Sequence[Match], said: Said) -> list[Match]:
    """Characters, best first, as far as what was said leaves them: whom the picture is known
    to show comes first, whom it is known not to show is not among them."""
    left = [match for match in ranked if match.character not in said.rejected]
    return sorted(left, key=lambda match: match.character != said.character)


def _decided(best: Match | None, threshold: float | None, said: Said) -> str | None:
    if said.ignored or said.character is not None:
        return said.character
    if best is None or (threshold is not None and best.score < threshold):
        return UNKNOWN
    return best.character
