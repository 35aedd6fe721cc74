"""The one place that imports ONNX Runtime, and what it may not do."""

from __future__ import annotations

from types import ModuleType

__all__ = ["onnx_runtime"]


def onnx_runtime() -> ModuleType:
    """ONNX Runtime, which reports to nobody.

    Its builds send what they call telemetry: on import they write a device id and a store of
    events into the home folder, and a thread looks for their maker's server. The variable that
    `kyara/__init__.py` sets keeps them from that. Should a program have imported ONNX Runtime
    before Kyara, what it has begun is at least stopped.
    """
    import onnxruntime

    disable = getattr(onnxruntime, "disable_telemetry_events", None)  # not in every build
    if disable is not None:
        disable()
    module: ModuleType = onnxruntime
    return module
