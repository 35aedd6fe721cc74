"""`kyara convert` of a CCIP folder: a pair of tiny networks of the same shapes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kyara.manifest import load_manifest
from kyara.plugins.discover import open_encoder
from tests.conftest import Ran, draw
from tests.tiny_onnx import write_differences, write_mean_colour

Kyara = Callable[..., Ran]

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
THRESHOLD = 0.17847511


def write_ccip(folder: Path, *, of_directions: bool = True, size: int | str = 384) -> Path:
    """The three files as they are published, with networks of a few kilobytes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("input", "output")
    write_mean_colour(folder / "model_feat.onnx", 768, size=size, names=names)
    write_differences(folder / "model_metrics.onnx", 768, of_directions=of_directions)
    numbers = {"f1_score": 0.9, "threshold": THRESHOLD}
    (folder / "metrics.json").write_text(json.dumps(numbers))
    return folder


def features(folder: Path, paths: list[Path]) -> np.ndarray:
    """What CCIP's first network gives, by its own recipe: squash, divide, normalise."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model_feat.onnx")
    rows = []
    for path in paths:
        with Image.open(path) as opened:
            small = opened.convert("RGB").resize((384, 384), Image.Resampling.BILINEAR)
        pixels = (np.asarray(small, dtype=np.float32) / 255 - MEAN) / STD
        rows.append(pixels.transpose(2, 0, 1).astype(np.float32))
    return np.asarray(session.run(["output"], {"input": np.stack(rows)})[0])


@pytest.mark.parametrize("of_directions", [True, False])
def test_scores_are_minus_the_differences_of_the_second_network(
    of_directions: bool, kyara: Kyara, tmp_path: Path
) -> None:
    ccip = write_ccip(tmp_path / "ccip", of_directions=of_directions)
    ran = kyara("convert", ccip, "--out", tmp_path / "made")
    assert (ran.code, ran.err) == (0, "")
    assert "the plugin ccip: 768 numbers from 384 px." in ran.out
    names = ("ruby", "jade", "azure")
    paths = [draw(tmp_path / f"{n}.png", name, n, (90, 50)) for n, name in enumerate(names)]
    rows = features(ccip, paths)
    if of_directions:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = -(1 - rows @ rows.T) / 2
    found = kyara("compare", *paths, "--plugin", tmp_path / "made", "--json", "--no-cache").json()
    tolerance = 1e-3 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found["scores"], expected, atol=tolerance)


def test_many_are_compared_in_parts(tmp_path: Path, kyara: Kyara) -> None:
    ccip = write_ccip(tmp_path / "ccip")
    assert kyara("convert", ccip, "--out", tmp_path / "made").code == 0
    encoder = open_encoder(str(tmp_path / "made"))
    rows = np.random.default_rng(0).normal(size=(150, 768)).astype(np.float32)
    scores = encoder.similarity(rows, rows[:70])
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(scores, (units @ units[:70].T - 1) / 2, atol=1e-5)
    assert encoder.similarity(rows[:0], rows).shape == (0, 150)


def test_the_published_threshold_gives_verdicts(kyara: Kyara, tmp_path: Path) -> None:
    assert kyara("convert", write_ccip(tmp_path / "c"), "--out", tmp_path / "made").code == 0
    paths = [draw(tmp_path / f"{n}.png", n, 1) for n in ("ruby", "azure")]
    paths.append(draw(tmp_path / "again.png", "ruby", 2))
    plugin = ("--plugin", tmp_path / "made", "--no-cache")
    for other, same in ((1, False), (2, True)):
        found = kyara("compare", paths[0], paths[other], *plugin, "--json").json()
        assert (found["score"] >= -THRESHOLD) is same
        assert (found["same"], found["probability"]) == (same, None)
    ran = kyara("compare", paths[0], paths[2], *plugin)
    assert "By its makers' threshold: the same character." in ran.out


def test_it_is_measured_and_calibrated_like_any_other(
    kyara: Kyara, cast: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn", reason="needs the extra `evaluate`")
    made = tmp_path / "made"
    assert kyara("convert", write_ccip(tmp_path / "c"), "--out", made, "--name", "c1").code == 0
    ran = kyara("evaluate", cast, "--calibrate", made, "--protocol", "verification")
    assert ran.code == 0
    after = load_manifest(made)
    assert after.calibration is not None
    assert after.metric is not None
    assert after.metric.threshold == pytest.approx(THRESHOLD)
    pictures = sorted((cast / "ruby").iterdir())
    found = kyara("compare", *pictures[:2], "--plugin", made, "--json", "--no-cache").json()
    assert found["probability"] > 0.5


def test_the_plugin_is_whole_and_honest(kyara: Kyara, tmp_path: Path) -> None:
    ccip = write_ccip(tmp_path / "ccip", size="side")  # an open side means 384
    told = kyara("convert", ccip, "--out", tmp_path / "made", "--json").json()
    manifest = load_manifest(tmp_path / "made")
    assert (told["size"], told["dimension"]) == (384, 768)
    assert open_encoder(str(tmp_path / "made")).id == told["encoder"]
    assert (manifest.input.fit, manifest.input.mean, manifest.input.std) == ("squash", MEAN, STD)
    assert manifest.calibration is None
    card = (tmp_path / "made" / manifest.plugin.card).read_text(encoding="utf-8")
    assert "0.178475" in card
    (tmp_path / "made" / "model_metrics.onnx").write_bytes(b"other")
    ran = kyara("compare", *[draw(tmp_path / f"{n}.png", "ruby", n) for n in (1, 2)],
                "--plugin", tmp_path / "made", "--no-cache")  # fmt: skip
    assert ran.code == 1
    assert "sha256 differs" in ran.err


def broken(folder: Path, how: str) -> None:
    if how.endswith(("onnx", "json")):
        (folder / how).unlink()
    elif how == "text":
        (folder / "metrics.json").write_text('{"threshold": "much"}')
    elif how == "list":
        (folder / "metrics.json").write_text("[]")
    elif how == "no network":
        (folder / "model_feat.onnx").write_bytes(b"no")
    elif how == "no distances":
        write_mean_colour(folder / "model_metrics.onnx", 768, size=384)
    elif how == "swapped":
        (folder / "model_feat.onnx").rename(folder / "x")
        (folder / "model_metrics.onnx").rename(folder / "model_feat.onnx")
        (folder / "x").rename(folder / "model_metrics.onnx")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("metrics.json", "no metrics.json is in this folder"),
        ("model_feat.onnx", "no model_feat.onnx is in this folder"),
        ("text", "the threshold is 'much', expected a number"),
        ("list", "cannot find a threshold in it"),
        ("no network", "ONNX Runtime cannot run this"),
        ("no distances", "failed"),
        ("swapped", "expected (n, 3, 384, 384)"),
    ],
)
def test_what_is_no_such_folder(how: str, said: str, kyara: Kyara, tmp_path: Path) -> None:
    broken(write_ccip(tmp_path / "ccip"), how)
    ran = kyara("convert", tmp_path / "ccip", "--out", tmp_path / "made")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["ccip"]


def test_the_folder_above_names_those_below(kyara: Kyara, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_ccip(tmp_path / "all" / name)
    ran = kyara("convert", tmp_path / "all", "--out", tmp_path / "made")
    assert ran.code == 1
    assert "name one of its folders: one, two" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either a SOURCE or --from-hub"),
        (("CCIP", "--from-hub", "a/b"), "either a SOURCE or --from-hub"),
        (("CCIP", "--download"), "are for timm:NAME"),
        (("CCIP", "--size", "64"), "have theirs"),
        (("CCIP", "--name", "a/b"), "cannot be the name of a plugin"),
        (("--from-hub", "a"), "is no repository"),
    ],
)
def test_wrong_calls(arguments: tuple[str, ...], said: str, kyara: Kyara, tmp_path: Path) -> None:
    ccip = write_ccip(tmp_path / "ccip")
    named = [ccip if argument == "CCIP" else argument for argument in arguments]
    ran = kyara("convert", *named, "--out", tmp_path / "made")
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "made").exists()


class Hub(SimpleNamespace):
    """The hub's library, with a folder for the network."""

    def __init__(self, root: Path) -> None:
        super().__init__(root=root, asked=[], HfApi=lambda: self)

    def list_repo_files(self, repository: str) -> list[str]:
        return [p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file()]

    def snapshot_download(self, repository: str, allow_patterns: list[str]) -> str:
        self.asked.append((repository, allow_patterns))
        return str(self.root)


