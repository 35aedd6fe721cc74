"""A plugin directory that is being made: whole, or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kyara.errors import OutputError, UsageError, reason

__all__ = ["new_plugin"]


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
