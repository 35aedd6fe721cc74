"""Which sidecars Kyara wrote in a target folder, so that they go with the pictures beside them.

`.kyara/sidecars` holds a line of JSON for each: its path and the digest of its content, written
before the sidecar is. One that was changed since, or was there before, is the user's.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import msgspec

from kyara.errors import OutputError
from kyara.organise.files import below
from kyara.organise.journal import FOLDER
from kyara.organise.places import lies_below
from kyara.pictures.digest import digest_of_bytes, digest_of_file

__all__ = ["Sidecars"]


class _Line(msgspec.Struct, frozen=True):
    path: str
    digest: str


class Sidecars:
    """Those of a target folder; what cannot be read of them counts as the user's."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file = root / FOLDER / "sidecars"
        self._known: dict[Path, set[str]] | None = None

    def note(self, path: Path, there: bytes | None, content: bytes) -> None:
        """Remember what is about to be written to `path`, in the place of `there`.

        Raises:
            OutputError: it cannot be remembered.
        """
        if not lies_below(path, self._root) or self._file.is_symlink():
            return
        known = self._read()
        if there is not None and digest_of_bytes(there).hex() not in known.get(path, ()):
            return
        digest = digest_of_bytes(content).hex()
        line = {"path": os.path.relpath(path, self._root), "digest": digest}
        try:
            with self._file.open("ab") as stream:
                stream.write(json.dumps(line).encode("ascii") + b"\n")
        except OSError as error:
            what = f"its sidecar cannot be noted, so it is not written: {error.strerror}"
            raise OutputError(what, where=path) from error
        known.setdefault(path, set()).add(digest)

    def of(self, picture: Path) -> list[Path]:
        """The sidecars beside a picture, or where it was, that are as Kyara wrote them."""
        known = self._read()
        return [
            path
            for path in (picture.with_name(f"{picture.name}.{kind}") for kind in _KINDS)
            if path in known and self._is_own(path, known[path])
        ]

    def remove(self, picture: Path) -> None:
        """Remove those."""
        for path in self.of(picture):
            with contextlib.suppress(OSError):
                path.unlink()

    def _is_own(self, path: Path, digests: set[str]) -> bool:
        if path.is_symlink() or not lies_below(path, self._root):
            return False
        try:
            return digest_of_file(path).hex() in digests
        except OSError:
            return False

    def _read(self) -> dict[Path, set[str]]:
        if self._known is None:
            self._known = {}
            with contextlib.suppress(OSError):
                for line in self._file.read_bytes().splitlines():
                    # A line that was cut off, or is of somebody else's making.
                    with contextlib.suppress(ValueError):
                        found = msgspec.json.decode(line, type=_Line)
                        path = below(self._root, found.path)
                        self._known.setdefault(path, set()).add(found.digest)
        return self._known


_KINDS = ("txt", "json", "xmp")
