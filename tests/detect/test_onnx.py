"""Detectors of plugins: from a picture to detections, and what a manifest may say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from PIL import Image

import kyara
from kyara import detect
from kyara.detect.onnx import OnnxDetector
from kyara.errors import PictureError, PluginError, UsageError
from kyara.evaluate.boxes import load_boxes
from kyara.evaluate.detectors import measure_detector
from kyara.manifest import load_manifest
from kyara.manifest.detector import load_detector_manifest
from kyara.pictures.read import Picture
from kyara.pictures.source import as_source
from kyara.plugins.discover import detector_with, open_detector
from tests.boxed import write_boxed
from tests.conftest import Ran, draw
from tests.tiny_onnx import write_boxes

BOXES = np.asarray([[8, 8, 24, 24], [10, 8, 26, 24], [40, 8, 56, 24]], np.float32)
SCORES = np.asarray([0.9, 0.8, 0.4], np.float32)

Make = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """`plugin(detection={"threshold": 0.5})`: a detector of 64 pixels that finds `BOXES`."""

    def make(
        boxes: np.ndarray[Any, Any] = BOXES, scores: np.ndarray[Any, Any] = SCORES, **tables: Any
    ) -> Path:
        directory = tmp_path / "finder"
        directory.mkdir(exist_ok=True)
        write_boxes(directory / "model.onnx", boxes, scores)
        given = {
            "plugin": {"name": "finder", "version": "1", "kind": "detector"},
            "model": {"weights": "model.onnx"},
            "input": {"size": 64, "dtype": "float32", "layout": "NCHW"},
        }
        for name, table in tables.items():
            given[name] = {**given.get(name, {}), **table}
        (directory / "plugin.toml").write_text(tomli_w.dumps(given))
        return directory

    return make


def white(width: int = 64, height: int = 64, *, at: float = 1.0) -> Picture:
    image = Image.new("RGB", (round(width * at), round(height * at)), "white")
    return Picture(image, width, height)


def found(directory: Path, picture: Picture) -> list[tuple[tuple[float, ...], float]]:
    (detections,) = open_detector(str(directory)).detect([picture])
    assert {d.kind for d in detections} <= {"head"}
    return [(d.box.as_tuple(), d.score) for d in detections]


def test_the_shipped_detector_is_the_default(
    plugin: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(detect, "DEFAULT", None)
    monkeypatch.setattr(detect, "_SHIPPED", tmp_path / "none")
    detect._shipped.cache_clear()
    assert detect.default().id == "whole"  # a Kyara without one
    monkeypatch.setattr(detect, "_SHIPPED", plugin())
    detect._shipped.cache_clear()
    found = detect.default()
    assert found.id.startswith("finder@1:")
    assert found is detect.default() is open_detector("auto")  # its network is loaded once
    assert detect.named("whole").id == "whole"  # so libraries of before go on
    detect._shipped.cache_clear()


def test_boxes_that_overlap_a_better_one_go(plugin: Make) -> None:
    boxes = found(plugin(), white())
    assert [box for box, _ in boxes] == [(8, 8, 24, 24), (40, 8, 56, 24)]
    assert [score for _, score in boxes] == pytest.approx([0.9, 0.4], abs=1e-5)


def test_the_manifest_says_what_counts(plugin: Make) -> None:
    assert len(found(plugin(detection={"threshold": 0.5}), white())) == 1
    assert len(found(plugin(detection={"nms": 0.9}), white())) == 3
    assert len(found(plugin(detection={"nms": 0.9, "most": 2}), white())) == 2
    # Twice the odds in logarithms: 0.9 is 9 to 1, so 81 to 1.
    ((_, score), *_) = found(plugin(detection={"slope": 2.0}), white())
    assert score == pytest.approx(81 / 82, abs=1e-4)


@pytest.mark.parametrize(("width", "at"), [(128, 1.0), (128, 0.5), (256, 0.25)])
def test_boxes_are_in_pixels_of_the_upright_picture(plugin: Make, width: int, at: float) -> None:
    (box, _), *_ = found(plugin(), white(width, width, at=at))
    assert box == pytest.approx(tuple(width / 64 * edge for edge in (8, 8, 24, 24)))


def test_what_is_filled_up_at_the_edge_has_no_boxes(plugin: Make) -> None:
    """32 rows of 64 are picture, the rest is filled up to a multiple of 32."""
    directory = plugin(np.asarray([[8, 20, 24, 44]], np.float32), SCORES[:1])
    ((box, _),) = found(directory, white(64, 32))
    assert box == (8, 20, 24, 32)
    directory = plugin(np.asarray([[8, 34, 24, 50]], np.float32), SCORES[:1])
    assert found(directory, white(64, 32)) == []


def test_colours_come_in_the_order_that_is_wanted(plugin: Make) -> None:
    red = Picture(Image.new("RGB", (64, 64), (255, 0, 0)), 64, 64)
    assert len(found(plugin(), red)) == 2
    assert found(plugin(input={"channels": "BGR"}), red) == []


def test_a_second_look_at_half_the_size_where_a_head_fills_the_picture(plugin: Make) -> None:
    """At half the size the same boxes mean what is twice as large."""
    boxes = found(plugin(detection={"large": 0.2}), white())
    assert (16, 16, 48, 48) in [box for box, _ in boxes]
    assert (16, 16, 48, 48) not in [box for box, _ in found(plugin(), white())]


def test_small_heads_are_looked_for_in_quarters(plugin: Make) -> None:
    directory = plugin(detection={"small": 0.3})
    boxes = [box for box, _ in found(directory, white(1000, 1000, at=0.128))]
    sides = {round(right - left) for left, _, right, _ in boxes}
    assert round(0.25 * 1000) in sides
    assert round(0.25 * 600) in sides  # of a quarter, which is 600 pixels wide
    assert max(right for _, _, right, _ in boxes) > 900


def test_quarters_are_looked_at_with_more_pixels(plugin: Make, tmp_path: Path) -> None:
    """A large JPEG is decoded small first; only small heads are worth decoding more of it."""
    draw(tmp_path / "page.jpg", "ruby", size=(512, 512))
    sizes: list[int] = []

    def decoded(longest: int) -> Picture:
        sizes.append(longest)
        return content.decode(longest=longest)

    content = as_source(tmp_path / "page.jpg").read()
    picture = content.decode(longest=64)
    assert picture.image.size == (64, 64)
    for small, expected in ((0.0, []), (0.3, [128])):
        found(plugin(detection={"small": small}), replace(picture, finer=decoded))
        assert sizes == expected


def test_a_picture_that_cannot_be_decoded_again_is_looked_at_as_it_is(plugin: Make) -> None:
    def broken(_longest: int) -> Picture:
        raise PictureError("the picture is broken")

    directory = plugin(detection={"small": 0.3})
    picture = white(1000, 1000, at=0.064)
    assert found(directory, replace(picture, finer=broken)) == found(directory, picture)


@pytest.mark.parametrize(("width", "height", "scale"), [(64, 64, 0.5), (256, 64, 0.25)])
def test_a_square_picture_takes_no_more_pixels_than_others(
    plugin: Make, width: int, height: int, scale: float
) -> None:
    """Boxes are in pixels of the input: what becomes of them tells how large that was."""
    (box, _), *_ = found(plugin(input={"area": 0.25}), white(width, height))
    assert box[0] == 8 / scale


def test_the_id_is_of_all_that_boxes_and_crops_hang_on(plugin: Make) -> None:
    ids = {
        open_detector(str(plugin(**tables))).id
        for tables in ({}, {"detection": {"margin": 0.5}}, {"input": {"size": 96}})
    }
    before = open_detector(str(plugin())).id
    plugin(scores=SCORES / 2)
    assert len({*ids, before, open_detector(str(plugin(scores=SCORES / 2))).id}) == 4
    assert before.startswith("finder@1:")


def test_auto_and_none_are_names_too() -> None:
    assert open_detector("auto").id == open_detector("none").id == "whole"
    assert detector_with("whole").id == "whole"
    with pytest.raises(UsageError, match="no detector"):
        detector_with("finder@1:0")


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"detection": {"threshold": 1.5}}, "threshold"),
        ({"detection": {"treshold": 0.5}}, "treshold"),
        ({"detection": {"scores": "scores"}}, "both or neither"),
        ({"model": {"entry": "a:b"}}, "a detector is an ONNX file"),
        ({"model": {"weights": ""}}, "no weights"),
        ({"model": {"weights": "../model.onnx"}}, "must lie"),
        ({"input": {"size": 8}}, "size"),
        ({"plugin": {"name": "a b"}}, "name"),
    ],
)
def test_a_wrong_manifest_is_one_clear_error(
    plugin: Make, tables: dict[str, Any], says: str
) -> None:
    with pytest.raises(PluginError, match=says) as caught:
        load_detector_manifest(plugin(**tables))
    assert "plugin.toml" in str(caught.value)


def test_a_detector_is_no_encoder_and_an_encoder_no_detector(
    plugin: Make, tiny_plugin: Path
) -> None:
    with pytest.raises(PluginError, match="give it to --detect"):
        load_manifest(plugin())
    with pytest.raises(PluginError, match="give it to --plugin"):
        open_detector(str(tiny_plugin))


def test_a_graph_that_says_no_boxes_is_refused(plugin: Make) -> None:
    directory = plugin(np.zeros((2, 4), np.float32), SCORES)
    with pytest.raises(PluginError, match="expected scores"):
        found(directory, white())
    missing = plugin(detection={"scores": "scores", "boxes": "corners"})
    with pytest.raises(PluginError, match="no output 'corners'"):
        found(missing, white())


def test_commands_cut_out_what_it_finds(
    plugin: Make, tiny_plugin: Path, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    picture = draw(tmp_path / "a.png", "ruby")
    Image.new("RGB", (64, 64), "white").save(picture)
    out = tmp_path / "out.npz"
    options = ["--plugin", str(tiny_plugin), "--detect", str(plugin())]
    assert kyara("embed", str(picture), "--out", str(out), *options).code == 0
    with np.load(out) as stored:
        assert stored["kinds"].tolist() == ["head", "head"]
        assert str(stored["detector"]).startswith("finder@1:")


def test_a_library_keeps_to_its_detector(
    plugin: Make, tiny_plugin: Path, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    picture, file = tmp_path / "a.png", str(tmp_path / "cast.kyara")
    Image.new("RGB", (64, 64), "white").save(picture)
    finder = ["--detect", str(plugin())]
    options = ["--plugin", str(tiny_plugin)]
    assert kyara("library", "create", file, *options, *finder).code == 0
    ran = kyara("library", "add", file, str(picture), "--character", "A", "--detect", "none")
    assert ran.code == 2
    assert "were found by finder@1:" in ran.err
    # Which of two white heads is A cannot be told.
    assert kyara("library", "add", file, str(picture), "--character", "A", *finder).code == 3
    say = ("decide", "confirm", "--library", file, str(picture), "--character", "A")
    assert kyara(*say, "--box", "8,8,24,24").code == 0
    ran = kyara("identify", str(picture), "--library", file, *finder, "--json")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 2


def test_python_finds_the_same(plugin: Make, tiny_plugin: Path, tmp_path: Path) -> None:
    picture, directory = tmp_path / "a.png", plugin(detection={"threshold": 0.5})
    Image.new("RGB", (64, 64), "white").save(picture)
    model = kyara.Model(tiny_plugin, detect=directory, cache=False)
    (embedded,) = model.embed(picture)
    assert [d.kind for d in embedded.detections] == ["head"]
    (answer,) = model.gallery({"A": [picture]}).identify(picture)
    assert answer.detection == embedded.detections[0]
    with kyara.Library.create(tmp_path / "cast.kyara", model) as library:
        library.add(picture, "A")
        assert [a.detection for a in library.identify(picture)] == [embedded.detections[0]]
    whole = kyara.Model(tiny_plugin, cache=False)
    with pytest.raises(UsageError, match="were found by finder@1:"):
        kyara.Library(tmp_path / "cast.kyara", model=whole)


def test_it_is_measured_by_a_command(
    plugin: Make, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    data = write_boxed(tmp_path)
    report = tmp_path / "report.json"
    # Of 100 x 80 pixels at 64: heads at (10, 10, 40, 40) and (60, 20, 90, 60).
    boxes = np.asarray([[6.4, 6.4, 25.6, 25.6], [0, 0, 8, 8]], np.float32)
    directory = plugin(boxes, np.asarray([0.9, 0.05], np.float32))
    ran = kyara("evaluate", str(data), "--detector", str(directory), "--json", str(report))
    assert ran.code == 0
    assert "| drawn | 4 | 8 | 0.500" in ran.out
    assert report.is_file()
    pictures = [p for p in load_boxes(data) if p.source == "drawn"]
    measured = measure_detector(open_detector(str(directory)), pictures, name="x", samples=0)
    assert measured.all.recall_at_threshold == 0.5
    assert measured.pictures_per_second > 0
    assert kyara("evaluate", str(data), "--detector", str(directory), "--plots", "x").code == 2


def test_a_calibration_is_written_into_the_manifest(
    plugin: Make, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    data = write_boxed(tmp_path)
    boxes = np.asarray([[6.4, 6.4, 25.6, 25.6], [0, 0, 8, 8]], np.float32)
    directory = str(plugin(boxes, np.asarray([0.6, 0.3], np.float32)))
    options = ["--detector", directory, "--bootstrap", "0", "--source", "drawn"]
    ran = kyara("evaluate", str(data), *options, "--calibrate", directory)
    assert ran.code == 0
    assert "calibrated finder: slope" in ran.err
    spec = load_detector_manifest(Path(directory)).detection
    assert spec.slope > 1
    assert "0.000 | - | - | - |" in ran.out  # no false boxes at the new threshold


def test_the_list_of_plugins_says_the_kind(kyara: Callable[..., Ran]) -> None:
    assert "encoder" in kyara("plugins").out


def test_a_network_is_loaded_when_it_is_asked(plugin: Make) -> None:
    directory = plugin()
    detector = open_detector(str(directory))
    assert isinstance(detector, OnnxDetector)
    (directory / "model.onnx").unlink()
    with pytest.raises(PluginError, match="cannot read the weights"):
        detector.detect([white()])
