"""Losses, teachers and rates that keep a collection's look from being learned."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from PIL import Image  # noqa: E402
from pytorch_metric_learning.losses import SupConLoss  # noqa: E402

from kyara.evaluate.dataset import Dataset, load_dataset  # noqa: E402
from kyara.train.augment import Augmentation  # noqa: E402
from kyara.train.config import AugmentConfig, DistilConfig, LossConfig, load_config  # noqa: E402
from kyara.train.loop import StepRecord, train  # noqa: E402
from kyara.train.model import SummedLoss, WithinSource  # noqa: E402
from kyara.train.teacher import teacher_targets  # noqa: E402

pytestmark = pytest.mark.train

SOURCES = ["b", "a", "b", "a"]  # of the characters 0 to 3
LABELS = torch.tensor([0, 0, 2, 2, 1, 1, 3, 3, 3])


def embeddings(seed: int = 0) -> torch.Tensor:
    rows = torch.randn(len(LABELS), 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=1)


def test_a_loss_within_sources_is_the_mean_over_the_pictures_of_each() -> None:
    rows, plain = embeddings(), SupConLoss()
    loss = WithinSource(LossConfig(name="SupConLoss"), SOURCES, 6)
    of_b, of_a = plain(rows[:4], LABELS[:4]), plain(rows[4:], LABELS[4:])
    assert loss(rows, LABELS).item() == pytest.approx((4 * of_b + 5 * of_a).item() / 9, rel=1e-5)


@pytest.mark.parametrize("name", ["SupConLoss", "CosFaceLoss"])
def test_characters_of_other_sources_are_no_negatives(name: str) -> None:
    config = LossConfig(name=name, within_source=True)
    torch.manual_seed(0)
    within = SummedLoss((config,), SOURCES, 6)
    torch.manual_seed(0)
    across = SummedLoss((LossConfig(name=name),), SOURCES, 6)
    rows = embeddings().requires_grad_()
    for loss, moved in ((within, False), (across, True)):
        # The loss of b's pictures alone, with a's pictures in the batch.
        before = loss(rows, LABELS)
        turned = torch.cat([rows[:4], -rows[4:]])
        gradients = [torch.autograd.grad(loss(r, LABELS), r)[0][:4] for r in (rows, turned)]
        assert before.isfinite()
        if name == "SupConLoss":
            assert torch.allclose(*gradients, atol=1e-6) is not moved
    if name == "CosFaceLoss":  # as many weight vectors as characters, in a table per source
        assert [tuple(w.shape) for w in within.parameters()] == [(6, 2), (6, 2)]


def test_several_teachers_are_one_without_their_view_of_the_source(
    labelled: Path, tmp_path: Path
) -> None:
    pictures = load_dataset(labelled).pictures
    dataset = Dataset(tuple(replace(p, source="ab"[n % 2]) for n, p in enumerate(pictures)))
    one = DistilConfig(teacher="histogram", size=32, centre_sources=True)
    two = DistilConfig(teacher=("histogram", "histogram"), size=32, centre_sources=True)
    targets = teacher_targets(one, dataset, tmp_path / "one")
    both = teacher_targets(two, dataset, tmp_path / "two")
    assert both.shape == (len(pictures), 2 * targets.shape[1])
    np.testing.assert_allclose(both @ both.T, targets @ targets.T, atol=1e-5)
    plain = teacher_targets(DistilConfig(teacher="histogram", size=32), dataset, tmp_path / "p")
    for source in range(2):
        centred, kept = (rows[source::2].mean(0) for rows in (targets, plain))
        assert np.linalg.norm(centred) <= np.linalg.norm(kept) + 1e-6


def test_the_rate_stays_until_it_falls(labelled: Path, config_file: Path, tmp_path: Path) -> None:
    config = load_config(config_file)
    optimiser = msgspec.structs.replace(
        config.optimiser, decay_from=0.5, warmup_steps=1, learning_rate=0.01
    )
    config = msgspec.structs.replace(config, optimiser=optimiser)
    records: list[StepRecord] = []
    train(
        config, load_dataset(labelled), tmp_path / "run", on_record=records.append, record_every=1
    )
    falling = [0.005 * (1 + math.cos(math.pi * n / 3)) for n in (1, 2)]
    rates = [record.learning_rate for record in records[:-1]]
    assert rates == pytest.approx([0.01, 0.01, 0.01, *falling])


def test_a_warp_moves_what_is_inside_and_keeps_the_frame() -> None:
    config = AugmentConfig(
        crop_scale=(1.0, 1.0), affine=0, colour=0, grey=0, line_art=0, posterise=0, blur=0,
        jpeg=0, erase=0, warp=1.0,
    )  # fmt: skip
    board = Image.new("RGB", (96, 96), "white")
    board.paste("black", (0, 0, 96, 4))
    board.paste("red", (40, 40, 56, 56))
    torch.manual_seed(3)
    warped = Augmentation(config)(board, 96)
    torch.manual_seed(3)
    plain = Augmentation(msgspec.structs.replace(config, warp=0.0))(board, 96)
    assert warped.shape == plain.shape
    assert (warped[:, 0] < 60).float().mean() > 0.95
    assert not torch.equal(warped, plain)
