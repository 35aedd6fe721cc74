"""Within-class covariance normalisation: what it promises, on crops that tests draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from kyara.evaluate.dataset import load_dataset  # noqa: E402
from kyara.plugins.manifest import InputSpec  # noqa: E402
from kyara.train.config import ModelConfig  # noqa: E402
from kyara.train.export import load_crops  # noqa: E402
from kyara.train.model import EmbeddingNet  # noqa: E402
from kyara.train.whiten import whiten  # noqa: E402

pytestmark = pytest.mark.train


def test_differences_within_a_character_count_less(labelled: Path) -> None:
    crops, labels = load_crops(load_dataset(labelled), 100, InputSpec(size=32))
    assert sorted(np.bincount(labels)) == [5, 5, 5, 5]
    torch.manual_seed(0)
    net = EmbeddingNet(ModelConfig(dimension=20)).eval()

    def within_and_between() -> tuple[float, float]:
        with torch.no_grad():
            rows = net(torch.from_numpy(crops).permute(0, 3, 1, 2)).numpy()
        same = labels[:, None] == labels[None]
        distances = 1.0 - rows @ rows.T
        return float(distances[same].mean()), float(distances[~same].mean())

    before = np.divide(*within_and_between())
    whiten(net, crops, labels)
    assert np.divide(*within_and_between()) < before
