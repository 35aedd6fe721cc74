"""Networks in ONNX, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kyara.encode.device import CPU, Device
from kyara.encode.runtime import onnx_runtime
from kyara.errors import DeviceError, PluginError, one_line
from kyara.files import reading
from kyara.manifest import InputSpec, Manifest, MetricSpec, ModelSpec
from kyara.types import FloatArray, PixelArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["OnnxBackend", "open_session"]

# The second network compares everything that it is given with everything: twice as many a
# side as are wanted. Small tiles bound what that takes, should it keep (n, n, d) in memory.
_TILE = 64


class OnnxBackend:
    """An encoder's network. One thread each: the pipeline runs several at once, which keeps
    the cores busier than splitting one small network over them."""

    def __init__(self, directory: Path, manifest: Manifest, device: Device = CPU) -> None:
        self._spec = manifest.input
        self._encoder = _Network(directory, manifest.model, device)
        self._metric = None
        if manifest.metric is not None:
            self._metric = _Network(directory, manifest.metric, device)

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


class _Network:
    """One ONNX graph with one input and one output."""

    def __init__(self, directory: Path, spec: ModelSpec | MetricSpec, device: Device) -> None:
        path = directory / spec.weights
        self._session = open_session(_checked(path, spec.sha256), path, device)
        inputs = [node.name for node in self._session.get_inputs()]
        outputs = [node.name for node in self._session.get_outputs()]
        self._input = _chosen("input", spec.input, inputs, path)
        self._output = _chosen("output", spec.output, outputs, path)

    def run(self, array: NDArray[Any]) -> NDArray[Any]:
        (result,) = self._session.run([self._output], {self._input: array})
        return np.asarray(result)


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


def open_session(model: bytes, where: Path, device: Device) -> InferenceSession:
    """A single-threaded session for the ONNX graph in `model`.

    Raises:
        PluginError: it is not one that ONNX Runtime can run.
        DeviceError: the GPU asked for cannot be used.
    """
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its warnings are about graphs, which users cannot mend
    provider: Any = "CPUExecutionProvider"
    if device.gpu is not None:
        provider = ("CUDAExecutionProvider", {"device_id": device.gpu})
    try:
        session: InferenceSession = onnxruntime.InferenceSession(
            model, options, providers=[provider]
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no base but Exception
        problem = one_line(error)
        if device.gpu is not None:
            raise DeviceError(
                f"GPU {device.gpu} cannot be used: {problem}", hint="use the CPU"
            ) from error
        raise PluginError(f"ONNX Runtime cannot run this: {problem}", where=where) from error
    if device.gpu is not None and "CUDAExecutionProvider" not in session.get_providers():
        raise DeviceError(f"GPU {device.gpu} cannot be used", hint="use the CPU")
    return session


def _chosen(kind: str, wanted: str, names: list[str], where: Path) -> str:
    if wanted and wanted not in names:
        there = ", ".join(names)
        raise PluginError(f"the graph has no {kind} {wanted!r}, only: {there}", where=where)
    return wanted or names[0]


def _checked(path: Path, sha256: str) -> bytes:
    with reading(path, PluginError, what="cannot read the weights"):
        model = path.read_bytes()
    if sha256 and hashlib.sha256(model).hexdigest() != sha256.lower():
        raise PluginError(
            "the weights are not those that the manifest names (sha256 differs)",
            where=path,
            hint="get the plugin again",
        )
    return model
