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
from numpy.typing import NDArray

from kyara.encode.encoder import Encoder
from kyara.errors import DataError, UsageError
from kyara.files import reading, replaced, writing
from kyara.identify.decision import RATES, Judge, OpenSet, between
from kyara.identify.gallery import Gallery, scores_against
from kyara.types import Aggregation, FloatArray

__all__ = ["Expectation", "OwnCalibration", "calibrate_own", "load_own", "mode_of", "save_own"]


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
        mode: `any`, `avg` or `plda`.
        characters, references: how many there were.
        asked: how many references have another one of their character, so that they could be
            asked for as known.
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

    def threshold(self, fpir: float) -> float:
        """The score at which about a share `fpir` of the strangers gets a name."""
        points = (self.at_1.threshold, self.at_5.threshold, self.at_10.threshold)
        return between(points, fpir)


@dataclass(frozen=True)
class _Asked:
    own: FloatArray
    others: FloatArray


def mode_of(judge: Judge) -> str:
    """What `--mode` calls it."""
    return "plda" if isinstance(judge, OpenSet) else judge.value


def calibrate_own(gallery: Gallery, encoder: Encoder, judge: Judge) -> OwnCalibration:
    """Thresholds by leaving out; see the module.

    Raises:
        UsageError: fewer than two characters, or none with two references.
    """
    if len(gallery.characters) < 2 or gallery.counts.max() < 2:
        raise UsageError(
            "too few references to calibrate with",
            hint="two characters are needed, and of one of them two pictures",
        )
    asked = _ask(gallery, encoder, judge)
    falling = np.sort(asked.others)[::-1]
    points = [_expectation(asked, _least(falling, rate)) for rate in RATES]
    return OwnCalibration(
        encoder=encoder.id,
        mode=mode_of(judge),
        date=datetime.date.today().isoformat(),
        characters=len(gallery.characters),
        references=len(gallery.embeddings),
        asked=int(np.isfinite(asked.own).sum()),
        at_1=points[0],
        at_5=points[1],
        at_10=points[2],
    )


def _ask(gallery: Gallery, encoder: Encoder, judge: Judge) -> _Asked:
    """Each reference's score against the rest of its character (-inf if there is none), and
    the best one against another character, shape (n,) each."""
    own = np.full(len(gallery.embeddings), -np.inf, dtype=np.float32)
    others = np.empty(len(gallery.embeddings), dtype=np.float32)
    for index, (start, count) in enumerate(zip(gallery.starts, gallery.counts, strict=True)):
        rows = np.arange(start, start + count)
        scores = scores_against(gallery.embeddings[rows], gallery, encoder, judge)
        others[rows] = np.delete(scores, index, axis=1).max(axis=1)
        for row in rows if count > 1 else ():
            rest = _only(gallery, index, np.setdiff1d(rows, row))
            own[row] = scores_against(gallery.embeddings[[row]], rest, encoder, judge)[0, 0]
    return _Asked(own, others)


def _only(gallery: Gallery, index: int, rows: NDArray[np.intp]) -> Gallery:
    return Gallery(
        gallery.encoder,
        (gallery.characters[index],),
        gallery.embeddings[rows],
        np.zeros(1, dtype=np.intp),
        tuple(gallery.paths[row] for row in rows.tolist()),
    )


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
    if calibration.encoder != encoder.id:
        what = f"this was calibrated for {calibration.encoder}, not for {encoder.id}"
        raise UsageError(what, where=path, hint="run kyara calibrate again")
    if calibration.mode not in ("plda", *(how.value for how in Aggregation)):
        raise DataError(f"not a calibration: mode {calibration.mode!r}", where=path)
    return calibration
