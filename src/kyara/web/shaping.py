"""From answers and decisions to what travels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast

import msgspec

from kyara.encode.pipeline import EmbeddedPicture
from kyara.identify.answer import Answer
from kyara.library.log import Decision
from kyara.library.said import Said, Subject
from kyara.results.decided import in_words
from kyara.types import Detection, FloatArray, Match
from kyara.web.judged import Judged
from kyara.web.shapes import Candidate, Decided, Found, Near, Verdict, figure_of

__all__ = ["candidates_of", "decided", "found_in", "found_without_model"]

_NEAREST = 3
"""References to show of each candidate."""
_Kind = Literal["head", "figure", "whole"]


def decided(decision: Decision) -> Decided:
    """A decision of the log."""
    return Decided(
        id=decision.id,
        time=decision.time,
        source=decision.source.value,
        kind=decision.kind,
        words=in_words(decision.payload),
        stands=decision.stands,
        undoes=decision.undoes,
        payload=msgspec.to_builtins(decision.payload),
    )


def found_in(judged: Judged, picture: EmbeddedPicture, answers: Sequence[Answer]) -> list[Found]:
    """The figures of a picture with its answers, one for each; without answers (there is no
    reference yet), none."""
    rows = dict(zip(picture.detections, picture.embeddings, strict=True))
    return [
        _found(judged, answer, answer.detection, rows[answer.detection], picture.digest)
        for answer in answers
        if answer.detection is not None
    ]


def _found(
    judged: Judged, answer: Answer, detection: Detection, probe: FloatArray, digest: bytes | None
) -> Found:
    own = Subject(digest or b"", None if detection.kind == "whole" else detection.box)
    return Found(
        box=detection.box.as_tuple(),
        kind=cast("_Kind", detection.kind),
        character=answer.character,
        candidates=candidates_of(judged, answer.ranked, probe, own),
        said=Verdict.of(answer.said),
    )


def candidates_of(
    judged: Judged, matches: Iterable[Match], probe: FloatArray, own: Subject | None = None
) -> list[Candidate]:
    """Characters with their references that are most like a probe (d,).

    Args:
        own: the probe, which is no evidence for itself.
    """
    return [
        Candidate(
            character=match.character,
            score=match.score,
            probability=match.probability,
            nearest=[
                Near(figure=figure_of(near.subject), score=near.score)
                for near in judged.nearest(match, probe, own, _NEAREST)
            ],
        )
        for match in matches
    ]


def found_without_model(figures: Iterable[Detection], said: Iterable[Said]) -> list[Found]:
    """The figures of a picture with what was said of them, and nothing that was judged."""
    return [
        Found(
            box=figure.box.as_tuple(),
            kind=cast("_Kind", figure.kind),
            character=word.character,
            said=Verdict.of(word),
        )
        for figure, word in zip(figures, said, strict=True)
    ]
