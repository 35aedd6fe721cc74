"""A Ray of two workers for all tests, and what datasets hold."""

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
from contextlib import ExitStack, contextmanager, suppress
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


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Of a cluster that is this machine, with room for two workers."""
    need_ray()
    told = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it listens on loopback alone
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_worker_niceness": "0",
        "RAY_raylet_start_wait_time_s": "60",
    }
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in told.items():
            patch.setenv(name, value)
        for _ in range(_TRIES):
            address = stack.enter_context(_cluster())
            if address is not None:
                yield address
                return
    pytest.fail("Ray cannot be started here")


_TRIES = 5
"""Its parts wait for each other for seconds that cannot be changed, and then give up."""


@contextmanager
def _cluster() -> Iterator[str | None]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="kyara-ray-"))  # short: it names sockets
    options = ["--head", "--num-cpus=3", "--include-dashboard=false", f"--port={port}"]
    options += ["--object-store-memory=200000000", f"--temp-dir={folder}", "--block"]
    options += ["--no-monitor", "--include-log-monitor=false"]  # what nobody looks at
    command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log, process_group=0)
    try:
        while process.poll() is None and b"runtime started" not in (folder / "log").read_bytes():
            time.sleep(0.2)
        yield f"127.0.0.1:{port}" if process.poll() is None else None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it would drain for half a minute
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
