"""What the plugin is called that a conversion makes."""

from __future__ import annotations

import re

from kyara.errors import UsageError
from kyara.manifest import is_plugin_name

__all__ = ["CARD", "plugin_name"]

CARD = "CARD.md"


def plugin_name(name: str | None, source: str) -> str:
    """The name that was asked for, or one made of what the source is called.

    Raises:
        UsageError: no plugin can have that name.
    """
    if name is None:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", source).lstrip("_.-") or "converted"
    if not is_plugin_name(name):
        raise UsageError(
            f"{name!r} cannot be the name of a plugin", hint="letters, digits and . _ + - can"
        )
    return name
