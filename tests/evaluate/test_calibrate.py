"""Calibration: probabilities that hold, sources that weigh the same, thresholds that keep
their promise."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.errors import DataError
from kyara.evaluate.calibrate import FALSE_ACCEPTANCE, Trials, calibrate, fit_logistic
from kyara.evaluate.trials import draw_enrolment
from kyara.identify.calibration import curve_for, probability
from kyara.identify.default import judge_named
from tests.evaluate.helpers import clusters, dot, rng, toy, toy_encoder

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
    spec = calibrate(sources, toy_encoder(), name="toys")
    assert spec.data == "toys: 356 pictures of 26 characters, 3 sources"
    assert len(spec.date) == len("2026-01-01")
    assert spec == calibrate(sources, toy_encoder(), name="toys")
    assert probability(1.0, spec.pair) > 0.9
    assert probability(-0.5, spec.pair) < 0.1
    assert probability(spec.pair.threshold, spec.pair) == pytest.approx(0.5, abs=1e-3)
    # Aggregated thresholds are strict: few of the wrong characters pass.
    assert spec.avg.threshold > spec.pair.threshold


def test_strict_thresholds_are_scores_that_so_many_different_trials_reach() -> None:
    # 1,000 different trials with scores 0.000 to 0.999, in any order, and some same ones above.
    scores = np.concatenate([np.arange(1000) / 1000, np.full(50, 1.5)]).astype(np.float32)
    same = np.arange(1050) >= 1000
    fitted = fit_logistic(Trials(scores, same, np.ones(1050)), acceptance=0.05)
    assert fitted.threshold == pytest.approx(0.95, abs=2e-3)
    assert fitted.fpr_1 == pytest.approx(0.99, abs=2e-3)
    assert fitted.fpr_0_1 == pytest.approx(0.999, abs=2e-3)
    assert fitted.thresholds is not None
    assert fitted.thresholds.at(0.01) == fitted.fpr_1
    assert fitted.fpr_1 < fitted.thresholds.at(0.003) < fitted.fpr_0_1


def test_curves_by_number_of_references_as_far_as_the_pictures_go() -> None:
    spec = calibrate({"": clusters(20, 8, 0.6)}, toy_encoder())
    assert [entry.references for entry in spec.by_references] == [1, 2, 3, 5]
    by_any = [entry.any.threshold for entry in spec.by_references]
    assert by_any == sorted(by_any)  # the best of more references is higher, whoever it is
    one = spec.by_references[0]
    assert one.any == one.avg  # of one reference, the best is the mean
    # What the calibration of all characters is fitted with is what five of them get.
    assert spec.any.slope == pytest.approx(spec.by_references[3].any.slope, rel=0.2)


def test_a_curve_for_a_number_without_its_own_is_between_its_neighbours() -> None:
    spec = calibrate({"": clusters(20, 8, 0.6)}, toy_encoder())
    five, three = spec.by_references[3].avg, spec.by_references[2].avg
    between = curve_for(spec, "avg", 4)
    assert between is not None
    share = np.log(4 / 3) / np.log(5 / 3)
    assert between.slope == pytest.approx(three.slope + share * (five.slope - three.slope))
    assert min(three.threshold, five.threshold) <= between.threshold
    assert between.threshold <= max(three.threshold, five.threshold)
    assert curve_for(spec, "avg", 5) == five
    assert curve_for(spec, "avg", 500) == five
    assert curve_for(spec, "avg") == spec.avg


@pytest.mark.parametrize("how", ["any", "avg"])
def test_the_threshold_lets_few_wrong_characters_pass(how: str) -> None:
    embedded, encoder = clusters(20, 20, 0.6), toy_encoder()
    spec = calibrate({"": embedded}, toy_encoder())
    threshold = {"any": spec.any, "avg": spec.avg}[how].threshold
    draw = draw_enrolment(embedded, np.full(20, 5), rng())
    gallery = draw.gallery(embedded, encoder.id)
    scores = judge_named(encoder, how).scores(embedded.embeddings[draw.probes], gallery)
    assert (scores[~draw.own(embedded)] >= threshold).mean() == pytest.approx(
        FALSE_ACCEPTANCE, abs=0.02
    )


def test_too_little_data_is_refused() -> None:
    with pytest.raises(DataError, match="enough pictures"):
        calibrate({"": toy([[1.0], [0.5]], [0, 1])}, toy_encoder())


def test_scores_that_mean_the_opposite_are_refused() -> None:
    with pytest.raises(DataError, match="no higher"):
        calibrate({"": clusters(10, 10, 0.3)}, toy_encoder(lambda a, b: -dot(a, b)))
