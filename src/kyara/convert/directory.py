"""The plugin directory that a conversion makes: whole, or not at all."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kyara.errors import OutputError, UsageError, reason
from kyara.manifest import is_plugin_name

__all__ = ["CARD", "new_plugin", "plugin_name"]

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


@contextmanager
def new_plugin(directory: Path) -> Iterator[Path]:
    """A folder beside `directory` that becomes it when the block ends without an error.

    Raises:
        UsageError: `directory` has content.
        OutputError: it cannot be written.
    """
    _check_free(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kyara-", dir=directory.parent) as folder:
            made = Path(folder) / "plugin"
            made.mkdir()
            yield made
            if directory.is_dir():
                directory.rmdir()  # it is empty; not every system renames onto a folder
            made.rename(directory)
    except OSError as error:
        raise OutputError(f"cannot write it: {reason(error)}", where=directory) from error


def _check_free(directory: Path) -> None:
    try:
        taken = directory.is_symlink() or (directory.exists() and any(directory.iterdir()))
    except NotADirectoryError:
        taken = True
    except OSError as error:
        raise OutputError(f"cannot look into it: {reason(error)}", where=directory) from error
    if taken:
        raise UsageError("something is there already", where=directory, hint="choose another --out")
