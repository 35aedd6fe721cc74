"""Hard pairs, tiers, precision and recall, clustering and robustness, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kyara.evaluate.alterations import ALTERATIONS
from kyara.evaluate.embed import choose_altered
from kyara.evaluate.metrics import b_cubed, precision_recall_of, r_precision
from kyara.evaluate.protocols import (
    Clustering,
    Enrolment,
    EvaluationProtocol,
    Grouping,
    HardPairs,
    Robustness,
    Tiers,
    Verification,
)
from kyara.evaluate.trials import Altered, Embedded, hard_pairs_of, mine_hard_pairs
from kyara.types import FloatArray
from tests.evaluate.helpers import by, clusters, complete, dot, rng, toy

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def values(protocol: EvaluationProtocol, embedded: Embedded) -> dict[str, float | None]:
    outcome = protocol.run(embedded, by(), rng())
    return {name: estimate.value for name, estimate in outcome.metrics.items()}


# Hard pairs


def test_the_miner_names_the_least_similar_fellow_and_the_most_similar_other() -> None:
    # On a line: character 0 at 1, 2 and 9, character 1 at 8 and 3.
    line = toy([[1.0], [2.0], [9.0], [8.0], [3.0]], [0, 0, 0, 1, 1])

    def near(a: FloatArray, b: FloatArray) -> FloatArray:
        return -np.abs(a - b.T)

    pairs = {tuple(pair) for pair in mine_hard_pairs(line, near).tolist()}
    same = {(0, 2), (1, 2), (3, 4)}
    different = {(0, 4), (1, 4), (2, 3)}
    assert pairs == same | different


def test_no_hard_pair_is_of_one_scene() -> None:
    embedded = clusters(6, 6, 0.8)
    crowded = replace(embedded, scenes=np.arange(36) % 7)
    pairs = mine_hard_pairs(crowded, dot)
    assert len(pairs)
    assert (crowded.scenes[pairs[:, 0]] != crowded.scenes[pairs[:, 1]]).all()


def test_hard_pairs_are_scored_by_the_encoder_under_test() -> None:
    many = clusters(characters=6, pictures=200, noise=0.5)  # more than a block
    pairs = mine_hard_pairs(clusters(6, 200, 0.5, seed=5), dot)
    scored = hard_pairs_of(many, dot, pairs)
    expected = (many.embeddings[pairs[:, 0]] * many.embeddings[pairs[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(scored.scores, expected, atol=1e-6)
    owners = many.characters[pairs]
    np.testing.assert_array_equal(scored.same, owners[:, 0] == owners[:, 1])


def test_pairs_that_one_finds_hard_are_harder_for_it_than_for_another() -> None:
    embedded = clusters(12, 6, 0.8)
    every = values(Verification(bootstrap=0), embedded)["eer"]
    own = replace(embedded, mined=mine_hard_pairs(embedded, dot))
    other = replace(embedded, mined=mine_hard_pairs(clusters(12, 6, 0.8, seed=9), dot))
    hard = HardPairs(bootstrap=0)
    by_itself, by_another = (values(hard, part)["hard_eer"] for part in (own, other))
    assert every is not None
    assert by_itself is not None
    assert by_another is not None
    assert by_itself > by_another
    assert by_another == pytest.approx(every, abs=0.15)  # strangers' hard pairs are just pairs


def test_without_a_miner_there_are_no_hard_pairs() -> None:
    assert set(values(HardPairs(), clusters(12, 6, 0.8)).values()) == {None}


# R-precision


def test_r_precision_by_hand() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], dtype=np.float32)
    relevant = np.array([[False, True, False, True]])
    nothing = np.zeros_like(relevant)
    assert r_precision(scores, relevant, nothing).tolist() == [1 / 2]
    first = np.array([[True, False, False, False]])
    assert r_precision(scores, relevant, first).tolist() == [1 / 2]
    assert r_precision(scores, relevant, relevant[:, ::-1]).tolist() == [1.0]
    assert np.isnan(r_precision(scores, nothing, nothing)).all()


# Precision and recall


def test_precision_and_recall_by_hand() -> None:
    # Right, wrong, then a tie of two right ones: no threshold lies within a tie.
    best = np.array([4, 3, 2, 2], dtype=np.float32)
    curve = precision_recall_of(best, np.array([True, False, True, True]), np.ones(4))
    assert curve is not None
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 3 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 3 / 4])
    assert curve.average_precision() == pytest.approx(1 / 4 * 1 + 2 / 4 * 3 / 4)
    assert curve.recall_at(0.9) == pytest.approx(1 / 4)
    assert curve.recall_at(0.75) == pytest.approx(3 / 4)
    assert curve.precision_at(0.5) == pytest.approx(3 / 4)
    assert curve.precision_at(0.8) == 0.0
    assert precision_recall_of(best, best > 2, np.zeros(4)) is None


def test_a_probe_with_weight_two_counts_as_two() -> None:
    best, right = np.array([3, 2, 1], dtype=np.float32), np.array([True, False, True])
    weighted = precision_recall_of(best, right, np.array([1.0, 2.0, 1.0]))
    twice = precision_recall_of(best[[0, 1, 1, 2]], right[[0, 1, 1, 2]], np.ones(4))
    assert weighted is not None
    assert twice is not None
    np.testing.assert_allclose(weighted.precision, twice.precision)
    np.testing.assert_allclose(weighted.recall, twice.recall)


def test_where_every_probe_gets_a_name_recall_is_top_1() -> None:
    protocol = Enrolment(counts=(3,), draws=4, bootstrap=0)
    outcome = protocol.run(clusters(10, 8, 0.9), by(), rng())
    for how in ("any", "avg"):
        top1 = outcome.metrics[f"top1_3_{how}"].value
        precision = outcome.curves[f"precision_3_{how}"].values
        reached = [r for r, p in zip(np.linspace(0.02, 1, 50), precision, strict=True) if p > 0]
        assert top1 is not None
        assert max(reached) == pytest.approx(top1, abs=0.021)
        area = outcome.metrics[f"ap_3_{how}"].value
        assert area is not None
        assert area <= top1


# Tiers


def test_tiers_by_hand() -> None:
    # Character 0 has five pictures, so four references each time; 1 has two, 2 has one.
    rows = [[1, 0, 0]] * 5 + [[0, 1, 0], [0.6, 0.8, 0]] + [[0, 0.9, 0.5]]
    found = values(Tiers(bounds=(2, 4), bootstrap=0), toy(rows, [0] * 5 + [1, 1] + [2]))
    assert found == {
        # [0, 1, 0] is nearer to the lone picture (0.9) than to its fellow (0.8), which in turn
        # is nearest to it (0.8, against 0.6 of the first character and 0.72).
        "tier_1_1_any": 0.5,
        "tier_2_3_any": None,
        "tier_4_any": 1.0,
        "tier_1_1_avg": 0.5,
        "tier_2_3_avg": None,
        "tier_4_avg": 1.0,
    }


def test_a_picture_of_the_same_scene_is_no_reference() -> None:
    rows = [[1, 0], [1, 0], [0, 1], [0, 1]]
    found = values(Tiers(bounds=(5,), bootstrap=0), toy(rows, [0, 0, 1, 1], [0, 0, 1, 2]))
    # Character 0 has no reference for either of its pictures; 1 has one for each.
    assert found["tier_1_4_any"] == 1.0
    alone = values(Tiers(bounds=(5,), bootstrap=0), toy(rows, [0, 0, 1, 1], [0, 0, 1, 1]))
    assert alone["tier_1_4_any"] is None


# Clustering


def test_b_cubed_by_hand() -> None:
    # Amigó et al. (2009): each item by the share of its cluster, and of its category, it meets.
    found = b_cubed([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    np.testing.assert_allclose(found.precision, [2 / 3, 2 / 3, 1 / 3, 1, 1])
    np.testing.assert_allclose(found.recall, [1, 1, 1 / 3, 2 / 3, 2 / 3])
    p, r = np.mean(found.precision), np.mean(found.recall)
    assert found.f() == pytest.approx(2 * p * r / (p + r))
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\)"):
        b_cubed([0, 1], [0, 1, 1])


@given(labels)
def test_b_cubed_of_the_truth_is_1_and_exchanging_both_exchanges_the_rates(
    pairs: list[tuple[int, int]],
) -> None:
    clusters_, true = np.array(pairs).T
    assert b_cubed(true, true).f() == pytest.approx(1.0)
    one, other = b_cubed(clusters_, true), b_cubed(true, clusters_)
    np.testing.assert_allclose(one.precision, other.recall)
    # Alone, each is sure of its own kind; all in one cluster, none of its kind is missing.
    assert b_cubed(np.arange(len(true)), true).precision.min() == pytest.approx(1.0)
    assert b_cubed(np.zeros(len(true), dtype=int), true).recall.min() == pytest.approx(1.0)


@given(labels, st.randoms(use_true_random=False))
def test_b_cubed_does_not_hang_on_the_order(pairs: list[tuple[int, int]], chance: object) -> None:
    shuffled = list(pairs)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (b_cubed(*np.array(p).T).f() for p in (pairs, shuffled))
    assert one == pytest.approx(other)


def test_clustering_of_characters_that_stand_apart_is_perfect() -> None:
    found = values(Clustering(bootstrap=0), clusters(12, 6, 0.02))
    assert found == {name: pytest.approx(1.0) for name in found}


def test_clustering_does_not_mind_the_scale_of_the_scores() -> None:
    embedded = clusters(12, 6, 0.6)
    plain = Clustering(bootstrap=0).run(embedded, by(), rng())
    shifted = Clustering(bootstrap=0).run(embedded, by(lambda a, b: 3 * dot(a, b) - 50), rng())
    for name, estimate in plain.metrics.items():
        assert shifted.metrics[name].value == pytest.approx(estimate.value, abs=0.02)


def test_the_cut_is_not_chosen_on_the_characters_it_is_measured_on() -> None:
    # Far pairs of pictures in one half, near pairs in the other: no cut suits both, and one
    # that was chosen on the measured half would be perfect.
    rows = []
    for n in range(8):
        angle = 0.8 * n
        spread = 0.02 if n % 2 else 0.3
        rows += [[np.cos(angle + d), np.sin(angle + d)] for d in (-spread, 0, spread)]
    halved = toy(rows, np.repeat(np.arange(8), 3).tolist())
    found = values(Clustering(splits=8, bootstrap=0), halved)["b3_f"]
    assert found is not None
    assert found < 0.99


@pytest.mark.parametrize("characters", [1, 2, 3])
def test_clustering_needs_two_characters_in_either_half(characters: int) -> None:
    assert set(values(Clustering(), clusters(characters, 5, 0.1)).values()) == {None}


# Robustness


def test_robustness_by_hand() -> None:
    # Clean, the characters are told apart; altered in one way, the probes change places.
    embedded = toy([[1, 0], [1, 0], [0, 1], [0, 1]], [0, 0, 1, 1])
    pictures = np.array([0, 2])
    rows = embedded.embeddings[pictures]
    altered = {name: rows[::-1] if name == "half" else rows for name in ALTERATIONS}
    found = values(Robustness(bootstrap=0), replace(embedded, altered=Altered(pictures, altered)))
    assert found["eer_clean"] == 0.0
    assert found["eer_half"] == 1.0
    assert found["rise_half"] == 1.0
    assert found["rise_grey"] == 0.0
    assert found["rise_worst"] == 1.0


def test_an_altered_picture_is_not_compared_with_its_own_scene() -> None:
    embedded = toy([[1, 0], [1, 0], [0, 1], [0, 1]], [0, 0, 1, 1], [0, 0, 1, 1])
    pictures = np.array([0, 2])
    rows = dict.fromkeys(ALTERATIONS, embedded.embeddings[pictures])
    found = values(Robustness(bootstrap=0), replace(embedded, altered=Altered(pictures, rows)))
    assert set(found.values()) == {None}  # no same pair is left


def test_what_is_not_altered_does_not_rise() -> None:
    embedded = complete(clusters(12, 6, 0.8))
    outcome = Robustness(bootstrap=20).run(embedded, by(), rng())
    none = outcome.metrics["rise_grey"]  # the helper alters the first by nothing
    assert none.value == 0.0
    assert none.replicates is not None
    assert set(none.replicates.tolist()) == {0.0}
    assert outcome.metrics["rise_line_art"].value > 0.0  # type: ignore[operator]


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(0, 1000))
def test_pictures_to_alter_are_spread_over_the_characters(count: int, seed: int) -> None:
    # Twenty of character 0, three of 1 and 2, one of 3, and two of one scene of 4.
    characters = [0] * 20 + [1] * 3 + [2] * 3 + [3] + [4] * 2
    scenes = [*range(27), 27, 27]
    embedded = toy([[1.0]] * 29, characters, scenes)
    chosen = choose_altered(embedded, count, seed)
    owners = embedded.characters[chosen]
    assert len(set(chosen.tolist())) == len(chosen) == min(count, 26)
    assert not {3, 4} & set(owners.tolist())  # they have no fellow in another scene
    counts = np.bincount(owners, minlength=3)
    assert counts[0] >= counts.max() - 1 or counts[0] == 20
    assert counts.max() - counts[1:3].min() <= 1 or counts[1:3].min() == 3


# Alterations


def picture() -> Image.Image:
    image = Image.new("RGB", (40, 30), (230, 200, 180))
    image.paste((200, 30, 40), (5, 5, 20, 25))
    return image


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_alteration_leaves_its_argument_alone_and_gives_colours(name: str) -> None:
    image = picture()
    before = image.tobytes()
    altered = ALTERATIONS[name](image)
    assert altered.mode == "RGB"
    assert image.tobytes() == before
    assert altered.tobytes() != before
    assert altered.size == ((20, 30) if name == "half" else (40, 30))


def test_grey_has_no_colour_and_hues_turn_both_ways() -> None:
    red, green, blue = ALTERATIONS["grey"](picture()).getpixel((10, 10))
    assert red == green == blue
    turned = [ALTERATIONS[name](picture()).getpixel((10, 10)) for name in ("hue_up", "hue_down")]
    assert turned[0][1] > 80  # red, turned towards green
    assert turned[1][2] > 80  # red, turned towards blue


def test_line_art_has_dark_lines_on_white() -> None:
    lines = np.asarray(ALTERATIONS["line_art"](picture()))
    assert lines[15, 12].tolist() == [255] * 3  # within the red
    assert lines[28, 38].tolist() == [255] * 3  # within the skin
    assert lines[:, 5].min() == 0  # where they meet


def test_a_picture_of_one_pixel_survives() -> None:
    for alteration in ALTERATIONS.values():
        assert alteration(Image.new("RGB", (1, 1), (10, 200, 30))).size == (1, 1)


# Grouping


def grouping(characters: int, pictures: int, spread: float) -> dict[str, float | None]:
    return values(Grouping(heaps=1), clusters(characters, pictures, spread, dimension=128))


def test_grouping_of_characters_that_stand_apart_is_perfect_in_every_way() -> None:
    found = grouping(12, 6, 0.02)
    for method in ("groups", "linkage", "hdbscan"):
        assert 1.0 in [found[name] for name in found if name.startswith(f"{method}_f05_at_")]


def test_without_a_similarity_of_its_own_a_model_has_no_figures_at_its_default() -> None:
    assert grouping(12, 6, 0.02)["b3_f05"] is None


def test_a_heap_of_noise_is_hardly_grouped() -> None:
    found = grouping(12, 6, 20.0)
    assert found["groups_f05_at_0.6"] is not None
    assert found["groups_f05_at_0.6"] < 0.6
