"""Protocols on toy embeddings: by hand, and that a shared scene never helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kyara.evaluate.metrics import roc_of
from kyara.evaluate.protocols import (
    CURVE_FPR,
    Enrolment,
    EvaluationProtocol,
    Retrieval,
    Verification,
    standard_protocols,
)
from kyara.evaluate.trials import Embedded, draw_enrolment, pairs_of
from tests.evaluate.helpers import by, clusters, complete, dot, rng, toy

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

# Two characters on the axes, told apart perfectly; the last picture lies with the other one.
AXES = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]


def value(protocol: EvaluationProtocol, embedded: Embedded, metric: str) -> float | None:
    return protocol.run(embedded, by(), rng()).metrics[metric].value


def test_every_pair_of_different_scenes_once() -> None:
    pairs = pairs_of(toy(AXES, [0, 0, 1, 1], [0, 0, 1, 2]), dot, rng(), limit=100)
    assert len(pairs.scores) == 5  # six pairs, one of them within a scene
    assert pairs.same.sum() == 1
    assert sorted(pairs.scores[~pairs.same].tolist()) == [0, 0, 0, 0]


def test_pairs_over_several_blocks_are_complete() -> None:
    many = clusters(characters=6, pictures=200, noise=0.5)
    pairs = pairs_of(many, dot, rng(), limit=10**9)
    assert len(pairs.scores) == 1200 * 1199 // 2
    assert pairs.same.sum() == 6 * 200 * 199 // 2


def test_a_limit_keeps_all_same_pairs_and_some_of_the_different() -> None:
    many = clusters(characters=30, pictures=5, noise=0.5)
    pairs = pairs_of(many, dot, rng(), limit=2000)
    assert pairs.same.sum() == 30 * 10
    assert 1500 < (~pairs.same).sum() < 2300
    every = Verification(bootstrap=0)
    some = replace(every, limit=2000)
    assert value(some, many, "eer") == pytest.approx(value(every, many, "eer"), abs=0.03)


def test_verification_is_the_metric_on_the_pairs() -> None:
    noisy = clusters(characters=12, pictures=6, noise=0.8)
    pairs = pairs_of(noisy, dot, rng(), limit=10**9)
    outcome = Verification(bootstrap=300).run(noisy, by(), rng())
    eer = outcome.metrics["eer"]
    assert eer.value == pytest.approx(roc_of(pairs.scores, pairs.same).equal_error_rate())
    assert eer.replicates is not None
    assert np.mean(eer.replicates) == pytest.approx(eer.value, abs=0.03)
    curve = outcome.curves["det"].values
    assert len(curve) == len(CURVE_FPR)
    assert list(curve) == sorted(curve, reverse=True)


def test_verification_of_perfect_embeddings() -> None:
    outcome = Verification(bootstrap=20).run(toy(AXES, [0, 0, 1, 1]), by(), rng())
    assert {name: e.value for name, e in outcome.metrics.items()} == {
        "eer": 0.0,
        "fpr_at_fnr_13.9": 0.0,
        "tpr_at_fpr_1": 1.0,
        "tpr_at_fpr_0.1": 1.0,
    }


def test_a_shared_scene_never_helps() -> None:
    # Only pictures of one scene are alike; across scenes nothing is.
    scenes = [0, 0, 1, 1]
    rows = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    same_scene = toy(rows, [0, 0, 0, 0], scenes)
    pairs = pairs_of(same_scene, dot, rng(), limit=100)
    assert pairs.scores.tolist() == [0.0] * 4
    retrieved = Retrieval(bootstrap=0).run(toy(rows, [0, 0, 1, 1], scenes), by(), rng())
    assert retrieved.metrics["rank1"].value is None  # each one's only fellow is of its scene


def test_retrieval_by_hand() -> None:
    # The fourth picture is of character 1 but lies with character 0.
    rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.8, 0.0]]
    outcome = Retrieval(bootstrap=0).run(toy(rows, [0, 0, 1, 1]), by(), rng())
    assert outcome.metrics["rank1"].value == pytest.approx(2 / 4)
    # Right answers at rank 1 and 1; the third finds the fourth last; the fourth the third last.
    assert outcome.metrics["map"].value == pytest.approx((1 + 1 + 1 / 3 + 1 / 3) / 4)


def test_a_lone_picture_is_a_wrong_answer_but_no_query() -> None:
    rows = [[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]]
    outcome = Retrieval(bootstrap=0).run(toy(rows, [0, 0, 1]), by(), rng())
    assert outcome.metrics["rank1"].value == 0.0
    assert outcome.metrics["map"].value == pytest.approx(0.5)


def test_enrolment_of_perfect_embeddings() -> None:
    outcome = Enrolment(counts=(1,), bootstrap=20).run(toy(AXES, [0, 0, 1, 1]), by(), rng())
    assert outcome.metrics["top1_1_any"].value == 1.0
    assert outcome.metrics["top1_1_avg"].value == 1.0


def test_any_and_avg_differ_where_they_should() -> None:
    # Every picture of 0 has one twin and is opposite to the rest; those of 1 are lukewarm to
    # all. Whichever two references are drawn, the mean prefers character 1 more often.
    rows = [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0], *([[0.01, 1.0]] * 4)]
    protocol = Enrolment(counts=(3,), draws=30, bootstrap=0)
    outcome = protocol.run(toy(rows, [0, 0, 0, 0, 1, 1, 1, 1]), by(), rng())
    anyone, average = outcome.metrics["top1_3_any"].value, outcome.metrics["top1_3_avg"].value
    assert anyone == 1.0
    assert average is not None
    assert average < anyone


def test_enrolment_needs_two_characters_with_more_than_n_pictures() -> None:
    metrics = (
        Enrolment(counts=(1, 2), bootstrap=0).run(toy(AXES, [0, 0, 1, 1]), by(), rng()).metrics
    )
    assert metrics["top1_1_any"].value is not None
    assert metrics["top1_2_any"].value is None
    assert metrics["top1_2_avg"].value is None


def test_no_probe_shares_a_scene_with_a_reference() -> None:
    embedded = clusters(characters=5, pictures=8, noise=0.3)
    crowded = Embedded(embedded.embeddings, embedded.characters, np.arange(40) % 13)
    for seed in range(20):
        draw = draw_enrolment(crowded, np.full(5, 2), np.random.default_rng(seed))
        used = set(crowded.scenes[draw.references].tolist())
        assert used.isdisjoint(crowded.scenes[draw.probes].tolist())
        owners = crowded.characters[draw.references].tolist()
        assert owners == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert draw.starts.tolist() == [0, 2, 4, 6, 8]


def test_a_character_without_references_is_only_probed() -> None:
    draw = draw_enrolment(toy(AXES, [0, 0, 1, 2]), np.array([1, 0, 0]), rng())
    assert draw.enrolled.tolist() == [0]
    assert len(draw.probes) == 3


@pytest.mark.parametrize("protocol", standard_protocols(bootstrap=30), ids=lambda p: p.name)
def test_the_same_chance_gives_the_same_numbers(protocol: EvaluationProtocol) -> None:
    noisy = complete(clusters(characters=12, pictures=12, noise=0.8))
    first, again = (protocol.run(noisy, by(), rng()) for _ in range(2))
    assert protocol.primary("avg") in first.metrics
    for name, estimate in first.metrics.items():
        assert estimate.value == again.metrics[name].value
        np.testing.assert_array_equal(estimate.replicates, again.metrics[name].replicates)


@pytest.mark.parametrize("protocol", standard_protocols(bootstrap=30), ids=lambda p: p.name)
def test_better_embeddings_measure_better(protocol: EvaluationProtocol) -> None:
    if protocol.name == "robustness":
        pytest.skip("what an alteration costs says nothing of what was there to lose")
    if protocol.name == "grouping":
        pytest.skip("it is measured at the model's own similarity, and a toy says none")
    if protocol.name == "suggestions":
        pytest.skip("what is asked hangs on probabilities, and a toy says none")
    pictures = 5 if protocol.name == "tiers" else 12  # its primary metric is of the first tier
    good, bad = (complete(clusters(12, pictures, noise)) for noise in (0.3, 1.5))
    primary = protocol.primary("avg")
    (about,) = (m for m in protocol.metrics(("any", "avg")) if m.name == primary)
    sign = 1 if about.higher_is_better else -1
    values = [value(protocol, embedded, primary) for embedded in (good, bad)]
    assert values[0] is not None
    assert values[1] is not None
    assert sign * values[0] > sign * values[1]


@pytest.mark.parametrize("protocol", standard_protocols(bootstrap=0), ids=lambda p: p.name)
def test_every_metric_says_what_it_is(protocol: EvaluationProtocol) -> None:
    metrics = protocol.metrics(("any", "avg"))
    names = [metric.name for metric in metrics]
    found = protocol.run(complete(clusters(12, 12, 0.5)), by(), rng()).metrics
    assert names == list(found)
    assert len({metric.title for metric in metrics}) == len(names)
    assert protocol.primary("avg") in [metric.name for metric in metrics if metric.in_tables]


@pytest.mark.parametrize("protocol", standard_protocols(bootstrap=5), ids=lambda p: p.name)
def test_nothing_to_measure_is_no_value(protocol: EvaluationProtocol) -> None:
    alone = toy([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    nobody = toy(np.zeros((0, 2)).tolist(), [])
    full = protocol.run(clusters(12, 12, 0.5), by(), rng())
    for embedded in (alone, replace(nobody, embeddings=np.zeros((0, 2), np.float32))):
        outcome = protocol.run(embedded, by(), rng())
        assert set(outcome.metrics) == set(full.metrics)
        assert {estimate.value for estimate in outcome.metrics.values()} == {None}


def test_embedded_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="expected 1 characters and scenes"):
        toy([[1.0]], [0, 1])
