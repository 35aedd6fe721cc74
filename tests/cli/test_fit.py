"""`kyara fit`, and who is unknown by what it fitted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara.manifest import load_manifest
from kyara.plugins.discover import open_encoder
from tests.conftest import Ran

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

Kyara = Callable[..., Ran]


def paint(folder: Path, characters: range, pictures: int) -> Path:
    """Characters are colours; their pictures differ in noise and in light."""
    for character in characters:
        rng = np.random.default_rng(character)
        colour = rng.integers(40, 215, (2, 2, 3))
        for n in range(pictures):
            pixels = np.kron(colour, np.ones((16, 16, 1))) + rng.normal(0, 25, (32, 32, 3))
            path = folder / f"c{character:02}" / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            light = rng.normal(0, 15)
            Image.fromarray(np.clip(pixels + light, 0, 255).astype(np.uint8)).save(path)
    return folder


@pytest.fixture
def fitted(kyara: Kyara, tiny_plugin: Path, tmp_path: Path) -> Path:
    train = paint(tmp_path / "train", range(30), 4)
    dev = paint(tmp_path / "dev", range(40, 60), 5)
    ran = kyara("fit", tiny_plugin, "--on", train, "--calibrate", dev)
    assert ran.code == 0, ran.err
    assert "tiny has an open-set judge" in ran.err
    return tiny_plugin


def test_what_is_written_is_what_is_read(fitted: Path) -> None:
    spec = load_manifest(fitted).open_set
    assert spec is not None
    assert spec.fitted_on == "train: 120 pictures of 30 characters"
    assert spec.calibrated_on == "dev: 100 pictures of 20 characters"
    assert spec.at_1 >= spec.at_5 >= spec.at_10
    assert spec.slope > 0
    assert [path.name for path in fitted.glob("backend*")] == [spec.parameters]
    assert spec.parameters == f"backend-{spec.sha256[:8]}.npz"


def test_an_open_set_judge_makes_no_other_encoder(
    kyara: Kyara, tiny_plugin: Path, tmp_path: Path
) -> None:
    before = open_encoder(str(tiny_plugin)).id
    data = [paint(tmp_path / "train", range(9), 3), paint(tmp_path / "dev", range(20, 29), 3)]
    assert kyara("fit", tiny_plugin, "--on", data[0], "--calibrate", data[1]).code == 0
    assert open_encoder(str(tiny_plugin)).id == before


def test_sort_knows_strangers_by_it(kyara: Kyara, fitted: Path, tmp_path: Path) -> None:
    cast = paint(tmp_path / "cast", range(70, 75), 3)
    inbox = tmp_path / "inbox"
    for source in (
        paint(tmp_path / "more", range(70, 75), 5),
        paint(tmp_path / "s", range(80, 90), 1),
    ):
        for path in source.rglob("*.png"):
            if path.stem not in ("0", "1", "2") or source.name == "s":
                target = inbox / f"{path.parent.name}-{path.name}"
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())
    call = ["sort", inbox, "--refs", cast, "--out", tmp_path / "out", "--plugin", fitted]
    rows = kyara(*call, "--dry-run", "--json").rows()
    for row in rows:
        character = Path(row["path"]).name[:3]
        expected = character if character < "c80" else "unknown"
        assert row["character"] in (expected, "unknown")
        assert row["probability"] == pytest.approx(1 / (1 + np.exp(-row["score"])), abs=1e-3)
    named = [row for row in rows if row["character"] != "unknown"]
    assert len(named) >= 7  # of ten
    strict = kyara(*call, "--dry-run", "--json", "--at-fpr", "1%").rows()
    assert sum(r["character"] != "unknown" for r in strict) <= len(named)
    plain = kyara(*call, "--dry-run", "--json", "--mode", "any").rows()
    assert max(row["score"] for row in plain) <= 1.0 + 1e-4  # similarities again


def test_the_measurement(kyara: Kyara, tiny_plugin: Path, tmp_path: Path) -> None:
    data = [paint(tmp_path / "train", range(9), 4), paint(tmp_path / "dev", range(20, 32), 5)]
    out = tmp_path / "open.json"
    call = ["fit", tiny_plugin, "--on", data[0], "--calibrate", data[1]]
    assert kyara(*call, "--json", out, "--bootstrap", 5).code == 0
    mean = json.loads(out.read_text())["encoders"][0]["mean"]
    assert mean["inboxes"]["right_200p_50s_3r_20c_adapted"]["value"] is not None
    figures = mean["open_set"]
    for way in ("any", "avg", "plda"):
        assert 0.5 < figures[f"auroc_3_{way}"]["value"] <= 1
        rising = [figures[f"dir_at_fpir_{rate}_3_{way}"]["value"] for rate in (1, 5, 10)]
        assert rising == sorted(rising)
        assert rising[-1] <= figures[f"top1_3_{way}"]["value"]
    assert figures["auroc_10_plda"]["value"] is None  # nobody has so many pictures


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--at-fpr", "5%"], 2, "no open-set judge"),
        (["--mode", "plda"], 2, "no open-set judge"),
        (["--mode", "any", "--at-fpr", "5%"], 2, "--at-fpr is for --mode plda"),
        (["--at-fpr", "50%"], 2, "from 1% to 10%"),
        (["--at-fpr", "few"], 2, "from 1% to 10%"),
        (["--at-fpr", "5%", "--always-name"], 2, "exclude each other"),
        (["--threshold", "1", "--always-name"], 2, "exclude each other"),
    ],
)
def test_wrong_calls_say_so(
    kyara: Kyara,
    inbox: Path,
    cast: Path,
    tiny_plugin: Path,
    tmp_path: Path,
    options: list[str],
    code: int,
    said: str,
) -> None:
    call = ["sort", inbox, "--refs", cast, "--out", tmp_path / "out", "--plugin", tiny_plugin]
    ran = kyara(*call, *options)
    assert ran.code == code
    assert said in ran.err


def test_other_parameters_are_refused(kyara: Kyara, fitted: Path, cast: Path, inbox: Path) -> None:
    (parameters,) = fitted.glob("backend-*.npz")
    parameters.write_bytes(b"something else")
    call = ["sort", inbox, "--refs", cast, "--out", inbox.parent / "out", "--plugin", fitted]
    ran = kyara(*call)
    assert ran.code == 1
    assert f"{parameters.name}: these are not the parameters" in ran.err
    assert kyara(*call, "--mode", "any", "--dry-run").code == 0


def test_too_few_characters_say_so(kyara: Kyara, tiny_plugin: Path, tmp_path: Path) -> None:
    data = [paint(tmp_path / "train", range(5), 3), paint(tmp_path / "dev", range(20, 22), 3)]
    ran = kyara("fit", tiny_plugin, "--on", data[0], "--calibrate", data[1])
    assert ran.code == 1
    assert "not enough" in ran.err or "enough characters" in ran.err
    assert load_manifest(tiny_plugin).open_set is None
