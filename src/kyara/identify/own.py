"""Thresholds of a user's own gallery: every reference is asked for, as if it were new.

Once without itself, as a picture of a known character; once without its whole character, as a
stranger. So nothing is needed but the references.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import DataError, UsageError
from kyara.files import reading, replaced, require_own, writing
from kyara.identify.gallery import Gallery, Searchable
from kyara.identify.judge import RATES, Judge
from kyara.identify.left_out import scores_left_out
from kyara.types import FloatArray, Thresholds

__all__ = [
    "Expectation",
    "OwnCalibration",
    "calibrate_own",
    "check_own_place",
    "load_own",
    "save_own",
]


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected at one threshold, as shares from 0 to 1.

    Attributes:
        threshold: the score from which on a picture is known.
        strangers_named: of the strangers, those that get a name.
        right, wrong, unknown: of the pictures of known characters, those that get their own
            name, another's, or none.
    """

    threshold: float
    strangers_named: float
    right: float
    wrong: float
    unknown: float


class OwnCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds for one gallery, encoder and way to score.

    Attributes:
        encoder: its id.
        mode: the name of the judge.
        characters, references: how many there were.
        asked: how many references have another one of their character, so that they could be
            asked for as known.
        counts: the number of references of each character; empty in the file of an older Kyara.
        at_1, at_5, at_10: for 1, 5 and 10 % of the strangers.
    """

    encoder: str
    mode: str
    date: str
    characters: int
    references: int
    asked: int
    at_1: Expectation
    at_5: Expectation
    at_10: Expectation
    counts: dict[str, int] = {}

    @property
    def thresholds(self) -> Thresholds:
        """By about the share of the strangers that get a name."""
        points = (self.at_1, self.at_5, self.at_10)
        return Thresholds(RATES, tuple(point.threshold for point in points))

    def require(self, encoder: Encoder, *, where: Path | None = None) -> None:
        """Let it be used with its own encoder only.

        Raises:
            UsageError: this is another.
        """
        if self.encoder != encoder.id:
            what = f"this was calibrated for {self.encoder}, not for {encoder.id}"
            raise UsageError(what, where=where, hint="run kyara calibrate again")

    def doubt(self, gallery: Searchable) -> str | None:
        """Why its thresholds may not hold for a gallery: it is not the one that they were
        measured on. None if it is, as far as the file tells."""
        now = dict(zip(gallery.characters, gallery.counts.tolist(), strict=True))
        if now == self.counts:
            return None
        if not self.counts:  # an older Kyara noted only how many there were
            same = (len(now), sum(now.values())) == (self.characters, self.references)
            return None if same else "the calibration is of other references"
        if now.keys() == self.counts.keys():
            return "the calibration is from before references were added or removed"
        return "the calibration is of other characters"


@dataclass(frozen=True)
class _Asked:
    own: FloatArray
    others: FloatArray


def calibrate_own(gallery: Gallery, judge: Judge) -> OwnCalibration:
    """Thresholds by leaving out; see the module.

    Raises:
        UsageError: fewer than two characters, or none with two references; or the judge is for
            another encoder.
    """
    if len(gallery.characters) < 2 or gallery.counts.max() < 2:
        raise UsageError(
            "too few references to calibrate with",
            hint="two characters are needed, and of one of them two pictures",
        )
    asked = _ask(gallery, judge)
    falling = np.sort(asked.others)[::-1]
    points = [_expectation(asked, _least(falling, rate)) for rate in RATES]
    return OwnCalibration(
        encoder=gallery.encoder,
        mode=judge.name,
        date=datetime.date.today().isoformat(),
        characters=len(gallery.characters),
        references=len(gallery.embeddings),
        asked=int(np.isfinite(asked.own).sum()),
        at_1=points[0],
        at_5=points[1],
        at_10=points[2],
        counts=dict(zip(gallery.characters, gallery.counts.tolist(), strict=True)),
    )


def _ask(gallery: Gallery, judge: Judge) -> _Asked:
    """Each reference's score against the rest of its character (-inf if there is none), and
    the best one against another character, shape (n,) each."""
    owned, others = [], []
    each_alone = np.arange(len(gallery.embeddings))
    for rows, (scores,) in scores_left_out(gallery, [judge], each_alone):
        own = (np.arange(len(scores)), gallery.owners[rows])
        owned.append(scores[own])
        scores[own] = -np.inf
        others.append(scores.max(axis=1))
    return _Asked(np.concatenate(owned), np.concatenate(others))


def _least(falling: FloatArray, rate: float) -> float:
    """The least score that lets at most `rate` of the strangers pass."""
    passing = int(rate * len(falling) + 1e-9)
    return float(np.nextafter(falling[min(passing, len(falling) - 1)], np.float32(np.inf)))


def _expectation(asked: _Asked, threshold: float) -> Expectation:
    known = np.isfinite(asked.own)
    own, others = asked.own[known], asked.others[known]
    named = np.maximum(own, others) >= threshold
    right = float((named & (own > others)).mean())
    wrong = float((named & (own <= others)).mean())
    return Expectation(
        threshold=threshold,
        strangers_named=round(float((asked.others >= threshold).mean()), 4),
        right=round(right, 4),
        wrong=round(wrong, 4),
        unknown=round(1.0 - right - wrong, 4),
    )


def check_own_place(path: Path) -> None:
    """See, before any work, that a calibration can be written there.

    Raises:
        UsageError: another file than an earlier calibration is there.
    """
    require_own(path, "calibration", _is_own)


def _is_own(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=OwnCalibration)
    except msgspec.DecodeError:
        return False
    return True


def save_own(calibration: OwnCalibration, path: Path) -> None:
    """Write it as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    data = msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n"
    with writing(path), replaced(path) as part:
        part.write_bytes(data)


def load_own(path: Path, encoder: Encoder) -> OwnCalibration:
    """What `save_own` wrote.

    Raises:
        DataError: unreadable, or something else.
        UsageError: it is another encoder's.
    """
    try:
        with reading(path):
            calibration = msgspec.json.decode(path.read_bytes(), type=OwnCalibration)
    except msgspec.DecodeError as error:
        raise DataError(f"not a calibration: {error}", where=path) from error
    calibration.require(encoder, where=path)
    return calibration
