"""Within-class covariance normalisation: what it promises, on crops that tests draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from kyara.evaluate.dataset import load_dataset  # noqa: E402
from kyara.manifest import InputSpec  # noqa: E402
from kyara.train.config import ModelConfig  # noqa: E402
from kyara.train.model import EmbeddingNet, Palette  # noqa: E402
from kyara.train.package import load_crops  # noqa: E402
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
    whiten(net, crops, labels, np.zeros_like(labels))
    assert np.divide(*within_and_between()) < before


def test_the_palette_counts_beside_the_network(labelled: Path) -> None:
    """The drawn characters are colours: with them in the projection they are told apart even
    by a network that learned nothing."""
    crops, labels = load_crops(load_dataset(labelled), 100, InputSpec(size=32))
    torch.manual_seed(0)
    net = EmbeddingNet(ModelConfig(dimension=20)).eval()
    whiten(net, crops, labels, np.zeros_like(labels), palette=True)
    with torch.no_grad():
        rows = net(torch.from_numpy(crops).permute(0, 3, 1, 2)).numpy()
    same = labels[:, None] == labels[None]
    scores = rows @ rows.T
    assert scores[same].min() > scores[~same].max()


def test_how_strong_all_features_are_says_nothing(labelled: Path) -> None:
    crops, labels = load_crops(load_dataset(labelled), 100, InputSpec(size=32))
    torch.manual_seed(0)
    net = EmbeddingNet(ModelConfig(dimension=20)).eval()
    whiten(net, crops, labels, np.zeros_like(labels), palette=True)
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)
    with torch.no_grad():
        before = net(pixels)
        net.trunk.register_forward_hook(lambda _trunk, _pixels, features: 3.0 * features)
        assert torch.allclose(net(pixels), before, atol=1e-5)
        net.trunk.register_forward_hook(lambda _trunk, _pixels, features: features**2)
        assert not torch.allclose(net(pixels), before, atol=1e-2)


def test_what_sources_differ_in_counts_less(
    labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels = load_crops(load_dataset(labelled), 100, InputSpec(size=32))
    monkeypatch.setattr("kyara.train.whiten.SOURCE_PICTURES", 2)
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)

    def apart(sources: NDArray[np.intp]) -> float:
        """How far apart the two halves of the characters are."""
        torch.manual_seed(0)
        net = EmbeddingNet(ModelConfig(dimension=20)).eval()
        whiten(net, crops, labels, sources, palette=True)
        with torch.no_grad():
            rows = net(pixels).numpy()
        one, other = rows[labels < 2].mean(0), rows[labels >= 2].mean(0)
        return float(np.linalg.norm(one - other))

    halves = (labels >= 2).astype(np.intp)
    assert apart(halves) < 0.9 * apart(np.zeros_like(halves))


def test_a_palette_is_shares_of_colours() -> None:
    pixels = torch.zeros(1, 3, 8, 8)
    pixels[:, 0] = 255.0  # red everywhere
    palette = Palette()
    (row,) = palette(pixels)
    assert row.shape == (palette.dimension,)
    assert row[7 * 64] == pytest.approx(1.0)
    assert row.sum() == pytest.approx(1.0)


def test_greys_count_less_than_colours_and_the_border_less_than_the_middle() -> None:
    pixels = torch.full((1, 3, 16, 16), 128.0)
    pixels[:, 2, :, 6:10] = 255.0  # a blue stripe in the middle
    (middle,) = Palette()(pixels)
    (border,) = Palette()(pixels.roll(8, dims=3))
    blue, grey = (4 * 8 + 4) * 8 + 7, (4 * 8 + 4) * 8 + 4
    assert middle[blue] > middle[grey]
    assert middle[blue] > border[blue]


def test_the_same_crops_give_the_same_projection_whatever_chance_did_before(labelled: Path) -> None:
    crops, labels = load_crops(load_dataset(labelled), 100, InputSpec(size=32))
    projections = []
    for seed in (1, 2):
        torch.manual_seed(0)
        net = EmbeddingNet(ModelConfig(dimension=20)).eval()
        torch.manual_seed(seed)
        whiten(net, crops, labels, np.zeros_like(labels), palette=True)
        projections.append(net.projection.weight.detach().clone())
    assert torch.equal(*projections)
