"""A picture is known by its content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kyara.pictures.digest import digest_of_bytes, digest_of_file


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_digests_are_sha256_of_the_content(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert digest_of_file(path) == digest_of_bytes(data) == hashlib.sha256(data).digest()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_has_no_content_to_wait_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="file"):
        digest_of_file(tmp_path / "pipe")
