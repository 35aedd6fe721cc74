"""Training a detector: deterministic, checkpointed, resumable to the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from kyara.errors import UsageError
from kyara.evaluate.boxes import BoxedPicture, by_source, digest_of
from kyara.train.heads.config import DetectConfig, DetectDataConfig
from kyara.train.heads.network import HeadNet, cells
from kyara.train.heads.scenes import Scenes
from kyara.train.heads.shelf import Shelf
from kyara.train.heads.targets import Truth, head_loss
from kyara.train.heads.weights import load_yolox
from kyara.train.run import (
    CHECKPOINT,
    Log,
    StepRecord,
    checkpoint_of,
    data_in_words,
    learning_rate,
    load_parts,
    parameters,
    save_parts,
    update_average,
    write_record,
)

__all__ = ["load_trained_detector", "train_detector", "trained_on"]

_CLIP = 10.0
"""Length of the gradient at most: there is no batch norm that would forgive a longer step."""


@dataclass(frozen=True)
class SceneDraw:
    """One place in a batch: which scene, at what size."""

    seed: int
    size: int


class SceneBatches(Sampler[list[SceneDraw]]):
    """Batches for steps `first` to `config.steps`: a pure function of seed and step."""

    def __init__(self, config: DetectConfig, first: int = 0) -> None:
        self._config, self._first = config, first
        shares = np.asarray([shape.share for shape in config.batches])
        self._probability = shares / shares.sum()

    def __len__(self) -> int:
        return self._config.steps - self._first

    def __iter__(self) -> Iterator[list[SceneDraw]]:
        return map(self.batch, range(self._first, self._config.steps))

    def batch(self, step: int) -> list[SceneDraw]:
        """All draws of one step: scenes of one size."""
        random = np.random.default_rng((self._config.seed, step))
        shape = self._config.batches[random.choice(len(self._probability), p=self._probability)]
        seeds = random.integers(0, 2**62, shape.pictures)
        return [SceneDraw(int(seed), shape.size) for seed in seeds]


class _SceneSet(TorchDataset[tuple[Tensor, Truth]]):
    def __init__(self, pictures: Sequence[BoxedPicture], config: DetectConfig) -> None:
        self._scenes = Scenes(
            Shelf(pictures, config.data.shares, config.data.figures), config.scenes
        )

    def __getitem__(self, draw: SceneDraw) -> tuple[Tensor, Truth]:
        scene = self._scenes.compose(draw.seed, draw.size)
        pixels = torch.from_numpy(np.array(scene.image)).permute(2, 0, 1)
        return pixels, Truth(torch.from_numpy(scene.heads), torch.from_numpy(scene.ignored))


def _collate(scenes: list[tuple[Tensor, Truth]]) -> tuple[Tensor, list[Truth]]:
    return torch.stack([pixels for pixels, _ in scenes]), [truth for _, truth in scenes]


class _Run:
    """Everything that changes while training, and that a checkpoint holds."""

    def __init__(self, config: DetectConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device, self.step = config, device, 0
        self.net: HeadNet = HeadNet().to(device)
        self.net.to(memory_format=torch.channels_last)
        self.net.freeze(config.model.frozen)
        self.average = deepcopy(self.net).requires_grad_(False)
        decayed, plain = parameters(self.net)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.optimiser.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ]
        )

    def learning_rate(self) -> float:
        """At this step."""
        return learning_rate(self.config.optimiser, self.step, self.config.steps)

    def advance(self, pixels: Tensor, truths: list[Truth]) -> float:
        """One optimiser step on a batch; returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        targets = self.config.targets
        pixels = pixels.to(self.device).float().contiguous(memory_format=torch.channels_last)
        truths = [Truth(t.heads.to(self.device), t.ignored.to(self.device)) for t in truths]
        centres, strides = cells(pixels.shape[2], pixels.shape[3])
        grid = centres.to(self.device), strides.to(self.device)
        static = self.step < targets.static_steps
        logits, boxes = self.net(pixels)
        loss = head_loss(logits, boxes, truths, grid, targets, static=static)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        length = nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP)
        if torch.isfinite(length):  # one step that overflowed must not end a run of hours
            self.optimiser.step()
        update_average(self.average, self.net, self.config.optimiser.ema, self.step)
        self.step += 1
        return float(loss.detach())

    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"net": self.net, "average": self.average, "optimiser": self.optimiser}

    def begin_with(self, change: Callable[[HeadNet], None]) -> None:
        """Start from other weights than random ones."""
        change(self.net)
        self.average.load_state_dict(self.net.state_dict())


