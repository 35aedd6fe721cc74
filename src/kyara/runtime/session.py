"""Networks in ONNX, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kyara.errors import DeviceError, PluginError, one_line
from kyara.files import reading
from kyara.manifest import MetricSpec, ModelSpec
from kyara.runtime.device import Device
from kyara.runtime.loading import onnx_runtime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["Network", "open_session"]

# How a graph says that a tensor lies in another file: TensorProto.external_data (field 13), its
# length, and in it the key `location`.
_EXTERNAL = re.compile(rb"\x6a(?:[\x0c-\x7f]|[\x80-\xff][\x01-\x7f])\x0a\x08location\x12")
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"


class Network:
    """One ONNX graph with one input, of whose outputs some are wanted."""

    def __init__(
        self,
        directory: Path,
        spec: ModelSpec | MetricSpec,
        device: Device,
        *,
        outputs: Sequence[str] = (),
        count: int = 1,
    ) -> None:
        """Load it.

        Args:
            outputs: names of those that are wanted; empty: the first `count`, or the one that
                `spec` names.

        Raises:
            PluginError: it cannot be read, is not the one that the manifest names, or has no
                such input or outputs.
            DeviceError: see `open_session`.
        """
        path = directory / spec.weights
        self._session = open_session(_checked(path, spec.sha256), path, device)
        inputs = [node.name for node in self._session.get_inputs()]
        there = [node.name for node in self._session.get_outputs()]
        self._input = _chosen("input", spec.input, inputs, path)
        if len(there) < count:
            raise PluginError(f"the graph has {len(there)} outputs, not {count}", where=path)
        wanted = outputs or ([spec.output] if spec.output else there[:count])
        self._outputs = [_chosen("output", output, there, path) for output in wanted]

    def run(self, array: NDArray[Any]) -> NDArray[Any]:
        """The first of the outputs that are wanted."""
        return self.run_all(array)[0]

    def run_all(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs that are wanted, in their order."""
        results = self._session.run(self._outputs, {self._input: array})
        return [np.asarray(result) for result in results]


def open_session(model: bytes, where: Path, device: Device) -> InferenceSession:
    """A single-threaded session for the ONNX graph in `model`.

    Raises:
        PluginError: it is not one that ONNX Runtime can run, or keeps weights in other files.
        DeviceError: the GPU asked for cannot be used.
    """
    if _EXTERNAL.search(model):  # no digest would cover them, and they may lie anywhere
        raise PluginError(
            "its weights lie in other files, which is not supported",
            where=where,
            hint="save the model as one file",
        )
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Given as bytes, a graph would have files beside it looked for in the current folder.
    options.add_session_config_entry(_EXTERNAL_FOLDER, os.path.abspath(where.parent))
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
