"""Whether a file is still the one that it was, told without reading it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileState"]

# A file that changes again within the resolution of its clock keeps its time, so what was
# written right before it was looked at is not trusted (the index of git has the same rule).
_SETTLED_NS = 2_000_000_000
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True)
class FileState:
    """What tells, without reading it, that a file is still the one that it was."""

    path: Path
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """The state of the file at `path`, symbolic links followed.

        Raises:
            OSError: there is none.
        """
        status = path.stat()
        # Some file systems have larger numbers, and dates, than SQLite can hold.
        inode, mtime_ns = status.st_ino & _LARGEST, min(status.st_mtime_ns, _LARGEST)
        return cls(path.absolute(), status.st_size, max(mtime_ns, -_LARGEST), inode)

    @property
    def key(self) -> bytes:
        """The path as tables hold it; bytes, for names that are not Unicode."""
        return os.fsencode(self.path)

    @property
    def marks(self) -> tuple[int, int, int]:
        """Size, time of change and inode: a change of the content changes one of them."""
        return (self.size, self.mtime_ns, self.inode)

    def settled(self, looked_ns: int) -> bool:
        """Whether a change after `looked_ns`, the time of a look at it, would show in its marks."""
        return self.mtime_ns < looked_ns - _SETTLED_NS
