"""The judge fitted to the user's pictures: what it hangs on, and what it does not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.encode.encoder import Encoder
from kyara.identify import adapted
from kyara.identify.adapted import LENIENT, Adaptation, Adapted, features
from kyara.identify.domain import MODEL, domain_of, effective_characters
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Plda, Rule
from kyara.identify.plda import PldaModel
from kyara.identify.strangers import share_known, threshold_for
from kyara.library.referred import Rejected
from kyara.manifest import AdaptedSpec, EmbeddingSpec, InputSpec, Manifest, ModelSpec, PluginSpec
from kyara.types import FloatArray, Thresholds, normalised

SIZE = 16
SPEC = AdaptedSpec(
    intercept=-2.0,
    score=0.5,
    score_references=-0.01,
    score_weight=0.01,
    similarity=1.0,
    distance=1.0,
    characters=-0.5,
    references=-0.2,
    references_squared=0.05,
    weight=-0.3,
    at_1=3.0,
    at_5=1.5,
    at_10=0.8,
    single=0.7,
)


def encoder() -> Encoder:
    manifest = Manifest(
        plugin=PluginSpec(name="toy", version="1"),
        model=ModelSpec(entry="none:none"),
        input=InputSpec(size=8),
        embedding=EmbeddingSpec(dimension=SIZE),
    )
    return Encoder("toy@1", manifest, lambda: None, concurrent=True)  # type: ignore[arg-type]


def judge_of_the_book() -> Plda:
    model = PldaModel(
        np.zeros(SIZE, np.float32),
        np.eye(SIZE, dtype=np.float32) * 6,
        np.full(SIZE, 1.5, np.float32),
    )
    return Plda(encoder(), model, thresholds=SPEC.thresholds)


def world(
    seed: int = 0, characters: int = 6, references: int = 3, look: float = 1.0
) -> tuple[Gallery, FloatArray, np.ndarray]:
    """References, pictures of twice as many characters, and whose they are. All are drawn
    alike: the same direction is in each of them."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(2 * characters, SIZE)) + look * 4 * np.eye(SIZE)[0]
    owners = np.repeat(np.arange(2 * characters), 20)
    rows = normalised((points[owners] + rng.normal(0, 0.5, (len(owners), SIZE))).astype("f4"))
    place = np.arange(len(owners)) % 20
    enrolled = (place < references) & (owners < characters)
    listed = [(f"c{owners[n]:02}", Path(f"{n}"), rows[n]) for n in np.flatnonzero(enrolled)]
    return Gallery.build("toy@1", listed), rows[~enrolled], owners[~enrolled]


def rule(fpir: float | None = None) -> Rule:
    plda = judge_of_the_book()
    return Rule(plda, 0.0, Adaptation(plda, SPEC, True, fpir))


def test_pictures_of_one_look_are_told_apart_better() -> None:
    gallery, pictures, owners = world()
    known = owners < 6
    raw = judge_of_the_book().scores(pictures, gallery).max(axis=1)
    fitted = rule().fitted(gallery, pictures).judge.scores(pictures, gallery).max(axis=1)

    def area(scores: FloatArray) -> float:
        return float((scores[known, None] > scores[~known]).mean())

    assert area(fitted) > area(raw)


@given(st.integers(0, 1000))
def test_the_order_of_the_pictures_is_nothing_to_it(seed: int) -> None:
    gallery, pictures, _ = world()
    order = np.random.default_rng(seed).permutation(len(pictures))
    one, other = (rule(0.05).fitted(gallery, p) for p in (pictures, pictures[order]))
    assert one.domain is not None
    assert other.domain is not None
    np.testing.assert_array_equal(one.domain.centre, other.domain.centre)
    assert one.threshold == pytest.approx(other.threshold, abs=1e-5)


def test_of_very_many_the_same_ones_are_looked_at_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapted, "_LOOKED_AT", 50)
    gallery, pictures, _ = world()
    order = np.random.default_rng(1).permutation(len(pictures))
    one, other = (rule(0.05).fitted(gallery, p) for p in (pictures, pictures[order]))
    assert one.domain is not None
    assert other.domain is not None
    assert one.domain.pictures == len(pictures)
    np.testing.assert_array_equal(one.domain.centre, other.domain.centre)
    assert one.threshold == pytest.approx(other.threshold, abs=1e-5)


def test_the_same_pictures_give_the_same_scores() -> None:
    gallery, pictures, _ = world()
    one, other = (rule().fitted(gallery, pictures).judge for _ in range(2))
    np.testing.assert_array_equal(one.scores(pictures, gallery), other.scores(pictures, gallery))


