"""Everything that Kyara raises on purpose: one tree, each error one clear line.

An error says what went wrong, where, and what to do next. The command line turns
the class into an exit code; a library user catches `KyaraError` or a branch of it.
"""

from __future__ import annotations

import os

__all__ = [
    "DataError",
    "DeviceError",
    "KyaraError",
    "OutputError",
    "PictureError",
    "PluginError",
    "UsageError",
    "one_line",
    "printable",
    "reason",
]


class KyaraError(Exception):
    """Base of all errors that Kyara raises on purpose.

    Args:
        what: what went wrong, a short clause without a full stop.
        where: the file or option that it concerns, if there is one.
        hint: what the reader can do next, if there is something.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: str | os.PathLike[str] | None = None, hint: str | None = None
    ) -> None:
        self.what = what
        self.where = None if where is None else os.fspath(where)
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        line = self.what if self.where is None else f"{self.where}: {self.what}"
        return printable(line if self.hint is None else f"{line} ({self.hint})")


class UsageError(KyaraError):
    """The call itself is wrong: an option, a missing folder, an unusable gallery."""

    exit_code = 2


class PictureError(KyaraError):
    """One picture cannot be used; the others can."""


class PluginError(KyaraError):
    """A plugin directory, its manifest, its code or its weights are not usable."""


class DeviceError(KyaraError):
    """The device asked for is not there."""


class DataError(KyaraError):
    """A data set, a cache or a file that Kyara wrote cannot be read."""


class OutputError(KyaraError):
    """A result cannot be written; nothing half-written is left behind."""


def printable(text: str) -> str:
    """`text` on one line, safe for any terminal: control characters and undecodable
    bytes of a file name appear as escapes, everything else as it is."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def one_line(error: BaseException) -> str:
    """The message of an error of others, on one line of bounded length."""
    text = " ".join(str(error).split()) or "no message"
    return text if len(text) <= 300 else f"{text[:300]}…"


def reason(error: OSError) -> str:
    """Why the system refused, in its own words; not every error of its kind has them."""
    return error.strerror or one_line(error)
