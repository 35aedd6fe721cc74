"""`kyara detect`: where the figures are, as JSON Lines, as a CSV to train on, as crops."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara import detect
from kyara.evaluate.boxes import load_boxes
from tests.conftest import Ran, draw
from tests.detectors import Halves, pair
from tests.support import TORN, files
from tests.tiny_onnx import write_boxes

Kyara = Callable[..., Ran]


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    """Finds a head with probability .9, and another with .25, in every bright red picture."""
    directory = tmp_path / "finder"
    directory.mkdir()
    boxes = np.asarray([[0, 0, 16, 16], [40, 0, 56, 16]], np.float32)
    write_boxes(directory / "model.onnx", boxes, np.asarray([0.9, 0.25], np.float32))
    (directory / "plugin.toml").write_text(
        '[plugin]\nname = "finder"\nversion = "1"\nkind = "detector"\n'
        '[model]\nweights = "model.onnx"\n'
        '[input]\nsize = 64\ndtype = "float32"\nlayout = "NCHW"\n'
    )
    return directory


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with pictures in `pages/a`, `pages/b` and `pages`."""
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.png", "a/2.png", "b/1.png", "top.png"):
        path = tmp_path / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (128, 64), (255, 40, len(name))).save(path)
    return tmp_path


def test_a_line_for_each_picture(kyara: Kyara, pages: Path, finder: Path) -> None:
    (pages / "pages" / "torn.png").write_bytes(TORN)
    ran = kyara("detect", "pages", "--detect", finder, "--json", "--doubtful", "0.2")
    assert ran.code == 3
    rows = ran.rows()
    assert [row["path"] for row in rows] == [
        *("pages/a/1.png", "pages/a/2.png", "pages/b/1.png", "pages/top.png", "pages/torn.png")
    ]
    figure = {"kind": "head", "box": [0.0, 0.0, 32.0, 32.0], "score": 0.9}
    assert rows[0] == {
        **{"path": "pages/a/1.png", "width": 128, "height": 64},
        "figures": [figure],
        "doubtful": [figure | {"box": [80.0, 0.0, 112.0, 32.0], "score": 0.25}],
    }
    assert set(rows[-1]) == {"path", "error"}
    assert "torn.png" in ran.err


def test_scores_from_which_on_it_is_a_figure(kyara: Kyara, pages: Path, finder: Path) -> None:
    def count(*more: object) -> list[tuple[int, int]]:
        rows = kyara("detect", "pages/top.png", "--detect", finder, "--json", *more).rows()
        return [(len(row["figures"]), len(row["doubtful"])) for row in rows]

    assert count() == [(1, 0)]
    assert count("--min-score", "0.2") == [(2, 0)]
    assert count("--min-score", "0.95", "--doubtful", "0.5") == [(0, 1)]


def test_a_table_says_how_many(kyara: Kyara, pages: Path, finder: Path) -> None:
    ran = kyara("detect", "pages", "--detect", finder)
    assert ran.code == 0
    assert "0,0,32,32" in ran.out
    assert "4 figures: 0 pictures without one, 4 with one, 0 with more." in ran.out


def test_the_csv_is_read_by_training_and_evaluation(
    kyara: Kyara, pages: Path, finder: Path
) -> None:
    other = draw(pages / "elsewhere" / "x.png", "ruby")
    options = ("--detect", finder, "--csv", "pages.csv", "--doubtful", "0.2")
    assert kyara("detect", "pages", other, *options).code == 0
    found = load_boxes(Path("pages.csv"))
    assert [(p.source, p.name) for p in found] == [
        *(("a", "1.png"), ("a", "2.png"), ("b", "1.png"), ("", "top.png")),
        ("elsewhere", str(other)),
    ]
    assert [len(p.doubtful) for p in found] == [1, 1, 1, 1, 0]
    assert all(p.complete for p in found)
    assert all(p.path.is_file() for p in found)
    assert found[0].boxes.tolist() == [[0, 0, 32, 32]]
    measured = kyara("evaluate", "pages.csv", "--detector", finder, "--bootstrap", 0)
    assert measured.code == 0
    before = Path("pages.csv").read_bytes()
    again = kyara("detect", "pages", *options)
    assert again.code == 2
    assert "nothing is overwritten" in again.err
    assert Path("pages.csv").read_bytes() == before


def test_a_picture_without_figures_has_a_row(kyara: Kyara, pages: Path, finder: Path) -> None:
    options = ("--detect", finder, "--csv", "none.csv", "--min-score", "0.99")
    assert kyara("detect", "pages/top.png", *options).code == 0
    with Path("none.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["complete"], row["x0"], row["kind"]) == ("1", "", "")
    (found,) = load_boxes(Path("none.csv"))
    assert found.boxes.shape == (0, 4)


def test_crops_have_the_margin(kyara: Kyara, pages: Path, finder: Path) -> None:
    assert kyara("detect", "pages", "--detect", finder, "--crops", "heads").code == 0
    assert files(pages / "heads") == {"1.png", "1-2.png", "2.png", "top.png"}
    with Image.open(pages / "heads" / "top.png") as crop:
        assert crop.size == (40, 40)
    assert kyara("detect", "pages", "--detect", finder, "--crops", "heads").code == 2


def test_any_detector_can_be_asked(
    kyara: Kyara, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = kyara("detect", "pages")
    assert refused.code == 2
    assert "--detect PLUGIN" in refused.err
    monkeypatch.setattr(detect, "DEFAULT", Halves())
    pair(pages / "pair.png", "ruby", "jade")
    (row,) = kyara("detect", "pair.png", "--json").rows()
    assert [figure["score"] for figure in row["figures"]] == [0.875, 0.625]
