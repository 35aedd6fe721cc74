"""The training loop: deterministic, checkpointed, resumable to the same weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from kyara.errors import UsageError
from kyara.evaluate.dataset import Dataset
from kyara.manifest import MANIFEST, InputSpec
from kyara.pictures.read import decode
from kyara.train.augment import Augmentation
from kyara.train.config import TrainConfig
from kyara.train.imprint import imprint
from kyara.train.model import EmbeddingNet, Objective
from kyara.train.package import load_crops
from kyara.train.revive import revive
from kyara.train.run import (
    CHECKPOINT,
    Log,
    StepRecord,
    checkpoint_of,
    data_in_words,
    learning_rate,
    load_parts,
    mean_of,
    parameters,
    save_parts,
    update_average,
    write_record,
)
from kyara.train.sampler import BalancedBatches, Draw
from kyara.train.teacher import teacher_targets

__all__ = ["StepRecord", "load_trained", "train", "training_data"]

_REVIVING_PICTURES = 512


class _Views(TorchDataset[tuple[Tensor, int, int]]):
    """Augmented views, with label and index; pictures stay encoded in memory (7 kB each, not
    90)."""

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        labels = {identity: n for n, identity in enumerate(sorted(dataset.by_identity))}
        self._labels = [labels[picture.identity] for picture in dataset.pictures]
        self._data = [picture.read() for picture in dataset.pictures]
        self._augment = Augmentation(config.augment)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int, int]:
        torch.manual_seed(draw.seed)
        image = decode(self._data[draw.index]).image
        return self._augment(image, draw.size), self._labels[draw.index], draw.index


class _Run:
    """Everything that changes while training, and that a checkpoint holds."""

    def __init__(
        self,
        config: TrainConfig,
        sources: Sequence[str],
        targets: Tensor | None,
        device: torch.device,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.step = 0
        self._targets = targets
        width = None if targets is None else targets.shape[1]
        self.objective = Objective(config, sources, width).to(device)
        self.objective.to(memory_format=torch.channels_last)
        self.average = deepcopy(self.objective.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self._parameter_groups())
        # Under torchrun each process trains on its part of the batch; gradients are averaged.
        self._parallel: nn.Module = (
            # The losses of sources that are not in a batch have no gradient.
            DistributedDataParallel(self.objective, find_unused_parameters=True)
            if distributed.is_initialized()
            else self.objective
        )

    def _parameter_groups(self) -> list[dict[str, Any]]:
        decayed, plain = parameters(self.objective.net, self.objective.head)
        config = self.config.optimiser
        classes = list(self.objective.loss.parameters())
        return [
            {"params": decayed, "weight_decay": config.weight_decay, "rate": 1.0},
            {"params": plain, "weight_decay": 0.0, "rate": 1.0},
            {"params": classes, "weight_decay": 0.0, "rate": config.class_rate},
        ]

    def learning_rate(self) -> float:
        """At this step."""
        return learning_rate(self.config.optimiser, self.step, self.config.steps)

    def advance(self, pixels: Tensor, labels: Tensor, indices: Tensor) -> float:
        """One optimiser step on a batch; returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate() * group["rate"]
        pixels = pixels.to(self.device, memory_format=torch.channels_last)
        targets = None if self._targets is None else self._targets[indices].to(self.device)
        self.objective.train()
        # A step's own chance, so that a run that was interrupted ends with the same weights.
        rank = distributed.get_rank() if distributed.is_initialized() else 0
        seed = np.random.SeedSequence((self.config.seed, self.step, rank)).generate_state(1)
        torch.manual_seed(int(seed[0]))
        low = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            loss = self._parallel(pixels, labels.to(self.device), targets)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.objective.net.parameters(), 5.0)
        self.optimiser.step()
        update_average(self.average, self.objective.net, self.config.optimiser.ema, self.step)
        self.step += 1
        return float(loss.detach())

    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.objective.net,
            "loss": self.objective.loss,
            "head": self.objective.head,
            "average": self.average,
            "optimiser": self.optimiser,
        }

    def save(self, path: Path) -> None:
        save_parts(path, self._parts(), self.step, self.config)

    def load(self, path: Path) -> None:
        self.step = load_parts(path, self._parts(), self.config, self.device)

    def begin_from(self, folders: Sequence[Path], dataset: Dataset) -> None:
        """Take over another run's averaged network and weights of the losses, or the mean of
        several runs', or the trunk of a plugin."""
        plugins = [folder for folder in folders if (folder / MANIFEST).is_file()]
        if plugins and len(folders) > 1:
            what = "a plugin has no mean with others: give runs, or this plugin alone"
            raise UsageError(what, where=plugins[0])
        if plugins:
            spec = InputSpec(size=self.config.size_at(0))
            crops, _ = load_crops(dataset, _REVIVING_PICTURES, spec)
            revive(self.objective.net, plugins[0], crops)
            self.average.load_state_dict(self.objective.net.state_dict())
            return
        states = [checkpoint_of(folder) for folder in folders]
        for folder, state in zip(folders, states, strict=True):
            try:
                self.objective.net.load_state_dict(state["average"])
                self.objective.loss.load_state_dict(state["loss"])
            except RuntimeError as error:
                what = "that run has another model, losses or characters"
                raise UsageError(what, where=folder) from error
        average = mean_of([state["average"] for state in states])
        self.objective.net.load_state_dict(average)
        self.average.load_state_dict(average)
        self.objective.loss.load_state_dict(mean_of([state["loss"] for state in states]))
        self._take_over_head(states[-1]["head"])

    def _take_over_head(self, head: dict[str, Tensor]) -> None:
        """What answers the teacher, if that run's teachers said as much as this one's."""
        mine = self.objective.head.state_dict()
        if {k: v.shape for k, v in head.items()} == {k: v.shape for k, v in mine.items()}:
            self.objective.head.load_state_dict(head)


