"""Where a network runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kyara.errors import DeviceError, UsageError
from kyara.runtime.loading import onnx_runtime

__all__ = ["CPU", "Device", "parse_device", "require_onnx_device"]


@dataclass(frozen=True)
class Device:
    """The CPU, or the CUDA device of that index."""

    gpu: int | None = None

    def __str__(self) -> str:
        return "cpu" if self.gpu is None else f"cuda:{self.gpu}"


CPU = Device()


def parse_device(text: str) -> Device:
    """`cpu`, `cuda` or `cuda:N` as a device, whether it is there or not.

    Raises:
        UsageError: not one of these.
    """
    found = re.fullmatch(r"cpu|cuda(?::(\d+))?", text)
    if found is None:
        raise UsageError(f"the device {text!r} is not known", hint="cpu, cuda or cuda:N")
    if text == "cpu":
        return CPU
    return Device(int(found.group(1) or 0))


def require_onnx_device(device: Device) -> None:
    """Nothing, if ONNX Runtime can use the device. Plugins with code ask whom they use.

    Raises:
        DeviceError: it cannot.
    """
    if device.gpu is None:
        return
    if "CUDAExecutionProvider" not in onnx_runtime().get_available_providers():
        raise DeviceError(
            f"there is no GPU {device.gpu} here that ONNX Runtime can use",
            hint="use the CPU, or install onnxruntime-gpu with CUDA",
        )
