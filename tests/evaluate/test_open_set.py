"""Open-set identification: the figures by hand, and whom the draws enrol."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.evaluate.protocols import Measured, OpenSetIdentification
from kyara.evaluate.protocols.open_set import at_threshold, draw_open_set, figures
from kyara.identify.judge import Any, Plda
from kyara.identify.plda import fit_plda
from tests.evaluate.helpers import by, clusters, rng, toy, toy_encoder

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")


def test_figures_by_hand() -> None:
    # Falling scores: right, stranger, right, wrong name, then 19 more strangers.
    known = np.array([True, False, True, True, *[False] * 19])
    right = np.array([True, False, True, False, *[False] * 19])
    dir_1, dir_5, dir_10, auroc, top1 = figures(known, right, np.ones(23))
    assert dir_1 == pytest.approx(1 / 3)  # no stranger may pass
    assert dir_5 == pytest.approx(2 / 3)  # one of twenty
    assert dir_10 == pytest.approx(2 / 3)
    assert auroc == pytest.approx((1 + 0.95 + 0.95) / 3)
    assert top1 == pytest.approx(2 / 3)


def test_auroc_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    scores = np.sort(np.random.default_rng(0).normal(size=200))[::-1]
    known = np.random.default_rng(1).random(200) < 0.4
    weights = np.ones(200)
    assert figures(known, known, weights)[3] == pytest.approx(roc_auc_score(known, scores))


def test_half_of_the_characters_are_enrolled_and_none_of_the_small() -> None:
    embedded = toy(np.eye(16).tolist(), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5])
    enrolled = set()
    for draw in draw_open_set(embedded, 2, 20, rng()):
        assert len(draw.enrolled) == 2
        assert len(draw.references) == 4
        assert len(draw.probes) == 12
        enrolled |= set(draw.enrolled.tolist())
    assert enrolled == {0, 1, 2, 3}
    assert list(draw_open_set(embedded, 3, 20, rng())) == []


def test_what_comes_of_a_threshold_by_hand() -> None:
    # Named: a right one, a stranger, a wrong one. Not named: a right one and two strangers.
    known = np.array([True, False, True, True, False, False])
    right = np.array([True, False, False, True, False, False])
    named = np.arange(6) < 3
    found = at_threshold(known, right, named, np.ones(6))
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 1 / 3])
    twice = at_threshold(known, right, named, np.array([2.0, 1, 1, 1, 1, 1]))
    np.testing.assert_allclose(twice, [2 / 4, 1 / 4, 1 / 4, 1 / 3])
    assert np.isnan(at_threshold(known, right, None, np.ones(6))).all()


def test_good_embeddings_and_an_open_set_judge_measure_better() -> None:
    train, good, bad = (
        clusters(40, 8, noise, 16, seed) for noise, seed in ((0.6, 1), (0.3, 2), (0.9, 3))
    )
    encoder = toy_encoder()
    model = fit_plda(train.embeddings, train.characters, np.zeros(len(train), np.intp))
    measured = Measured(encoder, (Any(encoder), Plda(encoder, model)))
    protocol = OpenSetIdentification(bootstrap=20, counts=(1, 3))
    assert protocol.primary("plda") == "dir_at_fpir_5_3_plda"
    first, again, worse = (protocol.run(e, measured, rng()).metrics for e in (good, good, bad))
    for name, estimate in first.items():
        assert estimate.value == again[name].value
    assert first["auroc_3_plda"].value > worse["auroc_3_plda"].value  # type: ignore[operator]
    assert first["top1_3_any"].value > worse["top1_3_any"].value  # type: ignore[operator]
    # At the judge's own threshold; the similarity of an encoder without calibration has none.
    shares = [first[f"{what}_3_plda"].value for what in ("right", "wrong", "unknown")]
    assert sum(shares) == pytest.approx(1)  # type: ignore[arg-type]
    assert first["right_3_plda"].value > worse["right_3_plda"].value  # type: ignore[operator]
    assert first["right_3_any"].value is None


def test_strangers_are_never_enrolled() -> None:
    embedded = clusters(8, 4, 0.2)
    # Strangers that lie with the known make it hard to tell.
    alike = embedded.embeddings[::2]
    protocol = OpenSetIdentification(counts=(1,), bootstrap=0)
    alone, beside = (
        protocol.run(embedded, by(strangers=strangers), rng()).metrics["dir_at_fpir_1_1_any"].value
        for strangers in (None, alike)
    )
    assert beside < alone  # type: ignore[operator]


def test_nothing_to_measure_is_no_value() -> None:
    outcome = OpenSetIdentification(counts=(1,), bootstrap=0).run(
        toy([[1.0, 0.0], [0.0, 1.0]], [0, 1]), by(), rng()
    )
    assert {estimate.value for estimate in outcome.metrics.values()} == {None}
