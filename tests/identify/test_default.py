"""The one place that chooses a judge and a threshold; and a fourth judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import UsageError
from kyara.identify.answer import answer_pictures
from kyara.identify.default import JUDGES, choose_judge, default_judge, judge_named
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Judge, Rule
from kyara.identify.own import calibrate_own
from kyara.identify.references import CastReferences
from kyara.library.cast import read_cast
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray
from tests.conftest import Ran, draw


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


@pytest.fixture(scope="module")
def shipped() -> Encoder:
    return open_encoder("kyara-2")


def named(rule: Rule) -> tuple[str, float | None]:
    return rule.judge.name, rule.threshold


def test_what_users_get(encoder: Encoder, shipped: Encoder) -> None:
    assert named(choose_judge(shipped)) == ("plda", 0.0)
    assert named(choose_judge(encoder)) == ("any", 0.8)
    for one in (encoder, shipped):
        assert default_judge(one).name == choose_judge(one).judge.name


def test_what_is_asked_for(shipped: Encoder) -> None:
    spec = shipped.manifest.open_set
    assert spec is not None
    assert named(choose_judge(shipped, at_fpir=0.05)) == ("plda", pytest.approx(spec.at_5))
    assert spec.at_5 < (choose_judge(shipped, at_fpir=0.02).threshold or 0) < spec.at_1
    assert named(choose_judge(shipped, always_name=True)) == ("plda", None)
    # A number without a name is a similarity.
    assert named(choose_judge(shipped, threshold=0.4)) == ("any", 0.4)
    assert named(choose_judge(shipped, "plda", threshold=0.4)) == ("plda", 0.4)
    calibration = shipped.calibration
    assert calibration is not None
    assert named(choose_judge(shipped, "avg")) == ("avg", calibration.avg.threshold)


def test_what_does_not_go_together(encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        choose_judge(encoder, threshold=0.5, always_name=True)
    with pytest.raises(UsageError, match=r"no judge 'best'.*any, avg, plda"):
        choose_judge(encoder, "best")
    with pytest.raises(UsageError, match="no open-set judge"):
        choose_judge(encoder, at_fpir=0.05)
    with pytest.raises(UsageError, match="no thresholds by rate"):
        choose_judge(encoder, "any", at_fpir=0.05)


def test_own_thresholds_are_for_their_judge_and_encoder(
    encoder: Encoder, shipped: Encoder, cast: Path
) -> None:
    gallery = CastReferences(read_cast(cast)).embedded(encoder).gallery
    own = calibrate_own(gallery, judge_named(encoder, "avg"))
    assert named(choose_judge(encoder, own=own)) == ("avg", own.thresholds.at(0.1))
    assert named(choose_judge(encoder, own=own, at_fpir=0.01)) == ("avg", own.at_1.threshold)
    assert named(choose_judge(encoder, own=own, always_name=True)) == ("avg", None)
    with pytest.raises(UsageError, match="calibrated for --mode avg"):
        choose_judge(encoder, "any", own=own)
    with pytest.raises(UsageError, match="run kyara calibrate again"):
        choose_judge(shipped, own=own)


@dataclass(frozen=True)
class Worst:
    """By the reference that is least alike."""

    encoder: Encoder
    name: ClassVar[str] = "worst"

    def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        against = self.encoder.similarity(probes, gallery.embeddings)
        return np.minimum.reduceat(against, gallery.starts, axis=1)

    def probability(self, score: float, references: int) -> float | None:
        return None

    def threshold(self, fpir: float | None = None) -> float | None:
        return 0.7 if fpir is None else None


@pytest.fixture
def fourth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JUDGES, "worst", Worst)


@pytest.mark.usefixtures("fourth")
def test_a_fourth_judge_is_a_class_and_an_entry(
    encoder: Encoder, cast: Path, tmp_path: Path
) -> None:
    rule = choose_judge(encoder, "worst")
    judge: Judge = rule.judge
    assert named(rule) == ("worst", 0.7)
    gallery = CastReferences(read_cast(cast)).embedded(encoder).gallery
    paths = [draw(tmp_path / "x.png", "jade", 5), draw(tmp_path / "y.png", "stranger", 5)]
    known, stranger = answer_pictures(embed_pictures(paths, encoder), gallery, encoder, rule)
    assert (known.character, stranger.character) == ("jade", "unknown")
    assert known.best is not None
    own = gallery.embeddings[gallery.references_of("jade")]
    (probe,) = embed_pictures(paths[:1], encoder)
    assert known.best.score == pytest.approx(encoder.similarity(probe.embeddings, own).min())
    calibration = calibrate_own(gallery, judge)
    assert calibration.mode == "worst"
    assert named(choose_judge(encoder, own=calibration))[0] == "worst"


@pytest.mark.usefixtures("fourth")
def test_every_command_knows_it(
    kyara: object, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    def call(*arguments: object) -> Ran:
        return kyara(*arguments, "--plugin", tiny_plugin)  # type: ignore[operator, no-any-return]

    own = tmp_path / "own.json"
    assert call("calibrate", cast, "--mode", "worst", "--out", own).code == 0
    rows = call("identify", inbox, "--refs", cast, "--mode", "worst", "--json").rows()
    assert {row["character"] for row in rows} == {"ruby", "jade", "azure", "unknown"}
    sorting = ("sort", inbox, "--refs", cast, "--out", tmp_path / "out", "--calibration", own)
    assert call(*sorting).code == 0
    assert "[any|avg|plda|worst]" in kyara("sort", "--help").out  # type: ignore[operator]
