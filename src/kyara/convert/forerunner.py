"""Checkpoints of Kyara's forerunner as plugins.

Such a file holds the state dictionaries `trunk` (torchvision's ResNet18 without its last
layer) and `embedder` (an `nn.Sequential` with one linear layer at some place), and `args`,
what the training was told. Its pictures were squashed to 224 x 224 pixels, with ImageNet's
mean and standard deviation; its score was the negative distance of embeddings of unit
length, which orders pictures as the cosine does.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kyara.convert.directory import CARD, plugin_name
from kyara.errors import DataError, KyaraError, UsageError, one_line, printable, reason
from kyara.manifest import InputSpec, Manifest, PluginSpec, TrainingSpec
from kyara.plugins.new import new_plugin
from kyara.train.config import ModelConfig
from kyara.train.model import EmbeddingNet
from kyara.train.package import export_onnx, today, write_plugin

__all__ = ["Checkpoint", "as_net", "convert", "read_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """What a file of the forerunner holds.

    Attributes:
        trunk: state of a torchvision ResNet18 without `fc`.
        weight, bias: of the linear layer, shapes (d, f) and (d,).
        args: what the training was told.
    """

    trunk: dict[str, Tensor]
    weight: Tensor
    bias: Tensor
    args: dict[str, Any]


def convert(
    checkpoint: Path, directory: Path, *, name: str | None = None, size: int = 224
) -> Manifest:
    """Make the plugin `directory` from a checkpoint; it appears whole or not at all.

    Raises:
        UsageError: `directory` has content, or `name` cannot be a plugin's.
        DataError, KyaraError: the checkpoint is not one, or its ONNX graph differs.
        OutputError: `directory` cannot be written.
    """
    name = plugin_name(name, checkpoint.stem)
    with new_plugin(directory) as made:
        read = read_checkpoint(checkpoint)
        net = as_net(read, checkpoint)
        manifest = _write(net, made, name, size, len(read.weight), checkpoint)
        (made / CARD).write_text(_card(manifest, read.args, checkpoint), encoding="utf-8")
    return manifest


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint without running anything that it holds.

    Raises:
        DataError: it cannot be read, wants to run code, or holds something else.
    """
    state = _load(path)
    trunk, embedder = (_state_dict(state, name, path) for name in ("trunk", "embedder"))
    weight, bias = _linear(embedder, path)
    args = state.get("args")
    args = vars(args) if isinstance(args, argparse.Namespace) else args
    return Checkpoint(dict(trunk), weight, bias, dict(args) if isinstance(args, Mapping) else {})


def as_net(checkpoint: Checkpoint, where: Path) -> EmbeddingNet:
    """The network of a checkpoint, on the CPU, for evaluation.

    Raises:
        DataError: its weights are not those of a ResNet18 with one linear layer.
    """
    net = EmbeddingNet(ModelConfig(trunk="resnet18", dimension=len(checkpoint.weight)))
    _fill(net.trunk, checkpoint.trunk, "trunk", where)
    linear = {"weight": checkpoint.weight, "bias": checkpoint.bias}
    _fill(net.embedder[1], linear, "embedder", where)
    net.eval()
    return net


def _load(path: Path) -> Any:
    try:
        # Old checkpoints hold the arguments of the command line as they were parsed: plain
        # attributes, no code.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd file is an error below, or harmless
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError("there is no such checkpoint", where=path) from None
    except OSError as error:
        raise DataError(f"cannot read it: {reason(error)}", where=path) from error
    except pickle.UnpicklingError as error:
        raise _refusal(path, error) from error
    except Exception as error:  # a broken file raises whatever torch's reader stumbles over
        raise _not_one(path, one_line(error)) from error


def _refusal(path: Path, error: Exception) -> KyaraError:
    # torch's own message advises to load it anyway, which is just what must not be done.
    wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
    if wanted is None:
        return _not_one(path, "torch cannot read it")
    return DataError(
        f"refused: this file wants to call {wanted.group(1)} while it is read",
        where=path,
        hint="weights need no code; do not load it elsewhere unless you trust who made it",
    )


def _not_one(path: Path, why: str) -> DataError:
    return DataError(f"not a checkpoint of the forerunner: {why}", where=path)


