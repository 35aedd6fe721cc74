"""Files at URLs (`s3://`, `gs://`, `https://` and so on), as fsspec opens them.

A URL is opened because a person named it, or a folder that it is in; nothing else in Kyara does.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from kyara.errors import PictureError, UsageError, one_line
from kyara.extras import optional
from kyara.pictures.find import is_passed_over, is_picture_name

__all__ = ["Url", "is_url", "place_of"]


def is_url(name: str) -> bool:
    """Whether a name is a URL, and no path."""
    return "://" in name


@dataclass(frozen=True)
class Url:
    """A file, or a folder, somewhere else."""

    url: str

    def __str__(self) -> str:
        return self.url

    def open(self, _mode: Literal["rb"]) -> BinaryIO:
        """It as a stream that can seek, as of a path.

        Raises:
            OSError: it cannot be opened; reading may raise it, too.
        """
        return io.BufferedReader(_Stream(self.url))

    def read(self, begin: int, length: int) -> bytes:
        """So many of its bytes, or those that there are.

        Raises:
            OSError: it cannot be read.
        """
        with _as_os_error():
            system, path = _found(self.url)
            return cast(bytes, system.cat_file(path, begin, begin + length))

    def pictures(self) -> list[str]:
        """URLs of the pictures in this folder and those below it, by name; of a file, itself.

        Raises:
            PictureError: it cannot be listed.
        """
        try:
            with _as_os_error():
                system, path = _found(self.url)
                if not system.isdir(path):
                    return [self.url]
                found = system.find(path)
        except OSError as error:
            raise PictureError(f"cannot list it: {one_line(error)}", where=self.url) from error
        below = len(path.rstrip("/")) + 1
        return [system.unstrip_protocol(name) for name in found if _is_searched(name[below:])]


class _Stream(io.RawIOBase):
    """A file of fsspec's, which reads ahead, with errors as of any other file."""

    _file: Any = None

    def __init__(self, url: str) -> None:
        with _as_os_error():
            system, path = _found(url)
            self._file = system.open(path, "rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with _as_os_error():
            return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def place_of(url: str) -> Url | Path:
    """Where a URL leads; a path, where that is this machine.

    Raises:
        UsageError: a package is missing for URLs of its kind, or there are none of it.
    """
    from_fsspec = optional("fsspec", "'kyara[scale]'")
    try:
        system, path = from_fsspec.core.url_to_fs(url)
    except Exception as error:  # ImportError, ValueError, and those of other packages
        raise UsageError(f"such a URL cannot be opened: {one_line(error)}", where=url) from error
    protocols = (system.protocol,) if isinstance(system.protocol, str) else system.protocol
    return Path(path) if "file" in protocols else Url(url)


def _found(url: str) -> tuple[Any, str]:
    found: tuple[Any, str] = optional("fsspec", "'kyara[scale]'").core.url_to_fs(url)
    return found


def _is_searched(name: str) -> bool:
    *folders, file = name.split("/")
    return is_picture_name(file) and not any(map(is_passed_over, folders))


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Each file system of fsspec raises what the package behind it does."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(one_line(error)) from error