def test_from_the_hub_only_what_is_needed(
    kyara: Kyara, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ccip(tmp_path / "hub" / "ccip-one")
    (tmp_path / "hub" / "README.md").touch()
    hub = Hub(tmp_path / "hub")
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)  # type: ignore[arg-type]
    files = ["model_feat.onnx", "model_metrics.onnx", "metrics.json"]
    for n, repository in enumerate(("deepghs/ccip_onnx/ccip-one", "deepghs/ccip_onnx")):
        ran = kyara("convert", "--from-hub", repository, "--out", tmp_path / f"made{n}")
        assert ran.code == 0, ran.err
        assert load_manifest(tmp_path / f"made{n}").plugin.name == "ccip-one"
        assert hub.asked[n] == ("deepghs/ccip_onnx", [f"ccip-one/{file}" for file in files])
    write_ccip(tmp_path / "hub" / "ccip-two")
    ran = kyara("convert", "--from-hub", "deepghs/ccip_onnx", "--out", tmp_path / "made")
    assert ran.code == 2
    assert "has 2 models (add a folder to its name: ccip-one, ccip-two)" in ran.err


def test_without_network_or_the_library(
    kyara: Kyara, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    hub = SimpleNamespace(snapshot_download=refuse)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)  # type: ignore[arg-type]
    ran = kyara("convert", "--from-hub", "a/b/c", "--out", tmp_path / "made")
    assert ran.code == 1
    assert "cannot get a/b/c from the hub: no route to host" in ran.err
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    ran = kyara("convert", "--from-hub", "a/b/c", "--out", tmp_path / "made")
    assert ran.code == 2
    assert "pip install 'kyara[hub]'" in ran.err
