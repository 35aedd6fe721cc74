"""The answer for one detection: a character of the gallery, or unknown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import ParamSpec

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import PictureError
from kyara.identify.assignment import NOBODY, assign
from kyara.identify.default import choose_judge
from kyara.identify.gallery import Gallery, Searchable
from kyara.identify.judge import Rule
from kyara.identify.nearest import NearReference, nearest_references
from kyara.identify.ranking import ranked
from kyara.library.said import NOTHING, Said, SaidOf, nothing_said
from kyara.names import UNKNOWN
from kyara.types import Detection, FloatArray, Match

__all__ = ["UNKNOWN", "Answer", "answer_pictures", "answers_by_picture", "heed"]

_P = ParamSpec("_P")

_BLOCK = 128
"""Pictures that are judged at once, at most."""

PERHAPS = 0.2
"""Probability from which on an unknown picture is perhaps the character it is most like."""

_PATIENCE = 0.05
"""Seconds after which a picture does not wait for more of its block."""


@dataclass(frozen=True)
class Answer:
    """Who is in a detection.

    Attributes:
        path, digest: the picture.
        character: a name of the gallery or one that was said, `unknown`, or None for a picture
            that failed or is to be ignored.
        ranked: the most similar characters, best first, also where the answer is unknown;
            none that was ruled out, or that another figure in the picture is.
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
    def perhaps(self) -> Match | None:
        """Who it may be where the answer is unknown: the most similar character, if that is not
        out of the question."""
        best = self.best
        if self.character != UNKNOWN or best is None or best.probability is None:
            return None
        return best if best.probability >= PERHAPS else None

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


def answers_by_picture(
    pictures: Iterable[EmbeddedPicture],
    gallery: Searchable,
    encoder: Encoder,
    rule: Rule | None = None,
    *,
    top: int = 2,
    nearest: int = 1,
    said_of: SaidOf = nothing_said,
) -> Iterator[list[Answer]]:
    """The answers for each picture, one or more, in the order of the pictures.

    Pictures that come fast are judged together; an answer waits for the rest of its block no
    longer than a moment, and one more picture.

    Args:
        rule: the judge, and from which score on a character is known; by default what
            `choose_judge` chooses for the encoder, as the command line does. Pictures may be
            endless: a rule that was not fitted to them is fitted to the gallery alone.
        top: characters to rank, at least two.
        nearest: references to name of each of them, at least one.
        said_of: what was decided of figures; the model is only asked about the rest.
    """
    rule = (choose_judge(encoder) if rule is None else rule).fitted(gallery)
    for block in _blocks(pictures):
        probes = np.concatenate([picture.embeddings for picture in block])
        near = gallery.near(probes)
        scores = rule.judge.scores(probes, near)
        begin = 0
        for picture in block:
            if picture.digest is None or not picture.detections:
                yield [Answer(picture.path, picture.digest, None, error=picture.error)]
                continue
            own = scores[begin : begin + len(picture.detections)]
            begin += len(own)
            said = said_of(picture.digest, picture.detections)
            figures = zip(
                picture.detections,
                picture.embeddings,
                own,
                said,
                _ruled_out(own, near, rule, said),
                strict=True,
            )
            answers = []
            for detection, probe, row, word, binding in figures:
                kept = _kept(row, near, rule, top, binding)
                answers.append(
                    Answer(
                        picture.path,
                        picture.digest,
                        _decided(kept, rule.threshold, word),
                        kept,
                        nearest_references(probe, kept, near, encoder, nearest),
                        detection,
                        said=word,
                    )
                )
            yield answers


def _one_by_one(by_picture: Callable[_P, Iterator[list[Answer]]]) -> Callable[_P, Iterator[Answer]]:
    def answers(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[Answer]:
        return chain.from_iterable(by_picture(*args, **kwargs))

    return answers


answer_pictures = _one_by_one(answers_by_picture)
"""Identify pictures as they come: an answer for each detection in them, and one, with its error,
for a picture that failed. It takes what `answers_by_picture` takes."""


def _blocks(pictures: Iterable[EmbeddedPicture]) -> Iterator[list[EmbeddedPicture]]:
    block: list[EmbeddedPicture] = []
    for picture in pictures:
        if not block:
            begin = time.monotonic()
        block.append(picture)
        if len(block) == _BLOCK or time.monotonic() - begin > _PATIENCE:
            yield block
            block = []
    if block:
        yield block


def _ruled_out(
    scores: FloatArray, gallery: Gallery, rule: Rule, said: Sequence[Said]
) -> Sequence[Said]:
    """What was said of the figures (k) of a picture with scores (k, c), and whom each of them
    is not because another is."""
    open_ones = [n for n, word in enumerate(said) if word.character is None and not word.ignored]
    if rule.twins or len(said) == 1 or not open_ones:
        return said
    named = {word.character for word in said if word.character is not None}
    possible = scores[open_ones]  # a copy
    for row, n in zip(possible, open_ones, strict=True):
        out = (gallery.index(name) for name in named | said[n].rejected)
        row[[place for place in out if place is not None]] = -np.inf
    binding = list(said)
    chosen = assign(possible, rule.threshold).tolist()
    for n, own in zip(open_ones, chosen, strict=True):
        if own == NOBODY and rule.threshold is None:
            continue  # there are fewer characters than figures, and a name is wanted all the same
        others = {gallery.characters[other] for other in chosen if other not in (own, NOBODY)}
        binding[n] = replace(said[n], rejected=said[n].rejected | named | others)
    return binding


def _kept(
    scores: FloatArray, gallery: Gallery, rule: Rule, top: int, said: Said
) -> tuple[Match, ...]:
    """The characters to name: whom the picture is known to show may be ranked anywhere."""
    wanted = top + len(said.rejected)
    found = ranked(scores, gallery, rule.judge, wanted, also=said.character)
    return tuple(heed(found, said)[:top])


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
