"""What a detector is worth for who is who."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara import detect
from kyara.encode.pipeline import embed_pictures
from kyara.evaluate.composed import compose, draw_groups
from kyara.evaluate.dataset import LabelledPicture, load_dataset
from kyara.evaluate.trials import Embedded
from kyara.evaluate.views import embed_view, prominent, views_of
from kyara.plugins.discover import open_encoder
from kyara.types import Box, Detection
from tests.conftest import COLOURS, Ran
from tests.detectors import Halves, pair
from tests.tiny_onnx import write_boxes

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

NAMES = ("ruby", "jade", "azure", "stranger")


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Four characters, eight pictures each: the character to the left of a grey wall."""
    for name in NAMES:
        for n in range(8):
            path = tmp_path / "set" / name / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (128, 64), (110 + 4 * n, 100, 100))
            image.paste(COLOURS[name], (4, 4, 60, 60))
            image.save(path)
    return tmp_path / "set"


def test_views_are_the_whole_the_figure_and_both(beside: Path, tiny_plugin: Path) -> None:
    encoder, dataset = open_encoder(str(tiny_plugin)), load_dataset(beside)
    rows = {}
    for view in views_of(Halves(), [0.0]):
        rows[view.name] = embed_view(encoder, dataset, view).sources["set"].embeddings
    assert list(rows) == ["whole", "figure, margin 0", "figure and whole, margin 0"]
    # Two halves: no figure is alone, so the whole is nowhere added.
    assert np.array_equal(*list(rows.values())[1:])
    assert not np.allclose(rows["whole"], rows["figure, margin 0"])


def test_one_that_is_alone_is_embedded_with_the_whole(tmp_path: Path, tiny_plugin: Path) -> None:
    class Left(Halves):
        id = "left@1"
        context = "alone"

        @staticmethod
        def _figures(width: int, height: int) -> tuple[Detection, ...]:
            return (Detection(Box(0, 0, width / 2, height), "head", 0.9),)

    encoder = open_encoder(str(tiny_plugin))
    path = pair(tmp_path / "a.png", "ruby", "jade")
    (both,) = embed_pictures([path], encoder, detector=Left())
    (head,) = embed_pictures([path], encoder, detector=Halves())
    (whole,) = embed_pictures([path], encoder, detector=detect.WholePicture())
    mean = head.embeddings[0] + whole.embeddings[0]
    assert np.allclose(both.embeddings[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert [d.kind for d in both.detections] == ["head"]


def test_the_prominent_figure_is_large_and_sure() -> None:
    small, large = Box(0, 0, 10, 10), Box(20, 0, 60, 40)
    assert prominent([Detection(small, "head", 0.9), Detection(large, "head", 0.8)]) == 1
    assert prominent([Detection(small, "head", 0.9), Detection(large, "head", 0.3)]) == 0


def test_groups_are_of_different_characters_and_no_reference() -> None:
    characters = np.repeat(np.arange(6), 8)
    embedded = Embedded(np.zeros((48, 2), np.float32), characters, np.arange(48))
    group = draw_groups(embedded, 5, 40, np.random.default_rng(0))
    assert group is not None
    assert len(np.unique(characters[group.references])) == 3
    for rows in group.groups:
        who = characters[list(rows)].tolist()
        assert 2 <= len(set(who)) == len(who) <= 5
        assert not set(rows) & set(group.references.tolist())
    assert draw_groups(embedded, 8, 40, np.random.default_rng(0)) is None


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_composed_pictures_show_all(beside: Path, count: int) -> None:
    pictures = [
        LabelledPicture("set", name, name, "", name, beside / name / "0.png")
        for name in (*NAMES, "ruby")[:count]
    ]
    page = compose(pictures)
    colours = page.getcolors(1 << 24)
    assert colours is not None
    present = {colour for _, colour in colours}
    assert {COLOURS[picture.character] for picture in pictures} <= present


def test_the_command(
    kyara: Callable[..., Ran], beside: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    finder = tmp_path / "finder"
    finder.mkdir()
    box = np.asarray([[4, 4, 60, 60]], np.float32)
    write_boxes(finder / "model.onnx", box, np.asarray([0.9], np.float32))
    (finder / "plugin.toml").write_text(
        '[plugin]\nname = "finder"\nversion = "1"\nkind = "detector"\n'
        '[model]\nweights = "model.onnx"\n'
        '[input]\nsize = 128\ndtype = "float32"\nlayout = "NCHW"\n'
    )
    options = ("--plugin", tiny_plugin, "--bootstrap", 0, "--composed", 6)
    call = (
        *("evaluate", beside, "--detector", finder, *options),
        *("--margin", 0, "--json", tmp_path / "r.json", "--markdown", tmp_path / "r.md"),
    )
    ran = kyara(*call)
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "r.md").read_text() == ran.out
    report = json.loads((tmp_path / "r.json").read_text())
    views = {view["label"]: view["mean"] for view in report["pictures"]["encoders"]}
    assert list(views) == ["whole", "figure, margin 0", "figure and whole, margin 0"]
    assert views["figure, margin 0"]["retrieval"]["rank1"]["value"] == 1.0
    assert [one["view"] for one in report["composed"]] == list(views)
    assert all(0 <= one["right"] <= 1 for one in report["composed"])
    assert kyara(*call).code == 0  # over its own earlier reports
    two = kyara("evaluate", beside, "--detector", finder, "--detector", "none")
    assert two.code == 2
    assert "one --detector and one --plugin" in two.err
