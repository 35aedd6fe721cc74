"""What a score means, as a probability, a verdict, and in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.identify.calibration import curve_for, in_words, probability, verify
from kyara.manifest import CalibrationSpec, Logistic
from kyara.types import Verification


def curve(slope: float, intercept: float = 0.0, threshold: float = 0.5) -> Logistic:
    return Logistic(slope=slope, intercept=intercept, threshold=threshold)


CALIBRATION = CalibrationSpec(
    data="none", date="2026-01-01", pair=curve(10, -5), any=curve(11), avg=curve(12)
)


@given(st.floats(-1, 1), st.floats(0.1, 30), st.floats(-30, 30))
def test_the_probability_is_the_logistic_function(
    score: float, slope: float, intercept: float
) -> None:
    expected = 1 / (1 + math.exp(-(slope * score + intercept)))
    assert probability(score, curve(slope, intercept)) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_score_is_too_large(score: float, slope: float, intercept: float) -> None:
    assert 0 <= probability(score, curve(slope, intercept)) <= 1


def test_each_question_has_its_curve() -> None:
    assert curve_for(CALIBRATION, "any") == CALIBRATION.any
    assert curve_for(CALIBRATION, "avg") == CALIBRATION.avg
    assert curve_for(None, None) is None


@pytest.mark.parametrize(("score", "same"), [(0.499, False), (0.5, True), (0.9, True)])
def test_the_verdict_is_yes_from_the_threshold_on(score: float, same: bool) -> None:
    assert verify(score, CALIBRATION).same is same


def test_without_calibration_there_is_only_the_score() -> None:
    assert verify(0.7, None) == Verification(0.7, None, None)


@pytest.mark.parametrize(
    ("likelihood", "same", "words"),
    [
        (0.99, True, "Very likely the same character."),
        (0.01, False, "Very likely different characters."),
        (0.85, True, "Probably the same character."),
        (0.7, True, "Perhaps the same character."),
        (0.25, False, "Perhaps different characters."),
        (0.5, True, "Hard to say: they may or may not be the same character."),
        (0.36, False, "Hard to say: they may or may not be the same character."),
    ],
)
def test_the_verdict_in_words(likelihood: float, same: bool, words: str) -> None:
    assert in_words(Verification(0.5, likelihood, same)) == words


@given(st.floats(0, 1), st.floats(-1, 1), st.floats(0, 1))
def test_words_never_contradict_the_probability_or_the_verdict(
    likelihood: float, score: float, threshold: float
) -> None:
    words = in_words(Verification(score, likelihood, score >= threshold))
    if "the same character." in words and "Hard" not in words:
        assert likelihood > 0.5
        assert score >= threshold
    if "different" in words:
        assert likelihood < 0.5
        assert score < threshold


def test_without_calibration_the_words_say_so() -> None:
    assert "not calibrated" in in_words(Verification(0.7, None, None))
