"""Telling this person's own journals from those that came with a folder from elsewhere.

A journal tells undo to move and remove files, so not everybody may write one. Each bears a seal
over what it is about, made with a key that lies in the user's own folder and never leaves it. A
journal that was written elsewhere, or for a folder at another path, does not have the right one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from kyara.files import new_file, user_folder

__all__ = ["is_sealed", "seal"]

_BYTES = 32


def seal(identity: str, root: Path, inbox: str | None) -> str | None:
    """The seal of a journal; None where no key can be kept."""
    key = _key(make=True)
    return None if key is None else _seal(key, identity, root, inbox)


def is_sealed(found: str | None, identity: str, root: Path, inbox: str | None) -> bool:
    """Whether a journal with that seal is this person's own, and lies where it was written."""
    key = _key(make=False)
    if key is None or found is None:
        return False
    return hmac.compare_digest(found, _seal(key, identity, root, inbox))


def _seal(key: bytes, identity: str, root: Path, inbox: str | None) -> str:
    parts = (identity, os.path.realpath(root), inbox or "")
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _key(*, make: bool) -> bytes | None:
    path = user_folder() / "journal.key"
    with suppress(OSError):
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError), new_file(path) as part:  # another process was first
                part.touch(mode=0o600)
                part.write_bytes(secrets.token_bytes(_BYTES))
        key = path.read_bytes()
        return key if len(key) == _BYTES else None
    return None
