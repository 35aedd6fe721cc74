"""Scores against references become scores against characters, and the characters are ranked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.default import judge_named
from kyara.identify.gallery import Gallery
from kyara.identify.judge import best_of, mean_of
from kyara.identify.nearest import nearest_references
from kyara.identify.ranking import identify
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray, normalised

COPIES = normalised(np.array([[1, 0], [1, 0.1], [1, 1]], np.float32))


def test_copies_of_a_reference_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyara.identify.gallery.COPY", 0.98)
    rows = [("jade", Path(f"{n}.png"), row) for n, row in enumerate(COPIES)]
    gallery = Gallery.build("tiny", [*rows, ("ruby", Path("r.png"), COPIES[0])])
    assert gallery.without_copies().counts.tolist() == [2, 1]
    assert gallery.rows_without_copies().tolist() == [0, 2, 3]


COUNTS = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@st.composite
def scores_and_counts(draw: st.DrawFn) -> tuple[FloatArray, list[int]]:
    counts = draw(COUNTS)
    probes = draw(st.integers(1, 4))
    size = probes * sum(counts)
    values = draw(st.lists(st.floats(-1, 1, width=32), min_size=size, max_size=size))
    return np.asarray(values, dtype=np.float32).reshape(probes, -1), counts


def slowly(scores: FloatArray, counts: list[int], how: str) -> list[list[float]]:
    """What `best_of` or `mean_of` should give, one reference at a time."""
    result = []
    for row in scores.tolist():
        remaining = iter(row)
        groups = [[next(remaining) for _ in range(count)] for count in counts]
        if how == "any":
            result.append([max(group) for group in groups])
        else:
            result.append([sum(group) / len(group) for group in groups])
    return result


@given(scores_and_counts(), st.sampled_from(["any", "avg"]))
def test_aggregation_is_what_the_slow_way_gives(
    made: tuple[FloatArray, list[int]], how: str
) -> None:
    scores, counts = made
    starts = np.cumsum([0, *counts[:-1]])
    got = {"any": best_of, "avg": mean_of}[how](scores, starts)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, slowly(scores, counts, how), atol=1e-6)


def test_the_mean_of_many_references_is_exact() -> None:
    scores = np.full((1, 100_000), 0.1, dtype=np.float32)
    got = mean_of(scores, np.array([0]))
    assert got == pytest.approx(0.1, abs=1e-7)


def unit(*values: float) -> FloatArray:
    return normalised(np.asarray([values + (0.0,) * (48 - len(values))], dtype=np.float32))[0]


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


@pytest.fixture
def gallery(encoder: Encoder) -> Gallery:
    """Ann has one perfect reference and one bad one, Bob two fair ones; mixed order."""
    return Gallery.build(
        encoder.id,
        [
            ("bob", Path("b1"), unit(0.8, 0.6)),
            ("ann", Path("a1"), unit(0, 1)),
            ("bob", Path("b2"), unit(0.8, -0.6)),
            ("ann", Path("a2"), unit(1, 0)),
        ],
    )


def test_a_gallery_is_sorted_by_character(gallery: Gallery) -> None:
    assert gallery.characters == ("ann", "bob")
    assert gallery.paths == (Path("a1"), Path("a2"), Path("b1"), Path("b2"))
    assert gallery.starts.tolist() == [0, 2]
    assert gallery.counts.tolist() == [2, 2]


@given(COUNTS)
def test_counts_are_those_of_the_references(counts: list[int]) -> None:
    references = [
        (f"c{n}", Path(f"{n}-{m}"), np.ones(3, dtype=np.float32))
        for n, count in enumerate(counts)
        for m in range(count)
    ]
    assert Gallery.build("e", references[::-1]).counts.tolist() == counts


def test_any_takes_the_best_reference_and_avg_the_mean(gallery: Gallery, encoder: Encoder) -> None:
    probe = unit(1, 0)[None]
    (by_any,) = identify(probe, gallery, judge_named(encoder, "any"))
    (by_avg,) = identify(probe, gallery, judge_named(encoder, "avg"))
    assert [match.character for match in by_any] == ["ann", "bob"]
    assert [match.score for match in by_any] == pytest.approx([1.0, 0.8])
    assert [match.character for match in by_avg] == ["bob", "ann"]
    assert [match.score for match in by_avg] == pytest.approx([0.8, 0.5])


def test_the_nearest_reference_is_the_characters_own(gallery: Gallery, encoder: Encoder) -> None:
    probe = unit(1, -0.1)
    for how in ("any", "avg"):
        (ranked,) = identify(probe[None], gallery, judge_named(encoder, how))
        nearest = nearest_references(probe, ranked, gallery, encoder, 1)
        paths = {match.character: near.path for match, (near,) in zip(ranked, nearest, strict=True)}
        assert paths == {"ann": Path("a2"), "bob": Path("b2")}


def test_probabilities_come_from_the_curve_of_the_aggregation(
    gallery: Gallery, encoder: Encoder
) -> None:
    (ranked,) = identify(unit(1, 0)[None], gallery, judge_named(encoder, "any"))
    expected = [1 / (1 + np.exp(-(20 * score - 16))) for score in (1.0, 0.8)]
    assert [match.probability for match in ranked] == pytest.approx(expected, abs=1e-5)


def test_equal_scores_are_ranked_by_name(encoder: Encoder) -> None:
    same = [(name, Path(name), unit(1)) for name in ("carl", "ann", "bob")]
    gallery = Gallery.build(encoder.id, same)
    (ranked,) = identify(unit(1)[None], gallery, judge_named(encoder, "any"))
    assert [match.character for match in ranked] == ["ann", "bob", "carl"]


def test_no_probes_no_answers(gallery: Gallery, encoder: Encoder) -> None:
    nobody = np.zeros((0, 48), dtype=np.float32)
    assert identify(nobody, gallery, judge_named(encoder, "any")) == []


def test_embeddings_of_two_encoders_are_never_mixed(encoder: Encoder) -> None:
    gallery = Gallery.build("another@1", [("ann", Path("a"), unit(1))])
    with pytest.raises(UsageError, match="by another@1, not by tiny@1"):
        identify(unit(1)[None], gallery, judge_named(encoder, "any"))


def test_a_gallery_without_references_is_refused() -> None:
    with pytest.raises(UsageError, match="no references"):
        Gallery.build("e", [])


@pytest.mark.parametrize(
    ("names", "starts", "references", "message"),
    [
        (("b", "a"), [0, 1], 2, "sorted names"),
        (("a", "a"), [0, 1], 2, "sorted names"),
        (("a", "b"), [0], 2, "2 starts"),
        (("a", "b"), [1, 2], 3, "in its place"),
        (("a", "b"), [0, 0], 2, "in its place"),
        (("a", "b"), [0, 2], 2, "in its place"),
        (("a", "b"), [0, 1], 3, "embeddings"),
        ((), [], 2, "in its place"),
    ],
)
def test_a_gallery_is_sound(
    names: tuple[str, ...], starts: list[int], references: int, message: str
) -> None:
    rows = np.eye(2 if "embeddings" in message else references, dtype=np.float32)
    paths = (Path("a.png"),) * references
    with pytest.raises(ValueError, match=message):
        Gallery("tiny", names, rows, np.asarray(starts, dtype=np.intp), paths)
