"""A picture is known by its content, not by its path."""

from __future__ import annotations

import hashlib
import os

from kyara.pictures.files import open_regular

__all__ = ["digest_of_bytes", "digest_of_file"]

_BLOCK = 1 << 20


def digest_of_bytes(data: bytes) -> bytes:
    """SHA-256 of a file's content, 32 bytes."""
    return hashlib.sha256(data).digest()


def digest_of_file(path: str | os.PathLike[str]) -> bytes:
    """SHA-256 of the file at `path`, read in blocks, 32 bytes.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    sha = hashlib.sha256()
    with open_regular(path) as stream:
        while block := stream.read(_BLOCK):
            sha.update(block)
    return sha.digest()
