"""What does Ray cost, and bring, beside `kyara embed` in one process?

    python benchmarks/scale_embed.py --out benchmarks/scale_embed.json --work /tmp/kyara-bench

Embeds the same pictures into a new dataset each time, with an empty cache, in turn: one thread,
one worker of a Ray that is started for it, two threads, two workers. Each also embeds a single
picture, which is what its start takes. One worker of Ray may cost 15 % more than one thread.
Beside seconds of the clock it counts those of processors, in all processes that a command
starts: on a machine that has other work to do these are what can be compared.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from made_pictures import Recipe, make_set, multiply
from measuring import machine, median, run, warm_page_cache, write

TARGET = 0.15
DRAWN = 500
"""Pictures that are drawn; the others are these again, with other digests."""
CONTENDERS = {
    f"{engine} {workers}": ("--engine", engine, "--workers", str(workers))
    for workers in (1, 2)
    for engine in ("local", "ray")
}


Seconds = dict[str, list[float]]


def main() -> None:
    options = parse()
    drawn = make_set(options.work, Recipe(min(DRAWN, options.pictures), 2, 1, scale=options.scale))
    inbox = options.work / f"pictures-multiplied-{options.pictures}"
    pictures = multiply(sorted(drawn.inbox.iterdir()), inbox, options.pictures)
    warm_page_cache(pictures)
    about_machine = machine()
    whole, start = Measured(), Measured()
    load: Seconds = {name: [] for name in CONTENDERS}
    for _ in range(options.repeats):
        for name, words in CONTENDERS.items():
            load[name].append(round(os.getloadavg()[0], 2))
            start.add(name, *embed(pictures[0], words, options))
            whole.add(name, *embed(inbox, words, options))
            print(f"{name}: {whole.clock[name][-1]} s", file=sys.stderr)
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": about_machine,
        "load_before_each": load,
        "pictures": {"count": options.pictures, "drawn": drawn.about},
        "model": options.plugin or "the default",
        "seconds": compared(whole.clock, start.clock, options.pictures),
        "cpu_seconds": compared(whole.cpu, start.cpu, options.pictures),
        "target_overhead_of_one_at_most": TARGET,
        "repeats_seconds": whole.clock,
        "repeats_seconds_of_one_picture": start.clock,
        "repeats_cpu_seconds": whole.cpu,
        "repeats_cpu_seconds_of_one_picture": start.cpu,
    }
    write(options.out, report)


@dataclass(frozen=True)
class Measured:
    """Seconds of the clock, and of processors, by contender."""

    clock: Seconds = field(default_factory=lambda: {name: [] for name in CONTENDERS})
    cpu: Seconds = field(default_factory=lambda: {name: [] for name in CONTENDERS})

    def add(self, name: str, clock: float, cpu: float) -> None:
        self.clock[name].append(clock)
        self.cpu[name].append(cpu)


def compared(whole: Seconds, start: Seconds, pictures: int) -> dict[str, object]:
    """Medians, with and without the start, and what Ray takes more than threads do."""
    all_of_it = {name: median(values) for name, values in whole.items()}
    begun = {name: median(values) for name, values in start.items()}
    working = {name: max(all_of_it[name] - begun[name], 1e-3) for name in CONTENDERS}
    return {
        "median": all_of_it,
        "median_of_one_picture": begun,
        "pictures_per_second": {
            name: round((pictures - 1) / took, 1) for name, took in working.items()
        },
        "overhead": {n: round(working[f"ray {n}"] / working[f"local {n}"] - 1, 3) for n in (1, 2)},
        "overhead_with_the_start": {
            n: round(all_of_it[f"ray {n}"] / all_of_it[f"local {n}"] - 1, 3) for n in (1, 2)
        },
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--scale", type=float, default=1.0, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plugin", help="another model than the default")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    return parser.parse_args()


def embed(
    pictures: Path, words: tuple[str, ...], options: argparse.Namespace
) -> tuple[float, float]:
    """Seconds of the command by the clock, and of processors in all of its processes."""
    out = options.work / "embedded.lance"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "kyara", "embed", pictures, "--out", out, "--no-cache", *words]
    command += ["--plugin", options.plugin] if options.plugin else []
    watch = Watch()
    watch.start()
    ran = run(command)
    watch.ended.set()
    watch.join()
    shutil.rmtree(out)
    return round(ran.seconds, 2), round(sum(watch.seconds.values()), 2)


class Watch(threading.Thread):
    """Looks at processes of this session that are younger than it, as Linux tells of them.

    Attributes:
        seconds: of processors, by process, when it was last seen.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.seconds: dict[int, float] = {}
        self._older = {int(path.name) for path in Path("/proc").glob("[0-9]*")}

    def run(self) -> None:
        """Look, until it has ended."""
        while not self.ended.wait(0.25):
            for path in Path("/proc").glob("[0-9]*"):
                if int(path.name) not in self._older:
                    self._look(path)

    def _look(self, process: Path) -> None:
        with suppress(OSError):  # it is gone
            told = (process / "stat").read_text(encoding="ascii", errors="replace")
            fields = told.rpartition(")")[2].split()
            if int(fields[3]) == os.getsid(0):
                ticks = int(fields[11]) + int(fields[12])
                self.seconds[int(process.name)] = ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
