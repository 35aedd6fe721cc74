"""Any network that timm knows as a plugin: its pooled features, with its own input."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from kyara.convert.directory import CARD, plugin_name
from kyara.errors import DataError, KyaraError, UsageError, one_line, printable
from kyara.manifest import InputSpec, Manifest, PluginSpec, TrainingSpec
from kyara.plugins.new import new_plugin
from kyara.train.package import export_onnx, write_plugin

__all__ = ["convert_timm"]


def convert_timm(
    model: str,
    directory: Path,
    *,
    weights: Path | None = None,
    download: bool = False,
    name: str | None = None,
    size: int | None = None,
) -> Manifest:
    """Make the plugin `directory` from timm's network `model`.

    Args:
        weights: a safetensors file with its state; its classifier, if any, is left out.
        download: get its pretrained weights from where timm has them instead.
        size: side of its input, where it takes others than its own.

    Raises:
        UsageError: timm does not know `model`, not exactly one of `weights` and `download`,
            `directory` has content, or `name` cannot be a plugin's.
        DataError, KyaraError: the weights are not its own, or its ONNX graph differs.
        OutputError: `directory` cannot be written.
    """
    name = plugin_name(name, model)
    if (weights is None) != download:
        raise UsageError(
            "where are its weights?" if weights is None else "two places for its weights",
            hint="--weights FILE.safetensors, or --download to get timm's",
        )
    net = _Normalised.of(_network(model, weights, size), size)
    with new_plugin(directory) as made, tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.onnx"
        export_onnx(net, net.size, graph)
        manifest = write_plugin(
            graph,
            made,
            plugin=PluginSpec(
                name=name,
                version="1",
                description=f"timm's {model}, pooled features",
                licence=str(net.told.get("license") or "not known"),
                card=CARD,
            ),
            # The graph itself takes colour values and applies mean and standard deviation.
            input_spec=InputSpec(size=net.size, dtype="uint8", layout="NHWC"),
            dimension=net.dimension,
            training=TrainingSpec(data=_data(model, weights, net.told)),
        )
        (made / CARD).write_text(_card(manifest, model, weights, net), encoding="utf-8")
    return manifest


class _Normalised(nn.Module):
    """Pixels 0 to 255, (n, 3, size, size), to features of unit length.

    Attributes:
        told: what timm says of its weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, size: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.net, self.size = net.eval(), size  # now: trying it out must not train it
        self.told = _told(net)
        self.register_buffer("mean", 255.0 * mean[:, None, None])
        self.register_buffer("std", 255.0 * std[:, None, None])
        with torch.no_grad():
            self.dimension = self(torch.zeros(1, 3, size, size)).shape[1]

    @classmethod
    def of(cls, net: nn.Module, size: int | None) -> _Normalised:
        data: dict[str, Any] = resolve_model_data_config(net)
        made = cls(
            net,
            size or int(data["input_size"][-1]),
            torch.tensor(data["mean"]),
            torch.tensor(data["std"]),
        )
        made.eval()
        return made

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.net((pixels - self.mean) / self.std)
        return nn.functional.normalize(features.flatten(1))


def _told(net: nn.Module) -> dict[str, Any]:
    """What timm says of the network: an attribute that torch's types know nothing of."""
    made_by_timm: Any = net
    return dict(made_by_timm.pretrained_cfg)


def _network(model: str, weights: Path | None, size: int | None) -> nn.Module:
    if not timm.is_model(model):
        near = get_close_matches(model, timm.list_models(), n=4)
        raise UsageError(
            f"timm knows no model {model!r}",
            hint=f"near it: {', '.join(near)}" if near else "see timm.list_models()",
        )
    # Transformers have as many position embeddings as patches, so they must know it now.
    fixed = bool((timm.get_pretrained_cfg(model) or _Nothing()).fixed_input_size)
    options: dict[str, Any] = {"img_size": size} if size and fixed else {}
    try:
        net: nn.Module = timm.create_model(
            model, pretrained=weights is None, num_classes=0, **options
        )
    except Exception as error:  # the network's errors are those of several libraries
        raise KyaraError(f"timm cannot make {model}: {one_line(error)}") from error
    if weights is not None:
        _fill(net, weights)
    return net


@dataclass(frozen=True)
class _Nothing:
    fixed_input_size: bool = False


def _fill(net: nn.Module, weights: Path) -> None:
    try:
        state = load_file(weights)
    except FileNotFoundError:
        raise UsageError("there is no such file of weights", where=weights) from None
    except (OSError, SafetensorError) as error:
        raise DataError(f"no safetensors file: {one_line(error)}", where=weights) from error
    known = _told(net).get("classifier") or ()
    classifiers = (known,) if isinstance(known, str) else tuple(known)
    kept = {
        key: value
        for key, value in state.items()
        if not any(key.startswith(f"{classifier}.") for classifier in classifiers)
    }
    try:
        net.load_state_dict(kept)
    except RuntimeError as error:
        raise DataError(f"not this network's weights: {one_line(error)}", where=weights) from error


def _data(model: str, weights: Path | None, told: dict[str, Any]) -> str:
    if weights is not None:
        return f"not known: converted from {printable(weights.name)}"
    return f"timm's weights {told.get('tag') or 'of'} {model}, trained to tell other things apart"


def _card(manifest: Manifest, model: str, weights: Path | None, net: _Normalised) -> str:
    source = "timm's own weights" if weights is None else f"`{printable(weights.name)}`"
    return f"""# {manifest.plugin.name}

Made by `kyara convert timm:{model}` from {source}: the network without its classifier.

- **Input:** the whole picture in {net.size} x {net.size} pixels, proportions kept, with timm's
  mean and standard deviation for it (they are part of the graph).
- **Score:** the cosine of {net.dimension} pooled features.
- **Licence of the weights:** {manifest.plugin.licence}; ask where they came from.
- **Calibration:** none, so there are scores but no probabilities.
  `kyara evaluate PICTURES --calibrate DIR` adds it.
- **Checked:** the ONNX graph gives torch's features. Not checked: how well they tell drawn
  characters apart; unless it was trained to, expect little.
"""
