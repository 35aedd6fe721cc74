"""The training loop: deterministic, checkpointed, resumable to the same weights."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from kyara.errors import UsageError
from kyara.evaluate.dataset import Dataset
from kyara.files import replaced, writing
from kyara.manifest import MANIFEST, InputSpec
from kyara.pictures.read import decode
from kyara.train.augment import Augmentation
from kyara.train.config import TrainConfig
from kyara.train.model import EmbeddingNet, Objective
from kyara.train.package import load_crops
from kyara.train.revive import revive
from kyara.train.sampler import BalancedBatches, Draw
from kyara.train.teacher import teacher_targets

__all__ = ["StepRecord", "load_trained", "train", "training_data"]

CHECKPOINT = "checkpoint.pt"
RECORD = "run.json"
CURVE = "curve.jsonl"

_REVIVING_PICTURES = 512


@dataclass(frozen=True)
class StepRecord:
    """What a step left behind: `loss` is the mean since the last record."""

    step: int
    loss: float
    learning_rate: float
    size: int
    pictures_per_second: float


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
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for part in (self.objective.net, self.objective.head):
            for parameter in part.parameters():
                # Biases and batch norm's scales are not decayed (He et al. 2019).
                (decayed if parameter.ndim > 1 else plain).append(parameter)
        config = self.config.optimiser
        classes = list(self.objective.loss.parameters())
        return [
            {"params": decayed, "weight_decay": config.weight_decay, "rate": 1.0},
            {"params": plain, "weight_decay": 0.0, "rate": 1.0},
            {"params": classes, "weight_decay": 0.0, "rate": config.class_rate},
        ]

    def learning_rate(self) -> float:
        """Linear warm-up, the rate itself, then half a cosine."""
        config, done = self.config.optimiser, self.step / self.config.steps
        warm = min(1.0, (self.step + 1) / max(1, config.warmup_steps))
        decayed = max(0.0, (done - config.decay_from) / (1.0 - config.decay_from))
        return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * decayed))

    def advance(self, pixels: Tensor, labels: Tensor, indices: Tensor) -> float:
        """One optimiser step on a batch; returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate() * group["rate"]
        pixels = pixels.to(self.device, memory_format=torch.channels_last)
        targets = None if self._targets is None else self._targets[indices].to(self.device)
        self.objective.train()
        low = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            loss = self._parallel(pixels, labels.to(self.device), targets)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.objective.net.parameters(), 5.0)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return float(loss.detach())

    def _update_average(self) -> None:
        # The decay grows from 0, so that the average forgets the random start.
        decay = min(self.config.optimiser.ema, (1 + self.step) / (10 + self.step))
        net = self.objective.net
        with torch.no_grad():
            for mine, theirs in zip(
                self.average.state_dict().values(), net.state_dict().values(), strict=True
            ):
                if mine.is_floating_point():
                    mine.lerp_(theirs, 1 - decay)
                else:
                    mine.copy_(theirs)

    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.objective.net,
            "loss": self.objective.loss,
            "head": self.objective.head,
            "average": self.average,
            "optimiser": self.optimiser,
        }

    def save(self, path: Path) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        state |= {"step": self.step, "config": msgspec.json.encode(self.config).decode()}
        with writing(path), replaced(path) as part, part.open("wb") as stream:
            torch.save(state, stream)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["config"] != msgspec.json.encode(self.config).decode():
            raise UsageError(
                "this run was begun with another config",
                where=path.parent,
                hint="choose another run folder, or delete this one",
            )
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step = state["step"]

    def begin_from(self, folder: Path, dataset: Dataset) -> None:
        """Take over another run's averaged network and weights of the losses, or the trunk of
        a plugin."""
        if (folder / MANIFEST).is_file():
            spec = InputSpec(size=self.config.size_at(0))
            crops, _ = load_crops(dataset, _REVIVING_PICTURES, spec)
            revive(self.objective.net, folder, crops)
            self.average.load_state_dict(self.objective.net.state_dict())
            return
        state = _checkpoint_of(folder)
        try:
            self.objective.net.load_state_dict(state["average"])
            self.average.load_state_dict(state["average"])
            self.objective.loss.load_state_dict(state["loss"])
        except RuntimeError as error:
            what = "that run has another model, losses or characters"
            raise UsageError(what, where=folder) from error


