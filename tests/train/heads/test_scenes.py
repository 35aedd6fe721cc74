"""Composed scenes: a function of the seed, with boxes that belong to what can be seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from kyara.errors import UsageError  # noqa: E402
from kyara.evaluate.boxes import load_boxes  # noqa: E402
from kyara.train.heads.config import SceneConfig  # noqa: E402
from kyara.train.heads.scenes import Scene, Scenes  # noqa: E402
from kyara.train.heads.shelf import Shelf  # noqa: E402
from tests.boxed import write_boxed  # noqa: E402

pytestmark = pytest.mark.train

EFFECTS = ("colour", "grey", "halftone", "line_art", "negative", "whole_grey", "blur", "jpeg")
PLAIN = dict.fromkeys(("figures", "balloons", *EFFECTS), 0.0)


@pytest.fixture
def scenes(tmp_path: Path) -> Callable[..., Scenes]:
    pictures = load_boxes(write_boxed(tmp_path, unsure=True, figures=True))

    def make(*sources: str, cut_out: dict[str, float] | None = None, **options: float) -> Scenes:
        shares = dict.fromkeys(sources or ("drawn", "crowd", "empty"), 1.0)
        return Scenes(Shelf(pictures, shares, cut_out), SceneConfig(**options))

    return make


def _hits(scene: Scene) -> list[bool]:
    """Of each head whether the colour of heads is in the middle of its box."""
    pixels = np.asarray(scene.image).astype(int)
    middles = [
        pixels[int((top + bottom) / 2), int((left + right) / 2)]
        for left, top, right, bottom in scene.heads
    ]
    return [abs(one[0] - 200) < 30 and abs(one[2] - 60) < 40 for one in middles]


def test_a_scene_is_a_function_of_its_seed(scenes: Callable[..., Scenes]) -> None:
    for seed in range(12):
        first, second = scenes().compose(seed, 96), scenes().compose(seed, 96)
        assert first.image.size == (96, 96)
        assert first.image.tobytes() == second.image.tobytes()
        assert np.array_equal(first.heads, second.heads)
        assert np.array_equal(first.ignored, second.ignored)
    composed = scenes()
    assert composed.compose(1, 96).image.tobytes() != composed.compose(2, 96).image.tobytes()


def test_boxes_lie_in_the_scene(scenes: Callable[..., Scenes]) -> None:
    composed = scenes()
    for seed in range(40):
        scene = composed.compose(seed, 128)
        for boxes in (scene.heads, scene.ignored):
            assert (boxes >= 0).all()
            assert (boxes <= 128).all()
            assert (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize(
    "way", [{"single": 1.0}, {"single": 0.0, "mosaic": 1.0}, {"single": 0.0, "mosaic": 0.0}]
)
def test_a_box_is_where_its_head_is(scenes: Callable[..., Scenes], way: dict[str, float]) -> None:
    composed = scenes("drawn", **PLAIN, **way, close_up=0.0)
    hits = [hit for seed in range(10) for hit in _hits(composed.compose(seed, 160))]
    assert len(hits) > 10
    assert sum(hits) >= 0.9 * len(hits)  # but for heads that are cut by the edge of a panel


def test_close_ups_fill_their_panel(scenes: Callable[..., Scenes]) -> None:
    composed = scenes("drawn", **PLAIN, single=1.0, close_up=1.0)
    sides = [
        max(scene.heads[:, 3] - scene.heads[:, 1])
        for scene in (composed.compose(seed, 96) for seed in range(10))
        if len(scene.heads)
    ]
    assert sides
    assert np.median(sides) > 0.6 * 96


def test_in_a_mosaic_heads_are_small(scenes: Callable[..., Scenes]) -> None:
    scene = scenes("drawn", **PLAIN, single=0.0, mosaic=1.0).compose(3, 320)
    assert len(scene.heads) > 10
    assert np.median(scene.heads[:, 2] - scene.heads[:, 0]) < 0.15 * 320


def test_what_is_not_complete_is_ignored(scenes: Callable[..., Scenes]) -> None:
    whole = scenes("crowd", **PLAIN, single=1.0).compose(1, 96).ignored
    assert [0, 0, 96, 96] in whole.tolist()
    assert scenes("empty", **PLAIN, single=1.0).compose(1, 96).ignored.shape == (0, 4)


def test_what_is_doubtful_is_ignored_where_it_lies(scenes: Callable[..., Scenes]) -> None:
    composed = scenes("unsure", **PLAIN, single=0.0, mosaic=1.0)
    seen = 0
    for seed in range(10):
        scene = composed.compose(seed, 200)
        pixels = np.asarray(scene.image).astype(int)
        for left, top, right, bottom in scene.ignored:
            middle = pixels[int((top + bottom) / 2), int((left + right) / 2)]
            seen += abs(middle[0] - 200) < 30 and abs(middle[2] - 60) < 40
        assert len(scene.heads) > 0
    assert seen > 20


def test_decoys_are_laid_over_and_never_drawn(tmp_path: Path) -> None:
    shelf = Shelf(load_boxes(write_boxed(tmp_path)), {})
    assert shelf.has_decoys
    assert shelf.decoy(Random(0)).mode == "RGBA"
    assert "balloons" not in {shelf.draw(Random(seed)).source for seed in range(60)}


def test_figures_are_laid_over_with_their_heads(scenes: Callable[..., Scenes]) -> None:
    composed = scenes("empty", cut_out={"cut": 1.0}, **{**PLAIN, "figures": 1.0}, single=1.0)
    made = [composed.compose(seed, 160) for seed in range(40)]
    hits = [hit for scene in made for hit in _hits(scene)]
    assert len(hits) > 40
    # But for those that the scene's edge or another figure cuts.
    assert sum(hits) >= 0.85 * len(hits)
    sizes = [(right - left) / 160 for scene in made for left, _, right, _ in scene.heads]
    assert min(sizes) < 0.15
    assert max(sizes) > 0.3


def test_a_head_behind_a_figure_is_none_or_doubtful(scenes: Callable[..., Scenes]) -> None:
    way = {**PLAIN, "single": 1.0, "close_up": 0.0}
    without = scenes("drawn", **way)
    crowd = scenes("drawn", cut_out={"cut": 1.0}, **{**way, "figures": 1.0})
    hidden = changed = 0
    for seed in range(60):
        alone, scene = without.compose(seed, 96), crowd.compose(seed, 96)
        for head in alone.heads.tolist():
            left, top, right, bottom = (round(edge) for edge in head)
            before, after = (
                np.asarray(one.image).astype(int)[top:bottom, left:right] for one in (alone, scene)
            )
            over = (np.abs(before - after).max(axis=2) > 60).mean()
            if over > 0.5:
                hidden += 1
                assert head not in scene.heads.tolist()
            changed += over > 0
    assert hidden
    assert changed > hidden


def test_figures_are_not_drawn_as_pictures(tmp_path: Path) -> None:
    shelf = Shelf(load_boxes(write_boxed(tmp_path, figures=True)), {}, {"cut": 1.0})
    assert shelf.has_figures
    picture, image = shelf.figure(Random(0))
    assert picture.source == "cut"
    assert image.mode == "RGBA"
    assert "cut" not in {shelf.draw(Random(seed)).source for seed in range(60)}
    with pytest.raises(UsageError, match="no figures of elsewhere"):
        Shelf(load_boxes(tmp_path / "boxes.csv"), {}, {"elsewhere": 1.0})


def test_sources_are_drawn_by_their_shares(tmp_path: Path) -> None:
    shelf = Shelf(load_boxes(write_boxed(tmp_path)), {"drawn": 1.0, "empty": 3.0})
    random = Random(0)
    drawn = [shelf.draw(random).source for _ in range(400)]
    assert set(drawn) == {"drawn", "empty"}
    assert 250 < drawn.count("empty") < 350


def test_data_without_the_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the sources"):
        Shelf(load_boxes(write_boxed(tmp_path)), {"elsewhere": 1.0})
