"""Who is in a picture: a name, `unknown`, or what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.identify import answer as module
from kyara.identify.answer import UNKNOWN, Answer, answer_pictures
from kyara.identify.default import choose_judge, judge_named
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Any, Rule
from kyara.identify.references import CastReferences
from kyara.library.cast import read_cast
from kyara.library.said import NOTHING, Said
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray, Match
from tests.conftest import draw
from tests.support import TORN


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


@pytest.fixture
def gallery(cast: Path, encoder: Encoder) -> Gallery:
    return CastReferences(read_cast(cast)).embedded(encoder).gallery


def answers(
    paths: list[Path], gallery: Gallery, encoder: Encoder, threshold: float | None
) -> list[Answer]:
    pictures = embed_pictures(paths, encoder)
    rule = Rule(judge_named(encoder, "any"), threshold)
    return list(answer_pictures(pictures, gallery, encoder, rule))


def test_a_known_character_is_named_with_its_evidence(
    tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    (answer,) = answers([draw(tmp_path / "x.png", "jade", 5)], gallery, encoder, 0.8)
    assert answer.character == "jade"
    assert answer.best is not None
    assert answer.best.character == "jade"
    assert answer.best.score > 0.9
    assert answer.runner_up is not None
    assert answer.runner_up.character in ("ruby", "azure")
    assert answer.runner_up.score < answer.best.score
    assert answer.nearest is not None
    assert answer.nearest.parent.name == "jade"
    assert answer.error is None


def test_a_stranger_is_unknown_but_its_best_is_told(
    tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    path = draw(tmp_path / "x.png", "stranger", 5)
    (answer,) = answers([path], gallery, encoder, 0.8)
    assert answer.character == UNKNOWN
    assert answer.best is not None
    assert answer.best.score < 0.8
    (named,) = answers([path], gallery, encoder, None)
    assert named.character == answer.best.character


def test_the_threshold_itself_is_known(tmp_path: Path, gallery: Gallery, encoder: Encoder) -> None:
    path = draw(tmp_path / "x.png", "ruby", 5)
    (answer,) = answers([path], gallery, encoder, None)
    assert answer.best is not None
    (at,) = answers([path], gallery, encoder, answer.best.score)
    (above,) = answers([path], gallery, encoder, answer.best.score + 1e-6)
    assert (at.character, above.character) == ("ruby", UNKNOWN)


def test_bad_pictures_are_answered_with_their_error(
    tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    (tmp_path / "torn.png").write_bytes(TORN)
    good = draw(tmp_path / "x.png", "ruby", 5)
    bad, fine = answers([tmp_path / "torn.png", good], gallery, encoder, 0.8)
    assert bad.character is None
    assert bad.best is None
    assert bad.error is not None
    assert fine.character == "ruby"


def test_a_cast_of_one_has_no_runner_up(tmp_path: Path, cast: Path, encoder: Encoder) -> None:
    ruby = [c for c in read_cast(cast) if c.name == "ruby"]
    gallery = CastReferences(ruby).embedded(encoder).gallery
    (answer,) = answers([draw(tmp_path / "x.png", "ruby", 5)], gallery, encoder, 0.8)
    assert answer.runner_up is None


def test_nearest_references_are_those_of_each_character(
    tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    """Recomputed by hand, and the same from any number of them."""
    pictures = list(embed_pictures([draw(tmp_path / "x.png", "jade", 5)], encoder))
    rule = choose_judge(encoder, "avg", always_name=True)
    (answer,) = answer_pictures(pictures, gallery, encoder, rule, top=3, nearest=2)
    assert len(answer.ranked) == len(answer.references) == 3
    for match, references in zip(answer.ranked, answer.references, strict=True):
        index = gallery.characters.index(match.character)
        own = range(gallery.starts[index], gallery.starts[index] + gallery.counts[index])
        scores = {gallery.paths[n]: gallery.embeddings[n] @ pictures[0].embeddings[0] for n in own}
        best = sorted(scores, key=lambda path: -scores[path])[:2]
        assert [near.path for near in references] == best
        assert [near.score for near in references] == pytest.approx([scores[p] for p in best])
    assert answer.nearest == answer.references[0][0].path


def test_whom_a_person_named_comes_first_then_the_others_by_rank(
    tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    pictures = list(embed_pictures([draw(tmp_path / "x.png", "jade", 5)], encoder))

    def ranked(said: Said, top: int) -> list[Match]:
        rule = choose_judge(encoder, always_name=True)
        (answer,) = answer_pictures(
            pictures,
            gallery,
            encoder,
            rule,
            top=top,
            said_of=lambda _, figures: [said] * len(figures),
        )
        assert [near[0].path.parent.name for near in answer.references] == [
            match.character for match in answer.ranked
        ]
        return list(answer.ranked)

    by_model = ranked(NOTHING, 3)
    last = by_model[2].character
    assert ranked(Said(last), 3) == [by_model[2], *by_model[:2]]
    assert ranked(Said(last), 2) == [by_model[2], by_model[0]]
    assert ranked(Said("of no reference"), 2) == by_model[:2]
    rejected = frozenset({by_model[0].character})
    assert ranked(Said(last, rejected), 2) == [by_model[2], by_model[1]]


def test_what_a_person_named_costs_no_ranking_of_everybody(
    tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    pictures = list(embed_pictures([draw(tmp_path / "x.png", "jade", 5)], encoder))
    asked: list[int] = []

    class Counting(Any):
        def probability(self, score: float, references: int) -> float | None:
            asked.append(references)
            return super().probability(score, references)

    many = Gallery.build(
        encoder.id,
        [(f"c{n:03}", Path(f"{n}"), row) for n, row in enumerate([gallery.embeddings[0]] * 200)],
    )
    list(
        answer_pictures(
            pictures, many, encoder, Rule(Counting(encoder)), said_of=lambda _, __: [Said("c150")]
        )
    )
    assert len(asked) == 3


def test_pictures_are_judged_in_blocks_that_do_not_wait(
    tmp_path: Path, gallery: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [draw(tmp_path / f"{n}.png", "jade", n) for n in range(5)]
    pictures = list(embed_pictures(paths, encoder))
    sizes: list[int] = []

    class Counting(Any):
        def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
            sizes.append(len(probes))
            return super().scores(probes, gallery)

    def run() -> list[Answer]:
        sizes.clear()
        return list(answer_pictures(pictures, gallery, encoder, Rule(Counting(encoder))))

    def same(one: list[Answer], other: list[Answer]) -> bool:
        scores = [
            [m.score for answer in answers for m in answer.ranked] for answers in (one, other)
        ]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)
        return [a.path for a in one] == [a.path for a in other] == paths

    monkeypatch.setattr(module, "_PATIENCE", 60.0)
    whole = run()
    assert sizes == [5]
    monkeypatch.setattr(module, "_BLOCK", 2)
    assert same(run(), whole)
    assert sizes == [2, 2, 1]
    monkeypatch.setattr(module, "_PATIENCE", -1.0)  # every moment is too long
    assert same(run(), whole)
    assert sizes == [1] * 5
