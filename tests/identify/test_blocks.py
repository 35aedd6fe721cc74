"""Large galleries are searched in parts, with the same answers as all at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.encode.encoder import Encoder
from kyara.identify import gallery as galleries
from kyara.identify import ranking
from kyara.identify.default import judge_named
from kyara.identify.gallery import Gallery
from kyara.identify.judge import best_of, mean_of
from kyara.identify.ranking import identify
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray, normalised


def made(counts: list[int], encoder: str, seed: int = 0) -> tuple[Gallery, FloatArray]:
    rng = np.random.default_rng(seed)
    rows = normalised(rng.normal(size=(sum(counts), 48)).astype(np.float32))
    owners = np.repeat(np.arange(len(counts)), counts)
    references = [
        (f"{n:03}", Path(f"{k}"), row) for k, (n, row) in enumerate(zip(owners, rows, strict=True))
    ]
    probes = normalised(rng.normal(size=(7, 48)).astype(np.float32))
    return Gallery.build(encoder, references), probes


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


@pytest.mark.parametrize("how", ["any", "avg"])
@pytest.mark.parametrize("top", [None, 1, 3, 50])
def test_parts_change_nothing(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, how: str, top: int | None
) -> None:
    monkeypatch.setattr(ranking, "_PROBES", 2)
    monkeypatch.setattr(galleries, "_REFERENCES", 5)
    gallery, probes = made([1, 9, 2, 3, 1, 4, 12, 1], encoder.id)
    by_reference = encoder.similarity(probes, gallery.embeddings)
    expected = {"any": best_of, "avg": mean_of}[how](by_reference, gallery.starts)
    found = identify(probes, gallery, judge_named(encoder, how), top)
    for row, ranked in zip(expected, found, strict=True):
        order = np.argsort(-row, kind="stable")[:top]
        assert [int(match.character) for match in ranked] == order.tolist()
        assert [match.score for match in ranked] == pytest.approx(row[order].tolist(), abs=1e-6)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 12))
def test_chunks_cover_every_character_once(counts: list[int], limit: int) -> None:
    gallery, _ = made(counts, "e")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(galleries, "_REFERENCES", limit)
        chunks = list(gallery.chunks())
    assert [n for first, last, _ in chunks for n in range(first, last)] == list(range(len(counts)))
    assert [k for *_, part in chunks for k in range(part.start, part.stop)] == list(
        range(sum(counts))
    )
    for first, last, part in chunks:
        assert last == first + 1 or part.stop - part.start <= limit


def test_equal_scores_at_the_cut_are_ranked_by_name(encoder: Encoder) -> None:
    row = normalised(np.ones((1, 48), np.float32))
    same = [(name, Path(name), row[0]) for name in ("dora", "carl", "ann", "bob")]
    gallery = Gallery.build(encoder.id, same)
    (ranked,) = identify(row, gallery, judge_named(encoder, "any"), 2)
    assert [match.character for match in ranked] == ["ann", "bob"]