def test_one_picture_changes_next_to_nothing_and_a_thousand_decide() -> None:
    gallery, pictures, _ = world()
    alone = domain_of(gallery)
    one = domain_of(gallery, pictures[:1])
    step = np.linalg.norm(one.centre - alone.centre)
    assert step <= 2.0 / (MODEL + len(gallery.characters))
    assert alone.weight == 0.0
    assert one.weight < 0.05
    many = domain_of(gallery, np.tile(pictures, (6, 1)), characters=300.0)
    assert many.weight > 0.95
    assert np.linalg.norm(many.centre - pictures.mean(axis=0)) < 0.1


def test_copies_of_a_reference_count_once() -> None:
    gallery, _, _ = world()
    rows = np.concatenate([np.arange(len(gallery.embeddings)), np.zeros(50, np.intp)])
    copied = gallery.only(np.sort(rows))
    moved = np.linalg.norm(domain_of(copied).centre - domain_of(gallery).centre)
    assert moved < 0.5 / (MODEL + len(gallery.characters))


def test_a_heap_of_one_character_is_not_taken_for_the_look() -> None:
    gallery, pictures, owners = world()
    single = pictures[owners == 2]
    fitted = rule().fitted(gallery, single)
    assert fitted.domain is not None
    assert fitted.domain.pictures == len(single)
    assert fitted.domain.weight < 0.4
    best = fitted.judge.scores(single, gallery).argmax(axis=1)
    assert (best == 2).mean() > 0.8


@pytest.mark.parametrize("of", ["strangers", "known", "one", "none"])
def test_every_inbox_has_an_answer(of: str) -> None:
    gallery, pictures, owners = world()
    some = {
        "strangers": pictures[owners >= 6],
        "known": pictures[owners < 6],
        "one": pictures[:1],
        "none": pictures[:0],
    }[of]
    for fpir in (None, 0.01, 0.1):
        fitted = rule(fpir).fitted(gallery, some)
        assert fitted.threshold is not None
        assert np.isfinite(fitted.threshold)
        assert np.isfinite(fitted.judge.scores(some, gallery)).all()


def rejected(gallery: Gallery, pictures: FloatArray) -> Rejected:
    """Of each picture that it does not show the character of the gallery that it is taken for."""
    best = rule().fitted(gallery).judge.scores(pictures, gallery).argmax(axis=1)
    return Rejected(tuple(gallery.characters[n] for n in best), pictures)


def test_what_was_rejected_counts_against_pictures_like_it_and_no_others() -> None:
    gallery, pictures, owners = world()
    stranger = pictures[owners == 9]
    said = rejected(gallery, stranger[:2])
    place = gallery.index(said.characters[0])
    before = rule().fitted(gallery, pictures).judge.scores(pictures, gallery)
    after = rule().fitted(gallery, pictures, said).judge.scores(pictures, gallery)
    fallen = before - after
    untouched = [n for n, name in enumerate(gallery.characters) if name not in said.characters]
    assert (fallen[:, untouched] == 0).all()
    assert (fallen >= 0).all()
    assert np.median(fallen[owners == 9, place]) > 1.0
    assert np.median(fallen[owners == place, place]) < 0.5


