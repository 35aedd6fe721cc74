"""Packages that only an extra brings, imported when they are first needed."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from kyara.errors import KyaraError, UsageError

__all__ = ["optional", "require_extra"]

# What the code behind an extra imports; pyproject.toml says which packages bring it.
_MODULES = {
    "evaluate": ("matplotlib", "sklearn"),
    "index": ("usearch",),
    "scale": ("lance", "pyarrow"),
    "web": ("fastapi", "python_multipart", "uvicorn"),
    "train": ("torch", "torchvision", "pytorch_metric_learning", "onnx", "onnxscript"),
}


def optional(
    module: str, install: str = "'kyara[evaluate]'", error: type[KyaraError] = UsageError
) -> Any:
    """The module of that name.

    Args:
        install: what to `pip install` for it.
        error: what is raised where it is not installed; the hint is the whole command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        package = module.partition(".")[0]
        raise error(f"this needs the package {package}", hint=f"pip install {install}") from missing


def require_extra(extra: str) -> None:
    """Nothing, if what the extra brings is installed; nothing of it is imported.

    Raises:
        UsageError: something is missing.
    """
    missing = [module for module in _MODULES[extra] if find_spec(module) is None]
    if missing:
        what = f"this command needs: pip install 'kyara[{extra}]'"
        raise UsageError(what, hint=f"missing: {', '.join(missing)}")
