"""From a plugin's weights back to a trunk that can be trained.

`kyara export` folds each batch norm into the convolution before it and may round weights to
8 bits. Here the rounded weights become floats again, and each batch norm is set so that on
given crops it normalises as in training and still answers as the plugin did.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kyara.errors import PluginError
from kyara.manifest import load_manifest
from kyara.train.model import EmbeddingNet
from kyara.types import PixelArray

__all__ = ["revive"]

_PREFIX = "net."  # of parameters in the graphs that `kyara export` writes


def revive(net: EmbeddingNet, plugin: Path, crops: PixelArray) -> None:
    """Give the trunk of `net` the weights of a plugin directory that `kyara export` made.

    Args:
        crops: uint8, shape (n, size, size, 3), to find the batch norms' statistics on.

    Raises:
        PluginError: the plugin holds another network.
    """
    weights = plugin / (load_manifest(plugin).model.weights or "")
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)
    stored = _read(weights)
    pairs = _convolutions_with_norm(net, pixels[:2])
    names = {module: name for name, module in net.named_modules()}
    try:
        with torch.no_grad():
            for convolution, norm in pairs:
                name = f"{names[convolution]}.weight"
                convolution.weight.copy_(stored[name])
                _set_norm(norm, torch.zeros(()), torch.ones(()), stored[f"{name}_bias"])
    except (KeyError, RuntimeError) as error:
        what = "these weights are not of the network that the config names"
        raise PluginError(what, where=weights) from error
    _find_statistics(net, [norm for _, norm in pairs], pixels)


def _read(path: Path) -> dict[str, Tensor]:
    """The float value of every stored tensor, by the name that it had in torch."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise PluginError("these are not weights in ONNX", where=path) from error
    raw = {tensor.name: tensor for tensor in model.graph.initializer}
    values: dict[str, Tensor] = {}
    for name, tensor in raw.items():
        plain = name.removesuffix("_quantized").removesuffix("_half").removeprefix(_PREFIX)
        value = numpy_helper.to_array(tensor)
        if name.endswith("_quantized"):
            # Weights have `w_scale`, the wider biases `b_quantized_scale`.
            scale = raw.get(f"{name}_scale") or raw[f"{name.removesuffix('_quantized')}_scale"]
            shape = (-1,) + (1,) * (value.ndim - 1)  # one scale per output channel
            value = value.astype(np.float32) * numpy_helper.to_array(scale).reshape(shape)
        elif name.endswith("_half"):
            value = value.astype(np.float32)
        values[plain] = torch.from_numpy(np.array(value))
    return values


def _convolutions_with_norm(
    net: EmbeddingNet, pixels: Tensor
) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution with the batch norm that reads it, in the order of their use."""
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    last: list[nn.Conv2d] = []

    def note(module: nn.Module, _inputs: Any) -> None:
        if isinstance(module, nn.Conv2d):
            last[:] = [module]
        elif isinstance(module, nn.BatchNorm2d):
            pairs.append((last[0], module))

    with _hooked(net.modules(), note):
        net.eval().describe(pixels)
    return pairs


def _find_statistics(net: EmbeddingNet, norms: list[nn.BatchNorm2d], pixels: Tensor) -> None:
    """Mean and variance of what each norm reads; scale and shift then undo them."""
    seen: dict[nn.BatchNorm2d, list[Tensor]] = {norm: [] for norm in norms}

    def note(module: nn.Module, inputs: Any) -> None:
        if isinstance(module, nn.BatchNorm2d):
            values = inputs[0].double()
            seen[module].append(torch.stack([values.mean((0, 2, 3)), (values**2).mean((0, 2, 3))]))

    with _hooked(norms, note):
        for begin in range(0, len(pixels), 32):
            net.describe(pixels[begin : begin + 32])
    with torch.no_grad():
        for norm, moments in seen.items():
            mean, square = torch.stack(moments).mean(0)
            _set_norm(norm, mean, (square - mean**2).clamp_min(1e-8), norm.bias + mean)


def _set_norm(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, shift: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(shift)


@contextmanager
def _hooked(modules: Any, note: Any) -> Iterator[None]:
    handles = [module.register_forward_pre_hook(note) for module in modules]
    try:
        with torch.inference_mode():
            yield
    finally:
        for handle in handles:
            handle.remove()
