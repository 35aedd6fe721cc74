"""`kyara convert timm:NAME`, with weights from a file; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Ran

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")
timm = pytest.importorskip("timm", reason="needs the extra `train` (timm)")
pytest.importorskip("onnxscript", reason="needs the extra `train` (onnxscript)")

from safetensors.torch import save_file  # noqa: E402

from kyara.manifest import load_manifest  # noqa: E402
from kyara.plugins.discover import open_encoder  # noqa: E402

pytestmark = pytest.mark.train

Kyara = Callable[..., Ran]
MODEL = "test_efficientnet"  # timm's own, for tests: 0.4 million weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("timm") / "tiny.safetensors"
    save_file(timm.create_model(MODEL, pretrained=False).state_dict(), path)
    return path


def test_its_features_by_its_own_recipe(kyara: Kyara, weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    out = tmp_path / "made"
    ran = kyara("convert", f"timm:{MODEL}", "--weights", weights, "--out", out)
    assert ran.code == 0, ran.err
    net = timm.create_model(MODEL, pretrained=False)
    net.load_state_dict(load_file(weights))
    net.reset_classifier(0)
    told = timm.data.resolve_model_data_config(net)
    manifest = load_manifest(out)
    size = told["input_size"][-1]
    assert manifest.input.size == size
    assert manifest.plugin.name == MODEL
    assert (out / manifest.plugin.card).is_file()
    crops = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    pixels = (crops / 255.0 - told["mean"]) / told["std"]
    with torch.no_grad():
        rows = net.eval()(torch.tensor(pixels).permute(0, 3, 1, 2).float()).numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(open_encoder(str(out)).encode(crops), rows, atol=1e-3)


def test_another_size_also_where_positions_are_learnt(kyara: Kyara, tmp_path: Path) -> None:
    net = timm.create_model("test_vit", pretrained=False, img_size=96)
    save_file(net.state_dict(), tmp_path / "vit.safetensors")
    options = ("--weights", tmp_path / "vit.safetensors", "--size", 96, "--json")
    ran = kyara("convert", "timm:test_vit", *options, "--out", tmp_path / "made")
    assert ran.code == 0, ran.err
    assert ran.json()["size"] == 96
    encoder = open_encoder(str(tmp_path / "made"))
    assert encoder.encode(np.zeros((2, 96, 96, 3), np.uint8)).shape == (2, ran.json()["dimension"])


def test_what_cannot_be_converted(kyara: Kyara, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    save_file({"conv_stem.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    calls = {
        ("timm:resnet118", "--weights", weights): (2, "timm knows no model 'resnet118' (near it: "),
        (f"timm:{MODEL}",): (2, "where are its weights? (--weights FILE.safetensors, or"),
        (f"timm:{MODEL}", "--weights", weights, "--download"): (2, "two places for its weights"),
        (f"timm:{MODEL}", "--weights", tmp_path / "none"): (2, "no such file of weights"),
        (f"timm:{MODEL}", "--weights", tmp_path / "torn.safetensors"): (1, "no safetensors file"),
        (f"timm:{MODEL}", "--weights", tmp_path / "other.safetensors"): (
            1,
            "not this network's weights",
        ),
    }
    for call, (code, said) in calls.items():
        ran = kyara("convert", *call, "--out", tmp_path / "made")
        assert ran.code == code, call
        assert len(ran.err.splitlines()) == 1
        assert said in ran.err
        assert not (tmp_path / "made").exists()
