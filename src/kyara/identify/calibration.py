"""What a score means: its probability and the verdict."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Literal, TypeAlias

from kyara.manifest import CalibrationSpec, Logistic
from kyara.types import Verification

__all__ = ["Aggregated", "curve_for", "in_words", "probability", "verify", "verify_by_odds"]

Aggregated: TypeAlias = Literal["any", "avg"]
"""How the scores against references became one; a calibration has curves for both."""


def probability(score: float, logistic: Logistic) -> float:
    """Calibrated probability, 0 to 1, that a score belongs to the same character.

    It holds where same and different are equally likely beforehand (Platt 1999).
    """
    # tanh does not overflow where exp would.
    return 0.5 * (1.0 + math.tanh(0.5 * (logistic.slope * score + logistic.intercept)))


def curve_for(
    calibration: CalibrationSpec | None, how: Aggregated, references: int | None = None
) -> Logistic | None:
    """The curve for scores that were aggregated over references.

    Args:
        references: how many the character has; None where one curve must do for all.
    """
    if calibration is None:
        return None
    if references is None or not calibration.by_references:
        return calibration.any if how == "any" else calibration.avg
    numbers = [math.log(entry.references) for entry in calibration.by_references]
    curves = [entry.any if how == "any" else entry.avg for entry in calibration.by_references]
    return _between(numbers, curves, math.log(max(1, references)))


def _between(places: list[float], curves: list[Logistic], place: float) -> Logistic:
    """The curve at a place, between its neighbours in proportion; at an end, that one."""
    after = bisect_left(places, place)
    if after == 0 or after == len(places):
        return curves[min(after, len(places) - 1)]
    left, right = curves[after - 1], curves[after]
    share = (place - places[after - 1]) / (places[after] - places[after - 1])

    def mixed(one: float, other: float) -> float:
        return one + share * (other - one)

    def strict(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else mixed(one, other)

    return Logistic(
        slope=mixed(left.slope, right.slope),
        intercept=mixed(left.intercept, right.intercept),
        threshold=mixed(left.threshold, right.threshold),
        fpr_1=strict(left.fpr_1, right.fpr_1),
        fpr_0_1=strict(left.fpr_0_1, right.fpr_0_1),
    )


def verify(
    score: float, calibration: CalibrationSpec | None, published: float | None = None
) -> Verification:
    """The verdict on two detections from their score.

    Args:
        published: the threshold of those who made the model, for one without calibration.
    """
    if calibration is None:
        return Verification(score, None, None if published is None else score >= published)
    pair = calibration.pair
    return Verification(score, probability(score, pair), score >= pair.threshold)


def verify_by_odds(score: float, log_odds: float) -> Verification:
    """The verdict on two detections of that similarity, from the log-odds (natural logarithm)
    that they show the same character."""
    return Verification(score, 0.5 * (1.0 + math.tanh(0.5 * log_odds)), log_odds >= 0.0)


def in_words(verification: Verification) -> str:
    """The verdict as a sentence for people."""
    if verification.same is None:
        return "This model is not calibrated: only the score can be given."
    if verification.probability is None:
        verdict = "the same character" if verification.same else "different characters"
        return f"By its makers' threshold: {verdict}. It is not calibrated: no probability."
    certainty = max(verification.probability, 1.0 - verification.probability)
    likely = verification.probability >= 0.5
    if certainty < 0.65 or likely != verification.same:
        return "Hard to say: they may or may not be the same character."
    degree = "Very likely" if certainty >= 0.95 else "Probably" if certainty >= 0.8 else "Perhaps"
    return f"{degree} {'the same character' if verification.same else 'different characters'}."