@given(st.integers(0, 1000))
def test_in_which_order_things_were_rejected_is_nothing_to_it(seed: int) -> None:
    gallery, pictures, owners = world()
    said = rejected(gallery, pictures[owners >= 6][::7])
    order = np.random.default_rng(seed).permutation(len(said.characters))
    again = Rejected(tuple(said.characters[n] for n in order), said.embeddings[order])
    one, other = (
        rule().fitted(gallery, pictures, each).judge.scores(pictures, gallery)
        for each in (said, again)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_what_was_rejected_for_others_than_the_gallery_s_is_nothing_to_it() -> None:
    gallery, pictures, _ = world()
    others = Rejected(("nobody here",) * 3, pictures[:3])
    none = Rejected((), np.zeros((0, SIZE), np.float32))
    plain = rule().fitted(gallery, pictures).judge.scores(pictures, gallery)
    for said in (others, none):
        scores = rule().fitted(gallery, pictures, said).judge.scores(pictures, gallery)
        np.testing.assert_array_equal(scores, plain)


def test_a_gallery_of_a_single_character_is_judged() -> None:
    gallery, pictures, owners = world()
    single = gallery.only(np.arange(3))
    scores = rule().fitted(single, pictures).judge.scores(pictures, single)[:, 0]
    assert scores[owners == 0].mean() > scores[owners != 0].mean()


def test_a_fitted_rule_stays_and_one_that_does_not_adapt_too() -> None:
    gallery, pictures, _ = world()
    fitted = rule().fitted(gallery, pictures)
    assert fitted.fitted(gallery, pictures[:1]) is fitted
    plain = Rule(judge_of_the_book(), 0.0)
    assert plain.fitted(gallery, pictures) is plain


def test_few_pictures_are_named_with_more_caution() -> None:
    gallery, pictures, _ = world()
    least = [rule().fitted(gallery, pictures[:n]).threshold for n in (0, 1, 10, 20, 100)]
    assert least[0] == pytest.approx(SPEC.single)
    assert None not in least
    assert least == sorted(least, reverse=True)  # type: ignore[type-var]
    assert least[-2:] == [LENIENT, LENIENT]
    chosen = Rule(judge_of_the_book(), 3.0, Adaptation(judge_of_the_book(), SPEC))
    assert chosen.fitted(gallery, pictures[:1]).threshold == 3.0


def test_one_good_reference_among_odd_ones_speaks_for_a_picture() -> None:
    gallery, pictures, owners = world(references=4)
    single = pictures[owners == 0][:1]
    odd = pictures[owners == 7][:3]
    listed = [("mixed", Path("0"), single[0]), *(("mixed", Path("1"), row) for row in odd)]
    mixed = Gallery.build("toy@1", listed)
    with_, without = (
        Adapted(judge_of_the_book(), spec, domain_of(gallery, pictures, 6.0)).scores(single, mixed)
        for spec in (SPEC, msgspec.structs.replace(SPEC, similarity=0.0))
    )
    assert (with_ - without)[0, 0] == pytest.approx(SPEC.similarity, abs=1e-4)


def test_probes_in_blocks_score_as_each_alone() -> None:
    gallery, pictures, _ = world(characters=9)
    many = np.tile(pictures, (3, 1))
    judge = Adapted(judge_of_the_book(), SPEC, domain_of(gallery, pictures, 6.0))
    alone = np.concatenate([judge.scores(many[[n]], gallery) for n in range(0, len(many), 50)])
    np.testing.assert_allclose(judge.scores(many, gallery)[::50], alone, atol=1e-4)


def test_the_curve_is_that_of_the_manifest() -> None:
    gallery, pictures, _ = world()
    judge = Adapted(judge_of_the_book(), SPEC, domain_of(gallery, pictures, 6.0))
    rows, best = features(judge, pictures, gallery)
    numbers = [getattr(SPEC, name) for name in AdaptedSpec.__struct_fields__[1:10]]
    scores = judge.scores(pictures, gallery)
    assert (scores.argmax(axis=1) == best).all()
    np.testing.assert_allclose(scores.max(axis=1), rows @ numbers + SPEC.intercept, rtol=1e-4)


def drawn(known: int, strangers: int, seed: int = 0) -> FloatArray:
    """Log-odds that are right: of two normal distributions."""
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(1.5, 1, known), rng.normal(-1.5, 1, strangers)])
    return np.asarray(3.0 * scores, dtype=np.float32)


@pytest.mark.parametrize(("known", "strangers"), [(900, 100), (500, 500), (100, 900)])
def test_the_share_of_strangers_is_found(known: int, strangers: int) -> None:
    share = known / (known + strangers)
    assert share_known(drawn(known, strangers)) == pytest.approx(share, abs=0.05)


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 99))
def test_a_higher_rate_is_never_stricter(known: int, strangers: int, seed: int) -> None:
    scores = drawn(known, strangers, seed)
    rates = (0.01, 0.02, 0.05, 0.07, 0.1)
    thresholds = [threshold_for(scores, rate, SPEC.thresholds) for rate in rates]
    assert thresholds == sorted(thresholds, reverse=True)


def test_without_pictures_what_was_measured_holds_and_many_outweigh_it() -> None:
    measured = Thresholds((0.01, 0.05, 0.1), (30.0, 20.0, 10.0))
    assert threshold_for(np.zeros(0, np.float32), 0.05, measured) == 20.0
    near = threshold_for(drawn(10, 10), 0.05, measured)
    scores = drawn(5000, 5000)
    far = threshold_for(scores, 0.05, measured)
    assert far < near < 20.0
    assert (scores[5000:] >= far).mean() == pytest.approx(0.05, abs=0.025)


def test_how_many_characters_there_seem_to_be() -> None:
    assert effective_characters(np.zeros(0, np.intp)) == 0.0
    assert effective_characters(np.full(30, 4)) == pytest.approx(1.0)
    assert effective_characters(np.arange(30) % 6) == pytest.approx(6.0)


def test_of_a_cast_of_many_looks_those_compete_that_the_pictures_are_like() -> None:
    gallery, pictures, _ = world()
    alone = domain_of(gallery)
    assert alone.competing == pytest.approx(len(gallery.characters))
    few = domain_of(gallery, np.tile(pictures, (8, 1)), characters=2.0)
    assert 2.0 < few.competing < 2.5
    assert domain_of(gallery, pictures[:1], characters=1.0).competing > 5.5