def _state_dict(state: Any, name: str, path: Path) -> Mapping[str, Tensor]:
    part = state.get(name) if isinstance(state, Mapping) else None
    if isinstance(part, Mapping) and all(map(_is_entry, part.keys(), part.values())):
        return part
    raise _not_one(path, f"no state dictionary `{name}`")


def _is_entry(key: object, value: object) -> bool:
    """Whether it is what a state dictionary of such a network holds: a plain tensor."""
    return (
        isinstance(key, str)
        and isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
    )


def _linear(embedder: Mapping[str, Tensor], path: Path) -> tuple[Tensor, Tensor]:
    matrices = [key for key, value in embedder.items() if value.ndim == 2]
    if len(matrices) != 1 or not matrices[0].endswith("weight"):
        raise _not_one(path, f"`embedder` has {len(matrices)} linear layers, expected 1")
    key = matrices[0]
    weight = embedder[key]
    if not len(weight):
        raise _not_one(path, "the linear layer of `embedder` is empty")
    bias_key = key.removesuffix("weight") + "bias"
    bias = embedder.get(bias_key, torch.zeros(len(weight)))
    others = sorted(set(embedder) - {key, bias_key})
    if others:
        raise _not_one(path, f"`embedder` has more than a linear layer: {_few(others)}")
    return weight, bias


def _fill(module: torch.nn.Module, state: dict[str, Tensor], name: str, where: Path) -> None:
    """Load `state` as strictly as torch does, but complain in one line."""
    expected = module.state_dict()
    # Counters that torch did not write before 0.4.1, and that evaluation does not use.
    counters = {key: v for key, v in expected.items() if key.endswith("num_batches_tracked")}
    state = counters | state
    for keys, kind in (
        (expected.keys() - state, "missing"),
        (state.keys() - expected, "not known"),
    ):
        if keys:
            raise _not_one(
                where, f"`{name}` is not that of a ResNet18: {kind} {_few(sorted(keys))}"
            )
    for key, value in state.items():
        if value.shape != expected[key].shape:
            shapes = f"{tuple(value.shape)}, expected {tuple(expected[key].shape)}"
            raise _not_one(where, f"`{name}`: {printable(key)} has the shape {shapes}")
        if not value.isfinite().all():
            raise _not_one(where, f"`{name}`: {printable(key)} has NaN or infinity")
    module.load_state_dict(state)


def _few(keys: list[str]) -> str:
    shown = ", ".join(printable(key) for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"


def _write(
    net: EmbeddingNet, made: Path, name: str, size: int, dimension: int, checkpoint: Path
) -> Manifest:
    graph = made.parent / "graph.onnx"
    export_onnx(net, size, graph)
    manifest = write_plugin(
        graph,
        made,
        plugin=PluginSpec(
            name=name,
            version="1",
            description="Converted from a checkpoint of Kyara's forerunner",
            licence="not known",
            card=CARD,
        ),
        # The graph itself takes colour values and applies mean and standard deviation.
        input_spec=InputSpec(size=size, fit="squash", dtype="uint8", layout="NHWC"),
        dimension=dimension,
        training=TrainingSpec(data=f"not known: converted from {printable(checkpoint.name)}"),
    )
    return manifest


def _card(manifest: Manifest, args: dict[str, Any], checkpoint: Path) -> str:
    words = ((printable(str(key)), printable(repr(value))[:200]) for key, value in args.items())
    told = "\n".join(f"{key} = {value}" for key, value in sorted(words))
    side, dimension = manifest.input.size, manifest.embedding.dimension
    return f"""# {manifest.plugin.name}

Converted on {today()} by `kyara convert` from `{printable(checkpoint.name)}`, a checkpoint of
Kyara's forerunner: a ResNet18 and one linear layer to {dimension} numbers, of unit length.

- **Input:** the whole picture, squashed to {side} x {side} pixels; the forerunner's were 224.
- **Score:** the cosine. The forerunner's was the negative distance, -sqrt(2 - 2 * cosine):
  other numbers, the same order.
- **Data and licence:** not known to Kyara; ask where the checkpoint came from.
- **Calibration:** none, so there are scores but no probabilities.
  `kyara evaluate PICTURES --calibrate DIR` adds it.
- **Checked:** the ONNX graph gives torch's embeddings. Not checked: how good they are.

What its training was told (`args`):

```text
{told}
```
"""
