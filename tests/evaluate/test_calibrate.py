"""Calibration: probabilities that hold, sources that weigh the same, thresholds that keep
their promise."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.errors import DataError
from kyara.evaluate.calibrate import FALSE_ACCEPTANCE, Trials, calibrate, fit_logistic
from kyara.evaluate.trials import draw_enrolment
from kyara.identify.calibration import probability
from kyara.types import Aggregation
from tests.evaluate.helpers import clusters, dot, rng, toy

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")


def drawn_trials(slope: float, intercept: float, count: int) -> Trials:
    """Trials whose truth follows the logistic curve."""
    chance = np.random.default_rng(3)
    scores = chance.uniform(-1, 1, count)
    same = chance.random(count) < 1 / (1 + np.exp(-(slope * scores + intercept)))
    return Trials(scores.astype(np.float32), same, np.ones(count))


def test_the_curve_that_made_the_trials_is_found() -> None:
    fitted = fit_logistic(drawn_trials(6.0, -1.5, 20_000))
    assert fitted.slope == pytest.approx(6.0, rel=0.05)
    assert fitted.intercept == pytest.approx(-1.5, rel=0.1)
    assert probability(fitted.threshold, fitted) == pytest.approx(0.5, abs=1e-3)


def test_each_source_weighs_the_same_and_half_of_it_is_same() -> None:
    small = (np.zeros(4, np.float32), np.array([True, False, False, False]))
    large = (np.zeros(100, np.float32), np.arange(100) < 30)
    one_kind = (np.zeros(50, np.float32), np.ones(50, dtype=bool))
    trials = Trials.of_sources([small, one_kind, large])
    assert trials.weights[:4].sum() == pytest.approx(0.5)
    assert trials.weights[trials.same].sum() == pytest.approx(0.5)
    assert len(trials.scores) == 104


def test_perfectly_separated_scores_have_a_finite_slope() -> None:
    trials = Trials(
        np.array([0.9, 0.8, 0.1, 0.0], np.float32), np.array([1, 1, 0, 0], bool), np.ones(4)
    )
    fitted = fit_logistic(trials)
    assert 0 < fitted.slope < 100
    assert 0.1 < fitted.threshold < 0.8


def test_calibration_of_toy_sources() -> None:
    sources = {
        "large": clusters(10, 30, 0.4),
        "small": clusters(8, 6, 0.4, seed=1),
        "strangers": toy(np.eye(8).tolist(), list(range(8))),
    }
    spec = calibrate(sources, dot, name="toys")
    assert spec.data == "toys: 356 pictures of 26 characters, 3 sources"
    assert len(spec.date) == len("2026-01-01")
    assert spec == calibrate(sources, dot, name="toys")
    assert probability(1.0, spec.pair) > 0.9
    assert probability(-0.5, spec.pair) < 0.1
    assert probability(spec.pair.threshold, spec.pair) == pytest.approx(0.5, abs=1e-3)
    # Aggregated thresholds are strict: few of the wrong characters pass.
    assert spec.avg.threshold > spec.pair.threshold


@pytest.mark.parametrize("how", list(Aggregation))
def test_the_threshold_lets_few_wrong_characters_pass(how: Aggregation) -> None:
    embedded = clusters(20, 20, 0.6)
    spec = calibrate({"": embedded}, dot)
    threshold = (spec.any if how is Aggregation.ANY else spec.avg).threshold
    scores, own = draw_enrolment(embedded, np.full(20, 5), rng()).scores(embedded, dot, how)
    assert (scores[~own] >= threshold).mean() == pytest.approx(FALSE_ACCEPTANCE, abs=0.02)


def test_too_little_data_is_refused() -> None:
    with pytest.raises(DataError, match="enough pictures"):
        calibrate({"": toy([[1.0], [0.5]], [0, 1])}, dot)


def test_scores_that_mean_the_opposite_are_refused() -> None:
    with pytest.raises(DataError, match="no higher"):
        calibrate({"": clusters(10, 10, 0.3)}, lambda a, b: -dot(a, b))
