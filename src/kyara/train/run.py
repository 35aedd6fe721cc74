"""What every training run leaves in its folder, and how its rate and its average go on: the same
for an encoder and for a detector."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from kyara.errors import UsageError
from kyara.files import replaced, writing
from kyara.train.config import OptimiserConfig

__all__ = [
    "CHECKPOINT",
    "Log",
    "StepRecord",
    "checkpoint_of",
    "learning_rate",
    "load_parts",
    "mean_of",
    "parameters",
    "record_of",
    "save_parts",
    "update_average",
    "write_record",
]

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


class Log:
    """The curve: a record every few steps, to the file and to whoever listens."""

    def __init__(self, folder: Path, on_record: Callable[[StepRecord], None], every: int) -> None:
        self._folder, self._on_record, self._every = folder, on_record, every
        self._begin()

    def _begin(self) -> None:
        self._losses: list[float] = []
        self._pictures = 0
        self._since = time.perf_counter()

    def add(
        self, step: int, loss: float, *, rate: float, pictures: int, size: int, last: int
    ) -> None:
        """Note a step that is done: its loss, the rate from here on, and what it looked at."""
        self._losses.append(loss)
        self._pictures += pictures
        if step % self._every and step != last:
            return
        mean = sum(self._losses) / len(self._losses)
        speed = self._pictures / (time.perf_counter() - self._since)
        record = StepRecord(step, mean, rate, size, speed)
        with (self._folder / CURVE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(record)) + "\n")
        self._on_record(record)
        self._begin()


def learning_rate(config: OptimiserConfig, step: int, steps: int) -> float:
    """Linear warm-up, the rate itself, then half a cosine."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    decayed = max(0.0, (step / steps - config.decay_from) / (1.0 - config.decay_from))
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * decayed))


def parameters(*parts: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Those that are trained: the ones that decay, and the ones that do not."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for part in parts:
        for parameter in part.parameters():
            if parameter.requires_grad:
                # Biases and batch norm's scales are not decayed (He et al. 2019).
                (decayed if parameter.ndim > 1 else plain).append(parameter)
    return decayed, plain


def update_average(average: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards those of `net`."""
    # The decay grows from 0, so that the average forgets the random start.
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for mine, theirs in zip(
            average.state_dict().values(), net.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)


def save_parts(path: Path, parts: Mapping[str, Any], step: int, config: msgspec.Struct) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        OutputError: it cannot be written; an earlier one is as it was.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"step": step, "config": msgspec.json.encode(config).decode()}
    with writing(path), replaced(path) as part, part.open("wb") as stream:
        torch.save(state, stream)


def load_parts(
    path: Path, parts: Mapping[str, Any], config: msgspec.Struct, device: torch.device
) -> int:
    """Take over a checkpoint; returns its step.

    Raises:
        UsageError: the run was begun with another config.
    """
    state = torch.load(path, map_location=device, weights_only=True)
    if msgspec.json.decode(state["config"], type=type(config)) != config:
        raise UsageError(
            "this run was begun with another config",
            where=path.parent,
            hint="choose another run folder, or delete this one",
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


def checkpoint_of(folder: Path) -> dict[str, Any]:
    """The last checkpoint of the run in `folder`.

    Raises:
        UsageError: there is none.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise UsageError("no checkpoint is in this run folder", where=folder)
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def mean_of(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of state dictionaries of equal keys and shapes; what is no fraction (a count of
    batches) is the last one's."""
    last = states[-1]
    return {
        key: torch.stack([state[key] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for key, value in last.items()
    }


def record_of(folder: Path) -> dict[str, Any]:
    """The record of the run in `folder`.

    Raises:
        UsageError: there is none.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError("no record of a run is here", where=folder) from error
    return record


def data_in_words(folder: Path, what: str) -> str:
    """What the run in `folder` was trained on, in one line.

    Args:
        what: a template for the counts in its record.

    Raises:
        UsageError: there is no record of a run.
    """
    data = record_of(folder)["data"]
    sources = ", ".join(f"{source} {count}" for source, count in data["by_source"].items())
    return f"{what.format(**data)}: {sources}"


def write_record(
    folder: Path, config: msgspec.Struct, data: Mapping[str, object], begun_from: str | None
) -> None:
    """Write what a run is: its config, data, start and versions."""
    record = {
        "config": msgspec.to_builtins(config),
        "begun_from": begun_from,
        "data": data,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    path = folder / RECORD
    with writing(path), replaced(path) as part:
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
