"""Classifier weights that begin as the mean embedding of their character."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

import msgspec  # noqa: E402

from kyara.encode.preprocess import whole_crop  # noqa: E402
from kyara.evaluate.dataset import Dataset, load_dataset  # noqa: E402
from kyara.manifest import InputSpec  # noqa: E402
from kyara.train.config import LossConfig, load_config  # noqa: E402
from kyara.train.imprint import imprint  # noqa: E402
from kyara.train.loop import load_trained, train  # noqa: E402
from kyara.train.model import EmbeddingNet, Objective  # noqa: E402
from kyara.train.run import checkpoint_of  # noqa: E402

pytestmark = pytest.mark.train

SIZE = 32


def of_two_sources(dataset: Dataset) -> Dataset:
    """Every second character is of another source, so that labels and sources interleave."""
    names = sorted({picture.character for picture in dataset.pictures})
    sources = {name: "ba"[n % 2] for n, name in enumerate(names)}
    pictures = [replace(p, source=sources[p.character]) for p in dataset.pictures]
    return replace(dataset, pictures=tuple(pictures))


def mean_embedding(net: EmbeddingNet, dataset: Dataset, identity: tuple[str, str]) -> np.ndarray:
    pictures = [dataset.pictures[i].file.read() for i in dataset.by_identity[identity]]
    crops = np.stack([whole_crop(data, InputSpec(size=SIZE)) for data in pictures])
    with torch.inference_mode():
        mean = net.eval()(torch.from_numpy(crops).permute(0, 3, 1, 2)).mean(0)
    return torch.nn.functional.normalize(mean, dim=0).numpy()


@pytest.mark.parametrize("within_source", [False, True])
def test_each_weight_is_the_mean_of_its_character(
    within_source: bool, labelled: Path, config_file: Path
) -> None:
    dataset = of_two_sources(load_dataset(labelled))
    loss = LossConfig(name="CosFaceLoss", within_source=within_source)
    config = msgspec.structs.replace(load_config(config_file), losses=(loss,))
    identities = sorted(dataset.by_identity)
    torch.manual_seed(0)
    objective = Objective(config, [source for source, _ in identities], None)
    imprint(objective.loss, objective.net, dataset, SIZE)
    part = objective.loss.parts[0]
    weights = [inner.W for inner in part.parts] if within_source else [part.W]
    columns = torch.cat(weights, dim=1).detach().T.numpy()
    for column, identity in zip(columns, identities, strict=True):  # by source in both orders
        assert np.allclose(column, mean_embedding(objective.net, dataset, identity), atol=1e-5)


def test_a_run_that_begins_from_another_is_imprinted(
    labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    dataset, config = load_dataset(labelled), load_config(config_file)
    train(config, dataset, tmp_path / "first", until=2)
    optimiser = msgspec.structs.replace(config.optimiser, imprint=True, learning_rate=1e-12)
    config = msgspec.structs.replace(config, optimiser=optimiser)
    train(config, dataset, tmp_path / "second", begin_from=[tmp_path / "first"], until=1)
    net, _ = load_trained(tmp_path / "first")
    weights = checkpoint_of(tmp_path / "second")["loss"]["parts.0.W"].T.numpy()
    means = [mean_embedding(net, dataset, identity) for identity in sorted(dataset.by_identity)]
    assert np.allclose(weights, np.stack(means), atol=1e-5)
