"""An encoder's networks in ONNX, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyara.errors import PluginError
from kyara.manifest import InputSpec, Manifest
from kyara.runtime.device import CPU, Device
from kyara.runtime.session import Network
from kyara.types import FloatArray, PixelArray

__all__ = ["OnnxBackend"]

# The second network compares everything that it is given with everything: twice as many a
# side as are wanted. Small tiles bound what that takes, should it keep (n, n, d) in memory.
_TILE = 64


class OnnxBackend:
    """An encoder's network. One thread each: the pipeline runs several at once, which keeps
    the cores busier than splitting one small network over them."""

    def __init__(self, directory: Path, manifest: Manifest, device: Device = CPU) -> None:
        self._spec = manifest.input
        self._encoder = Network(directory, manifest.model, device)
        self._metric = None
        if manifest.metric is not None:
            self._metric = Network(directory, manifest.metric, device)

    def encode(self, crops: PixelArray) -> NDArray[Any]:
        """Crops (n, size, size, 3), uint8 RGB, to embeddings (n, d) as the network gives them."""
        return self._encoder.run(as_network_input(crops, self._spec))

    def similarity(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Embeddings (n, d) and (m, d) to scores (n, m), by the second network.

        Raises:
            PluginError: there is none.
        """
        if self._metric is None:
            raise PluginError("this plugin has no network that compares embeddings")
        scores = np.zeros((len(a), len(b)), dtype=np.float32)
        for i in range(0, len(a), _TILE):
            for j in range(0, len(b), _TILE):
                rows, columns = a[i : i + _TILE], b[j : j + _TILE]
                distances = self._metric.run(np.concatenate([rows, columns]))
                expected = len(rows) + len(columns)
                if distances.shape != (expected, expected):
                    raise ValueError(
                        f"expected distances {(expected, expected)}, got {distances.shape}"
                    )
                scores[i : i + _TILE, j : j + _TILE] = -distances[: len(rows), len(rows) :]
        return scores


def as_network_input(crops: PixelArray, spec: InputSpec) -> NDArray[Any]:
    """Crops in the dtype, range and layout of `spec`."""
    pixels: NDArray[Any] = crops
    if spec.dtype == "float32":
        scale = 1.0 / (255.0 * np.asarray(spec.std, dtype=np.float32))
        shift = np.asarray(spec.mean, dtype=np.float32) / np.asarray(spec.std, dtype=np.float32)
        pixels = crops * scale - shift
    if spec.layout == "NCHW":
        pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return pixels
