"""Figures followed over the frames of a clip, and who each of them is.

A figure of the next frame goes on with a track if it is alike and, all the more, if it is at about
the same place; of all ways to do that the best one is taken. A track has one answer, for the mean
of its embeddings: a head that is turned away for a moment is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kyara.detect import WHOLE
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.identify.answer import Answer, answer_pictures
from kyara.identify.assignment import best_pairs
from kyara.identify.gallery import Searchable
from kyara.identify.judge import Rule
from kyara.library.said import Said
from kyara.names import UNKNOWN
from kyara.types import Detection, FloatArray, normalised

__all__ = ["Track", "answer_tracks", "follow"]

_SAME_PLACE = 0.3
"""Overlap from which on a box is about where it was."""
_ALIKE, _ALIKE_ELSEWHERE = 0.35, 0.6
"""Cosine to a track from which on a figure goes on with it: at its place, and anywhere. Frames of
the same head half a second apart are mostly above .8."""


@dataclass
class Track:
    """One figure over some frames.

    Attributes:
        start, end: when it was first and last seen, in seconds.
        best: the detection that is most certain, and when that was.
        frames: which of the frames that were looked at it is in.
    """

    start: float
    end: float
    best: Detection
    best_at: float
    last: Detection
    total: FloatArray
    frames: list[int] = field(default_factory=list)

    @property
    def embedding(self) -> FloatArray:
        """The mean over its frames, of length 1; shape (1, d)."""
        return normalised(self.total[np.newaxis])

    def add(self, number: int, seconds: float, detection: Detection, row: FloatArray) -> None:
        """It is there in this frame, too."""
        self.end, self.last = seconds, detection
        self.total = self.total + row
        self.frames.append(number)
        if detection.score > self.best.score:
            self.best, self.best_at = detection, seconds


def follow(frames: Iterable[tuple[float, EmbeddedPicture]], patience: float) -> list[Track]:
    """The tracks of a clip, in the order in which they begin.

    Args:
        frames: with the seconds at which they are shown, ascending.
        patience: seconds after which a figure that is not seen is gone.
    """
    tracks: list[Track] = []
    for number, (seconds, picture) in enumerate(frames):
        figures = [
            (detection, row)
            for detection, row in zip(picture.detections, picture.embeddings, strict=True)
            # Where a detector has found nothing, nobody is there to be followed.
            if detection.kind != "whole" or picture.detector == WHOLE
        ]
        alive = [track for track in tracks if seconds - track.end <= patience]
        goes_on = _linked(alive, figures)
        for place, (detection, row) in enumerate(figures):
            track = goes_on.get(place)
            if track is None:
                track = Track(seconds, seconds, detection, seconds, detection, np.zeros_like(row))
                tracks.append(track)
            track.add(number, seconds, detection, row)
    return tracks


def _linked(
    tracks: Sequence[Track], figures: Sequence[tuple[Detection, FloatArray]]
) -> dict[int, Track]:
    """Which figure goes on with which track."""
    if not tracks or not figures:
        return {}
    rows = normalised(np.stack([row for _, row in figures]))
    alike = rows @ np.concatenate([track.embedding for track in tracks]).T
    overlap = np.asarray([[d.box.overlap(track.last.box) for track in tracks] for d, _ in figures])
    possible = (alike >= _ALIKE_ELSEWHERE) | ((overlap >= _SAME_PLACE) & (alike >= _ALIKE))
    pairs = best_pairs(np.where(possible, alike + overlap, -np.inf).astype(np.float64), 0.0)
    return {figure: tracks[track] for figure, track in enumerate(pairs) if track >= 0}


def answer_tracks(
    path: Path,
    tracks: Sequence[Track],
    gallery: Searchable,
    encoder: Encoder,
    rule: Rule,
    *,
    top: int = 2,
    nearest: int = 1,
) -> list[Answer]:
    """Who each of the tracks is; unless there may be twins, no two that are in a frame together
    are the same character: the more certain one is."""
    together = [set(track.frames) for track in tracks]

    def ask(number: int, rejected: frozenset[str] = frozenset()) -> Answer:
        picture = as_picture(path, tracks[number])
        said = Said(rejected=rejected)
        (answer,) = answer_pictures(
            [picture],
            gallery,
            encoder,
            rule,
            top=top,
            nearest=nearest,
            said_of=lambda _digest, _detections: [said],
        )
        return answer

    answers = [ask(number) for number in range(len(tracks))]
    if rule.twins:
        return answers
    settled: list[int] = []
    for number in sorted(range(len(tracks)), key=lambda n: -_score(answers[n])):
        taken = {
            answers[other].character for other in settled if together[other] & together[number]
        }
        out = frozenset(name for name in taken - {None, UNKNOWN} if name is not None)
        if answers[number].character in out:
            answers[number] = ask(number, out)
        settled.append(number)
    return answers


def as_picture(path: Path, track: Track) -> EmbeddedPicture:
    """A track as a picture of one figure."""
    return EmbeddedPicture(path, b"", (track.best,), track.embedding)


def _score(answer: Answer) -> float:
    return -np.inf if answer.best is None else answer.best.score
