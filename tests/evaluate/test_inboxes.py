"""Inboxes: what is drawn, and what is measured on them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from kyara.encode.encoder import Encoder
from kyara.evaluate.inboxes import NOBODY, InboxShape, draw_inboxes
from kyara.evaluate.open_set_fit import (
    calibrate_plda,
    fit_adapted,
    fit_adapted_without_each,
    fit_on,
)
from kyara.evaluate.protocols import Inboxes, Measured
from kyara.evaluate.protocols.judged import _calibration_error
from kyara.evaluate.trials import Embedded
from kyara.identify.adapted import Adaptation
from kyara.identify.judge import Plda, Rule
from tests.evaluate.helpers import by, clusters, rng, toy_encoder

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

SHAPE = InboxShape(pictures=40, strangers=0.25, references=3, characters=4)


def looks(seed: int) -> dict[str, Embedded]:
    """Sources that are each drawn in a way of their own."""
    found = {}
    for number in range(3):
        plain = clusters(24, 8, 0.45, 8, seed + number)
        shift = np.random.default_rng(seed + number).normal(size=8) * 0.6
        rows = plain.embeddings + shift
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        found[str(number)] = Embedded(rows.astype("f4"), plain.characters, plain.scenes)
    return found


def test_what_is_drawn_is_of_the_shape() -> None:
    embedded = clusters(20, 12, 0.3)
    for inbox in draw_inboxes(embedded, SHAPE, 5, "toy@1", rng()):
        assert len(inbox.gallery.characters) == 4
        assert set(inbox.gallery.counts.tolist()) == {3}
        assert len(inbox.pictures) == 40 - (30 - inbox.known.sum())
        assert (~inbox.known).sum() == 10
        names = [int(name) for name in inbox.gallery.characters]
        known = inbox.known
        assert [names[n] for n in inbox.own[known]] == inbox.owners[known].tolist()
        assert not set(inbox.owners[~known].tolist()) & set(names)
        assert set(inbox.own[~known].tolist()) == {NOBODY}


def test_no_picture_is_asked_about_that_was_cut_from_a_reference_s() -> None:
    plain = clusters(8, 12, 0.3)
    one_scene = Embedded(plain.embeddings, plain.characters, plain.characters)
    for inbox in draw_inboxes(one_scene, SHAPE, 3, "toy@1", rng()):
        assert not inbox.known.any()


def test_further_strangers_are_for_sources_that_have_hardly_any() -> None:
    shape = InboxShape(pictures=60, strangers=0.5, references=2, characters=9)
    others = np.zeros((40, 8), np.float32)
    few, many = clusters(4, 4, 0.3), clusters(40, 4, 0.3)
    counts = [
        int((~inbox.pictures.any(axis=1)).sum())
        for embedded in (few, many)
        for inbox in draw_inboxes(embedded, shape, 1, "toy@1", rng(), others)
    ]
    assert counts[0] > 0
    assert counts[1] == 0


def test_too_few_characters_are_no_inbox() -> None:
    assert list(draw_inboxes(clusters(3, 9, 0.1), SHAPE, 3, "toy@1", rng())) == []


def test_of_a_single_picture_chance_says_whether_it_is_a_stranger() -> None:
    shape = InboxShape(pictures=1, strangers=0.5, references=2, characters=3)
    inboxes = list(draw_inboxes(clusters(10, 8, 0.3), shape, 60, "toy@1", rng()))
    assert {len(inbox.pictures) for inbox in inboxes} == {1}
    assert 10 < sum(bool(inbox.known[0]) for inbox in inboxes) < 50


def fitted() -> tuple[Encoder, Plda, Adaptation]:
    encoder = toy_encoder()
    model = fit_on(looks(0))
    spec = calibrate_plda(model, encoder, looks(10), fitted_on="a", calibrated_on="b")
    assert spec.adapted is not None
    plda = Plda(encoder, model, spec.slope, spec.intercept, spec.thresholds)
    return encoder, plda, Adaptation(plda, spec.adapted)


def test_what_is_fitted_makes_sense() -> None:
    _, _, adaptation = fitted()
    spec = adaptation.spec
    assert spec.score > 0
    assert spec.at_1 >= spec.at_5 >= spec.at_10
    assert all(np.isfinite(value) for value in msgspec.structs.astuple(spec))


def test_what_is_fitted_without_a_source_has_not_seen_it() -> None:
    encoder = toy_encoder()
    raw, sources = Plda(encoder, fit_on(looks(0))), looks(10)
    without = fit_adapted_without_each(raw, sources)
    assert set(without) == set(sources)
    for left_out, spec in without.items():
        rest = {name: one for name, one in sources.items() if name != left_out}
        assert spec == fit_adapted(raw, rest)
    assert fit_adapted_without_each(raw, {"0": sources["0"]}) == {}


def test_an_adapted_judge_knows_strangers_of_a_new_look_better() -> None:
    encoder, plda, adaptation = fitted()
    rates = {"raw": [0.0, 0.0], "adapted": [0.0, 0.0]}
    shape = InboxShape(pictures=80, strangers=0.5, references=3, characters=8)
    for embedded in looks(50).values():
        for inbox in draw_inboxes(embedded, shape, 4, encoder.id, rng()):
            for how, rule in {
                "raw": Rule(plda, 0.0),
                "adapted": Rule(plda, 0.0, adaptation),
            }.items():
                found = rule.fitted(inbox.gallery, inbox.pictures)
                scores = found.judge.scores(inbox.pictures, inbox.gallery)
                named = scores.max(axis=1) >= (found.threshold or 0.0)
                right = scores.argmax(axis=1) == inbox.own
                rates[how][0] += float((named & right)[inbox.known].mean())
                rates[how][1] += float(named[~inbox.known].mean())
    assert rates["adapted"][0] - rates["adapted"][1] > rates["raw"][0] - rates["raw"][1]


def test_where_there_is_nothing_to_adapt_both_are_the_same() -> None:
    shapes = (SHAPE,)
    protocol = Inboxes(shapes, draws=2, bootstrap=5)
    metrics = protocol.run(clusters(20, 12, 0.3), by(), rng()).metrics
    key = SHAPE.key
    assert metrics[f"top1_{key}_adapted"].value == metrics[f"top1_{key}_as_is"].value
    assert metrics[f"strangers_named_at_5_{key}_adapted"].value is None
    assert protocol.primary("any") in metrics
    assert set(metrics) == {metric.name for metric in protocol.metrics(["any"])}


def test_a_source_that_is_too_small_has_no_value() -> None:
    measured = Measured(toy_encoder(), ())
    metrics = Inboxes((SHAPE,), bootstrap=0).run(clusters(2, 3, 0.1), measured, rng()).metrics
    assert {estimate.value for estimate in metrics.values()} == {None}


def test_calibration_error_by_hand() -> None:
    chances = np.array([0.95, 0.95, 0.15, 0.15])
    right = np.array([True, False, False, False])
    assert _calibration_error(chances, right, np.ones(4)) == pytest.approx((0.9 + 0.3) / 4)
    weights = np.array([1.0, 0.0, 1.0, 0.0])
    assert _calibration_error(chances, right, weights) == pytest.approx((0.05 + 0.15) / 2)
    assert np.isnan(_calibration_error(np.array([np.nan]), right[:1], np.ones(1)))
