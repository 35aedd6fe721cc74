"""Measuring processes as a whole, and saying on what machine it was done."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

from PIL import features

__all__ = ["Ran", "cores", "machine", "median", "run", "warm_page_cache", "write"]

HERE = Path(__file__).resolve().parent
PACKAGES = ("kyara", "numpy", "onnxruntime", "pillow")


@dataclass(frozen=True)
class Ran:
    """One process, from before its start to after its end."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    out: str


def run(
    command: Sequence[str | Path],
    extra: Mapping[str, str] | None = None,
    codes: Container[int] = (0,),
) -> Ran:
    """Run a process that must end with one of these codes, with `extra` in its environment."""
    words = [os.fspath(word) for word in command]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(words, stdout=out, env={**os.environ, **(extra or {})})
        # Not Popen.wait: this one also tells what the process used.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode not in codes:
        raise SystemExit(f"{' '.join(words)}\nended with {process.returncode}:\n{text[-2000:]}")
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Ran(seconds, used.ru_utime + used.ru_stime, peak, text)


def warm_page_cache(files: Iterable[Path]) -> None:
    """Read every file once, so that no contender pays for the disk."""
    for path in files:
        with path.open("rb") as stream:
            while stream.read(1 << 20):
                pass


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine(python: str = sys.executable) -> dict[str, object]:
    """What a reader needs to judge the figures."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": None if load is None else round(load, 2),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "zlib_of_pillow": _zlib(),
        "torch": torch_version(python),
    }


def torch_version(python: str | Path) -> str | None:
    """The version of torch that the interpreter `python` has, beside torchvision; else None."""
    code = "import torch, torchvision; print(torch.__version__)"
    ended = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return ended.stdout.strip() if ended.returncode == 0 else None


def median(values: Iterable[float]) -> float:
    """The median, rounded for reading."""
    return round(statistics.median(values), 3)


def write(path: Path, report: Mapping[str, object]) -> None:
    """Write the report, and print it."""
    text = json.dumps(report, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _zlib() -> str | None:
    # PNG is mostly inflating, and the zlibs that Pillow may find differ much in speed.
    return features.version("zlib")
