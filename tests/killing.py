"""Kills commands at random instants of their work, and sees to it that the kills hit.

KYARA_KILLS says how often each command is killed: 4 times unless it is set.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

__all__ = ["KILLS", "kills"]

KILLS = int(os.environ.get("KYARA_KILLS", "4"))
RUNS_PER_KILL = 6

# Runs a command that says when it calls a function for the first time, and nothing else.
_RUN = """
import importlib, os, sys
from kyara.cli.main import main

module, _, names = sys.argv.pop(1).partition(":")
*owners, name = names.split(".")
owner = importlib.import_module(module)
for part in owners:
    owner = getattr(owner, part)
original = getattr(owner, name)

def watched(*arguments, **options):
    if sys.stdout is sys.__stdout__:
        print("begins", flush=True)
        sys.stdout = open(os.devnull, "w")
    return original(*arguments, **options)

setattr(owner, name, watched)
main()
"""


def kills(
    arguments: list[object], folder: Path, since: str, prepare: Callable[[], None], seed: int = 0
) -> Iterator[None]:
    """Kill `kyara` with these arguments KILLS times, each at a random instant of its work.

    Yields after each kill that hit a running process. A run that ended first counts for
    nothing, and the test fails if most do.

    Args:
        since: the function that begins the work, `module:function`; what is before, mostly
            imports, changes nothing on the disk.
        prepare: makes sure, before each run, that there is something to do.
    """
    words = [sys.executable, "-c", _RUN, since, *map(str, arguments)]
    at_random = random.Random(seed)
    prepare()
    within = _seconds_to_end(words, folder, None)
    assert within is not None
    hits = 0
    for _ in range(RUNS_PER_KILL * KILLS):
        prepare()
        if _seconds_to_end(words, folder, at_random.uniform(0, within)) is None:
            within *= 1.1  # so about seven runs of ten are hit, however busy the machine is
            hits += 1
            yield
            if hits == KILLS:
                return
        else:
            within *= 0.8
    pytest.fail(f"of {RUNS_PER_KILL * KILLS} runs only {hits} were killed before they ended")


def _seconds_to_end(words: list[str], folder: Path, kill_after: float | None) -> float | None:
    """How long its work took; None where it was killed."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begins\n"
        begin = time.monotonic()
        try:
            process.wait(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
    if process.returncode == -signal.SIGKILL:
        return None
    assert process.returncode == 0
    return time.monotonic() - begin
