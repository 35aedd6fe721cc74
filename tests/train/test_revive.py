"""Training goes on from the weights of a plugin, also from rounded ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from kyara.errors import PluginError  # noqa: E402
from kyara.evaluate.dataset import load_dataset  # noqa: E402
from kyara.manifest import InputSpec  # noqa: E402
from kyara.train.config import ModelConfig, load_config  # noqa: E402
from kyara.train.loop import load_trained, train  # noqa: E402
from kyara.train.model import EmbeddingNet  # noqa: E402
from kyara.train.package import load_crops  # noqa: E402
from kyara.train.revive import revive  # noqa: E402
from tests.conftest import Ran  # noqa: E402

pytestmark = pytest.mark.train

SIZE = 48


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Mean cosine of rows."""
    products = (one * other).sum(axis=1)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float((products / lengths).mean())


@pytest.mark.parametrize("options", [(), ("--int8",), ("--half",)])
def test_the_trunk_is_the_one_that_was_exported(
    labelled: Path,
    config_file: Path,
    tmp_path: Path,
    kyara: Callable[..., Ran],
    options: tuple[str, ...],
) -> None:
    run, plugin = tmp_path / "run", tmp_path / "plugin"
    dataset = load_dataset(labelled)
    train(load_config(config_file), dataset, run)
    assert kyara("export", run, "--out", plugin, "--data", labelled, *options).code == 0
    trained, config = load_trained(run)
    crops, _ = load_crops(dataset, 20, InputSpec(size=SIZE))
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)
    torch.manual_seed(1)
    revived = EmbeddingNet(config.model)
    revive(revived, plugin, crops)
    with torch.no_grad():
        expected = trained.describe(pixels).numpy()
        assert alike(revived.eval().describe(pixels).numpy(), expected) > 0.995
        # Its batch norms fit the data: in training mode it says nearly the same.
        assert alike(revived.train().describe(pixels).numpy(), expected) > 0.9


def test_a_plugin_without_weights_is_refused(labelled: Path, tiny_plugin: Path) -> None:
    crops, _ = load_crops(load_dataset(labelled), 4, InputSpec(size=SIZE))
    with pytest.raises(PluginError, match="not weights in ONNX"):
        revive(EmbeddingNet(ModelConfig()), tiny_plugin, crops)


def test_another_network_is_refused(
    labelled: Path, config_file: Path, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    run, plugin = tmp_path / "run", tmp_path / "plugin"
    train(load_config(config_file), load_dataset(labelled), run, until=1)
    assert kyara("export", run, "--out", plugin).code == 0
    crops, _ = load_crops(load_dataset(labelled), 4, InputSpec(size=SIZE))
    with pytest.raises(PluginError, match="not of the network"):
        revive(EmbeddingNet(ModelConfig(trunk="resnet34")), plugin, crops)


def test_a_run_begins_from_a_plugin(
    labelled: Path, config_file: Path, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    run, plugin = tmp_path / "run", tmp_path / "plugin"
    dataset, config = load_dataset(labelled), load_config(config_file)
    train(config, dataset, run)
    assert kyara("export", run, "--out", plugin).code == 0
    begun = kyara(
        *("train", config_file, "--data", labelled, "--out", tmp_path / "more"),
        *("--init", plugin, "--until", "1"),
    )
    assert begun.code == 0, begun.err
    crops, _ = load_crops(dataset, 20, InputSpec(size=SIZE))
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)
    with torch.no_grad():
        first, more = (load_trained(f)[0].describe(pixels) for f in (run, tmp_path / "more"))
        torch.manual_seed(1)
        fresh = EmbeddingNet(config.model).eval().describe(pixels)
    assert alike(first.numpy(), more.numpy()) > alike(first.numpy(), fresh.numpy()) + 0.01