def train_detector(
    config: DetectConfig,
    pictures: Sequence[BoxedPicture],
    folder: Path,
    *,
    beside: Path = Path(),
    begin_from: Path | None = None,
    device: str = "cpu",
    until: int | None = None,
    on_record: Callable[[StepRecord], None] = lambda _record: None,
    record_every: int = 20,
) -> HeadNet:
    """Train, or go on training, a detector in `folder`; returns the averaged network.

    The folder and what it promises are those of `kyara.train.loop.train`.

    Args:
        beside: the folder that `[model] weights` of the config is relative to.
        begin_from: another run's folder, whose averaged weights a new run starts from.
        device: a torch device name.
        until: stop before this step, as an interruption would.

    Raises:
        UsageError: `folder` holds a run with another config, the weights to begin from cannot
            be used, or the data has none of the sources.
    """
    run = _Run(config, torch.device(device))
    checkpoint = folder / CHECKPOINT
    last = config.steps if until is None else min(until, config.steps)
    if checkpoint.exists():
        run.step = load_parts(checkpoint, run.parts(), config, run.device)
    elif begin_from is not None:
        run.begin_with(partial(_take_over, folder=begin_from))
    elif config.model.weights:
        run.begin_with(partial(load_yolox, path=beside / config.model.weights))
    batches = _loader(config, pictures, run.step)
    folder.mkdir(parents=True, exist_ok=True)
    begun_from = begin_from.name if begin_from else config.model.weights or None
    write_record(folder, config, _data(pictures, config.data), begun_from)
    log = Log(folder, on_record, record_every)
    run.net.train()
    for pixels, truths in batches:
        if run.step >= last:
            break
        loss = run.advance(pixels, truths)
        log.add(
            run.step,
            loss,
            rate=run.learning_rate(),
            pictures=len(truths),
            size=pixels.shape[-1],
            last=last,
        )
        if run.step % config.checkpoint_every == 0 or run.step == last:
            save_parts(checkpoint, run.parts(), run.step, config)
    average: HeadNet = run.average
    average.eval()
    return average


def _loader(
    config: DetectConfig, pictures: Sequence[BoxedPicture], first: int
) -> DataLoader[tuple[Tensor, list[Truth]]]:
    workers = config.data.workers
    loader: DataLoader[Any] = DataLoader(
        _SceneSet(pictures, config),
        batch_sampler=SceneBatches(config, first),
        collate_fn=_collate,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    return loader


def _take_over(net: HeadNet, folder: Path) -> None:
    try:
        net.load_state_dict(checkpoint_of(folder)["average"])
    except RuntimeError as error:
        raise UsageError("that run has another network", where=folder) from error


def load_trained_detector(folder: Path) -> tuple[HeadNet, DetectConfig]:
    """The averaged network and the config of a run's last checkpoint.

    Raises:
        UsageError: there is none.
    """
    state = checkpoint_of(folder)
    config = msgspec.json.decode(state["config"], type=DetectConfig)
    net = HeadNet()
    net.load_state_dict(state["average"])
    return net.eval(), config


def trained_on(folder: Path) -> str:
    """What the run in `folder` was trained on, in one line.

    Raises:
        UsageError: there is no record of a run.
    """
    return data_in_words(folder, "{pictures} pictures with {heads} heads")


def _data(everything: Sequence[BoxedPicture], config: DetectDataConfig) -> dict[str, object]:
    """What of the pictures is ever drawn."""
    named = {*config.shares, *config.figures}
    pictures = [one for one in everything if one.decoy or not config.shares or one.source in named]
    return {
        "digest": digest_of(pictures),
        "pictures": len(pictures),
        "heads": sum(len(picture.boxes) for picture in pictures),
        "by_source": by_source(pictures),
    }
