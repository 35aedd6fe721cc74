"""Opening what a name leads to, which need not be a file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_regular"]


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """The file at `path`, open for reading. A pipe would be waited for, a device has no end.

    Raises:
        OSError: it cannot be opened, or is no file.
    """
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder, open() itself complains
        raise OSError(errno.EINVAL, "not a file, but a pipe, a socket or a device")
    return Path(path).open("rb")