def train(
    config: TrainConfig,
    dataset: Dataset,
    folder: Path,
    *,
    begin_from: Sequence[Path] = (),
    device: str = "cpu",
    until: int | None = None,
    on_record: Callable[[StepRecord], None] = lambda _record: None,
    record_every: int = 20,
) -> EmbeddingNet:
    """Train, or go on training, in `folder`; returns the averaged network.

    `folder` keeps `run.json` (config, seed, data, versions), `curve.jsonl` (a line every
    `record_every` steps) and `checkpoint.pt`. A run that was stopped at any instant goes on
    from its last checkpoint, with the batches it would have seen.

    Under `torchrun` each process takes its part of every batch; the first one writes.

    Args:
        begin_from: another run's folder, or a plugin's, whose weights a new run starts from; of
            several runs the mean of their weights (model soups, Wortsman et al. 2022).
        device: a torch device name.
        until: stop before this step, as an interruption would.

    Raises:
        UsageError: `folder` holds a run with another config, or a loss is not known.
    """
    with _processes(device) as (rank, count):
        first = rank == 0
        targets = _targets(config, dataset, folder)
        run = _Run(config, _sources_of_classes(dataset), targets, torch.device(device))
        checkpoint = folder / CHECKPOINT
        if checkpoint.exists():
            run.load(checkpoint)
        elif begin_from:
            run.begin_from(begin_from, dataset)
            if config.optimiser.imprint:
                imprint(run.objective.loss, run.objective.net, dataset, config.size_at(0))
        if first:
            folder.mkdir(parents=True, exist_ok=True)
            begun = " + ".join(other.name for other in begin_from) or None
            write_record(folder, config, _data(dataset), begun)
        log = Log(folder, on_record, record_every) if first else None
        last = config.steps if until is None else min(until, config.steps)
        for pixels, labels, indices in _loader(config, dataset, run.step, rank, count):
            if run.step >= last:
                break
            loss = run.advance(pixels, labels, indices)
            if log is not None:
                log.add(
                    run.step,
                    loss,
                    rate=run.learning_rate(),
                    pictures=len(labels) * count,
                    size=pixels.shape[-1],
                    last=last,
                )
            if first and (run.step % config.checkpoint_every == 0 or run.step == last):
                run.save(checkpoint)
        average: EmbeddingNet = run.average
        average.eval()
        return average


@contextmanager
def _processes(device: str) -> Iterator[tuple[int, int]]:
    """Rank and number of the processes that torchrun started; (0, 1) without it."""
    if "WORLD_SIZE" not in os.environ:
        yield 0, 1
        return
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield distributed.get_rank(), distributed.get_world_size()
    finally:
        distributed.destroy_process_group()


def _sources_of_classes(dataset: Dataset) -> list[str]:
    """The source of each character, in the order of their labels."""
    return [source for source, _ in sorted(dataset.by_identity)]


def _targets(config: TrainConfig, dataset: Dataset, folder: Path) -> Tensor | None:
    if config.distil is None:
        return None
    return torch.from_numpy(teacher_targets(config.distil, dataset, folder))


def _loader(
    config: TrainConfig, dataset: Dataset, first: int, rank: int, count: int
) -> DataLoader[tuple[Tensor, int, int]]:
    workers = config.data.workers
    return DataLoader(
        _Views(dataset, config),
        batch_sampler=BalancedBatches(dataset, config, first, part=(rank, count)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )


def load_trained(folder: Path, *others: Path) -> tuple[EmbeddingNet, TrainConfig]:
    """The averaged network and the config of a run's last checkpoint.

    Args:
        others: runs of the same network; the mean of all weights is what is loaded (model soups,
            Wortsman et al. 2022), with the config of the last.

    Raises:
        UsageError: there is none, or the runs have different networks.
    """
    folders = (folder, *others)
    states = [checkpoint_of(each) for each in folders]
    config = msgspec.json.decode(states[-1]["config"], type=TrainConfig)
    net = EmbeddingNet(config.model)
    for each, state in zip(folders, states, strict=True):
        try:
            net.load_state_dict(state["average"])
        except RuntimeError as error:
            raise UsageError("that run has another network", where=each) from error
    net.load_state_dict(mean_of([state["average"] for state in states]))
    return net.eval(), config


def training_data(folder: Path) -> str:
    """What the run in `folder` was trained on, in one line.

    Raises:
        UsageError: there is no record of a run.
    """
    return data_in_words(folder, "{pictures} pictures of {characters} characters")


def _data(dataset: Dataset) -> dict[str, object]:
    counts = {source: len(dataset.of_source(source).pictures) for source in dataset.sources}
    return {
        "digest": dataset.digest(),
        "pictures": len(dataset.pictures),
        "characters": len(dataset.by_identity),
        "by_source": counts,
    }