def train(
    config: TrainConfig,
    dataset: Dataset,
    folder: Path,
    *,
    begin_from: Path | None = None,
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
        begin_from: another run's folder, or a plugin's, whose weights a new run starts from.
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
        elif begin_from is not None:
            run.begin_from(begin_from, dataset)
        if first:
            folder.mkdir(parents=True, exist_ok=True)
            _write_record(folder, config, dataset, begin_from)
        log = _Log(folder, on_record, record_every) if first else None
        last = config.steps if until is None else min(until, config.steps)
        for pixels, labels, indices in _loader(config, dataset, run.step, rank, count):
            if run.step >= last:
                break
            loss = run.advance(pixels, labels, indices)
            if log is not None:
                log.add(run, loss, len(labels) * count, pixels.shape[-1], last)
            if first and (run.step % config.checkpoint_every == 0 or run.step == last):
                run.save(checkpoint)
        average: EmbeddingNet = run.average
        average.eval()
        return average


class _Log:
    """The curve: a record every few steps, to the file and to whoever listens."""

    def __init__(self, folder: Path, on_record: Callable[[StepRecord], None], every: int) -> None:
        self._folder, self._on_record, self._every = folder, on_record, every
        self._begin()

    def _begin(self) -> None:
        self._losses: list[float] = []
        self._pictures = 0
        self._since = time.perf_counter()

    def add(self, run: _Run, loss: float, pictures: int, size: int, last: int) -> None:
        self._losses.append(loss)
        self._pictures += pictures
        if run.step % self._every and run.step != last:
            return
        mean = sum(self._losses) / len(self._losses)
        speed = self._pictures / (time.perf_counter() - self._since)
        record = StepRecord(run.step, mean, run.learning_rate(), size, speed)
        with (self._folder / CURVE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(record)) + "\n")
        self._on_record(record)
        self._begin()


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


def load_trained(folder: Path) -> tuple[EmbeddingNet, TrainConfig]:
    """The averaged network and the config of a run's last checkpoint.

    Raises:
        UsageError: there is none.
    """
    state = _checkpoint_of(folder)
    config = msgspec.json.decode(state["config"], type=TrainConfig)
    net = EmbeddingNet(config.model)
    net.load_state_dict(state["average"])
    return net.eval(), config


def _checkpoint_of(folder: Path) -> dict[str, Any]:
    path = folder / CHECKPOINT
    if not path.is_file():
        raise UsageError("no checkpoint is in this run folder", where=folder)
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def training_data(folder: Path) -> str:
    """What the run in `folder` was trained on, in one line.

    Raises:
        UsageError: there is no record of a run.
    """
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))["data"]
    except OSError as error:
        raise UsageError("no record of a run is here", where=folder) from error
    sources = ", ".join(f"{source} {count}" for source, count in data["by_source"].items())
    return f"{data['pictures']} pictures of {data['characters']} characters: {sources}"


def _write_record(
    folder: Path, config: TrainConfig, dataset: Dataset, begin_from: Path | None
) -> None:
    counts = {source: len(dataset.of_source(source).pictures) for source in dataset.sources}
    record = {
        "config": msgspec.to_builtins(config),
        "begun_from": None if begin_from is None else begin_from.name,
        "data": {
            "digest": dataset.digest(),
            "pictures": len(dataset.pictures),
            "characters": len(dataset.by_identity),
            "by_source": counts,
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    path = folder / RECORD
    with writing(path), replaced(path) as part:
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
