"""Where a network runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kyara.errors import DeviceError, UsageError

__all__ = ["CPU", "Device", "parse_device"]


@dataclass(frozen=True)
class Device:
    """The CPU, or the CUDA device of that index."""

    gpu: int | None = None

    def __str__(self) -> str:
        return "cpu" if self.gpu is None else f"cuda:{self.gpu}"


CPU = Device()


def parse_device(text: str) -> Device:
    """`cpu`, `cuda` or `cuda:N` as a device that is there.

    Raises:
        UsageError: not one of these.
        DeviceError: this machine does not have it.
    """
    found = re.fullmatch(r"cpu|cuda(?::(\d+))?", text)
    if found is None:
        raise UsageError(f"the device {text!r} is not known", hint="cpu, cuda or cuda:N")
    if text == "cpu":
        return CPU
    device = Device(int(found.group(1) or 0))
    _require(device)
    return device


def _require(device: Device) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"there is no GPU {device.gpu} here that ONNX Runtime can use",
            hint="use the CPU, or install onnxruntime-gpu with CUDA",
        )
