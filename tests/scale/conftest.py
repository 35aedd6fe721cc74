"""A Ray of two workers for all tests of a module, and what datasets hold."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran, draw

Embed = Callable[..., Ran]
START = 300.0
"""Seconds that Ray may take to start: it is many processes, and machines are busy."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with four pictures in `in`."""
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        draw(tmp_path / "in" / f"{number}.png", "ruby", number)
    return tmp_path


def rows(path: Path) -> list[dict[str, Any]]:
    """What a dataset holds, by the names of the pictures."""
    import lance

    return sorted(lance.dataset(path).to_table().to_pylist(), key=lambda row: row["uri"])


def need_ray() -> None:
    """Skips the test where there is none. It is not imported: it reads the environment then."""
    if not all(map(find_spec, ("lance", "ray"))):
        pytest.skip("needs the extra `scale`")


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """Of a cluster that is this machine, with room for two workers."""
    need_ray()
    folder = tempfile.mkdtemp(prefix="kyara-ray-")  # short: it names sockets
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from ray.scripts.scripts import main; main()"
    options = ["--head", "--num-cpus=3", "--include-dashboard=false", f"--port={port}"]
    options += ["--object-store-memory=200000000", f"--temp-dir={folder}", "--block"]
    with pytest.MonkeyPatch.context() as patch, Path(folder, "log").open("wb") as log:
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # it listens on loopback alone
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        command = [sys.executable, "-c", code, "start", *options]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(process, Path(folder, "log"))
            yield f"127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # it would drain for half a minute
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START
    while "Ray runtime started" not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline
        time.sleep(0.2)
