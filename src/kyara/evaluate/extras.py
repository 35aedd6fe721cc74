"""Packages that only an extra brings, imported when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from kyara.errors import KyaraError, UsageError

__all__ = ["optional"]


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
