"""The training loop: deterministic, checkpointed, resumable to the same weights."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from kyara.errors import UsageError
from kyara.evaluate.dataset import Dataset
from kyara.pictures.read import decode
from kyara.train.augment import Augmentation
from kyara.train.config import TrainConfig
from kyara.train.model import EmbeddingNet, SummedLoss
from kyara.train.sampler import BalancedBatches, Draw

__all__ = ["StepRecord", "load_trained", "train", "training_data"]

CHECKPOINT = "checkpoint.pt"
RECORD = "run.json"
CURVE = "curve.jsonl"


@dataclass(frozen=True)
class StepRecord:
    """What a step left behind: `loss` is the mean since the last record."""

    step: int
    loss: float
    learning_rate: float
    size: int
    pictures_per_second: float


class _Views(TorchDataset[tuple[Tensor, int]]):
    """Augmented training views; pictures stay encoded in memory (7 kB each, not 90)."""

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        labels = {identity: n for n, identity in enumerate(sorted(dataset.by_identity))}
        self._labels = [labels[picture.identity] for picture in dataset.pictures]
        self._data = [picture.read() for picture in dataset.pictures]
        self._augment = Augmentation(config.augment)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:  # type: ignore[override]
        torch.manual_seed(draw.seed)
        image = decode(self._data[draw.index]).image
        return self._augment(image, draw.size), self._labels[draw.index]


class _Run:
    """Everything that changes while training, and that a checkpoint holds."""

    def __init__(self, config: TrainConfig, classes: int, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.net = EmbeddingNet(config.model).to(device, memory_format=torch.channels_last)
        self.loss = SummedLoss(config.losses, classes, config.model.dimension).to(device)
        self.average = deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self._parameter_groups())
        self.step = 0

    def _parameter_groups(self) -> list[dict[str, Any]]:
        decayed, plain = [], list(self.loss.parameters())
        for parameter in self.net.parameters():
            # Biases and batch norm's scales are not decayed (He et al. 2019, "Bag of Tricks").
            (decayed if parameter.ndim > 1 else plain).append(parameter)
        decay = self.config.optimiser.weight_decay
        return [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine."""
        config, steps = self.config.optimiser, self.config.steps
        warm = min(1.0, (self.step + 1) / max(1, config.warmup_steps))
        return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.step / steps))

    def advance(self, pixels: Tensor, labels: Tensor) -> float:
        """One optimiser step on a batch; returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        pixels = pixels.to(self.device, memory_format=torch.channels_last)
        labels = labels.to(self.device)
        self.net.train()
        low = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            embeddings = self.net(pixels)
        loss = self.loss(embeddings.float(), labels)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return float(loss.detach())

    @torch.no_grad()
    def _update_average(self) -> None:
        # The decay grows from 0, so that the average forgets the random start.
        decay = min(self.config.optimiser.ema, (1 + self.step) / (10 + self.step))
        for mine, theirs in zip(
            self.average.state_dict().values(), self.net.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)

    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.net,
            "loss": self.loss,
            "average": self.average,
            "optimiser": self.optimiser,
        }

    def save(self, path: Path) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        state |= {"step": self.step, "config": msgspec.json.encode(self.config).decode()}
        part_file = path.with_suffix(".part")
        torch.save(state, part_file)
        part_file.replace(path)

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


def train(
    config: TrainConfig,
    dataset: Dataset,
    folder: Path,
    *,
    device: str = "cpu",
    until: int | None = None,
    on_record: Callable[[StepRecord], None] = lambda _record: None,
    record_every: int = 20,
) -> EmbeddingNet:
    """Train, or go on training, in `folder`; returns the averaged network.

    `folder` keeps `run.json` (config, seed, data, versions), `curve.jsonl` (a line every
    `record_every` steps) and `checkpoint.pt`. A run that was stopped at any instant goes on
    from its last checkpoint, with the batches it would have seen.

    Args:
        device: a torch device name.
        until: stop before this step, as an interruption would.

    Raises:
        UsageError: `folder` holds a run with another config, or a loss is not known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(config, len(dataset.by_identity), torch.device(device))
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        run.load(checkpoint)
    _write_record(folder, config, dataset)
    last = config.steps if until is None else min(until, config.steps)
    batches = BalancedBatches(dataset, config, first=run.step)
    workers = config.data.workers
    loader = DataLoader(
        _Views(dataset, config),
        batch_sampler=batches,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    losses: list[float] = []
    begun = time.perf_counter()
    pictures = 0
    for pixels, labels in loader:
        if run.step >= last:
            break
        losses.append(run.advance(pixels, labels))
        pictures += len(labels)
        if run.step % record_every == 0 or run.step == last:
            record = StepRecord(
                run.step,
                sum(losses) / len(losses),
                run.learning_rate(),
                pixels.shape[-1],
                pictures / (time.perf_counter() - begun),
            )
            _append_curve(folder, record)
            on_record(record)
            losses, pictures, begun = [], 0, time.perf_counter()
        if run.step % config.checkpoint_every == 0 or run.step == last:
            run.save(checkpoint)
    return run.average.eval()


def load_trained(folder: Path) -> tuple[EmbeddingNet, TrainConfig]:
    """The averaged network and the config of a run's last checkpoint.

    Raises:
        UsageError: there is none.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise UsageError("no checkpoint is in this run folder", where=folder)
    state = torch.load(path, map_location="cpu", weights_only=True)
    config = msgspec.json.decode(state["config"], type=TrainConfig)
    net = EmbeddingNet(config.model)
    net.load_state_dict(state["average"])
    return net.eval(), config


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


def _write_record(folder: Path, config: TrainConfig, dataset: Dataset) -> None:
    counts = {source: len(dataset.of_source(source).pictures) for source in dataset.sources}
    record = {
        "config": msgspec.to_builtins(config),
        "data": {
            "digest": dataset.digest(),
            "pictures": len(dataset.pictures),
            "characters": len(dataset.by_identity),
            "by_source": counts,
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _append_curve(folder: Path, record: StepRecord) -> None:
    with (folder / CURVE).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(record)) + "\n")
