"""What does Ray cost, and bring, beside `kyara embed` in one process?

    python benchmarks/scale_embed.py --out benchmarks/scale_embed.json --work /tmp/kyara-bench

Embeds the same pictures into a new dataset each time, with an empty cache, in turn: one thread,
one worker of a Ray that is started for it, two threads, two workers. Each also embeds a single
picture, which is what its start takes. One worker of Ray may cost 15 % more than one thread.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
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


def main() -> None:
    options = parse()
    drawn = make_set(options.work, Recipe(min(DRAWN, options.pictures), 2, 1, scale=options.scale))
    inbox = options.work / f"pictures-multiplied-{options.pictures}"
    pictures = multiply(sorted(drawn.inbox.iterdir()), inbox, options.pictures)
    warm_page_cache(pictures)
    about_machine = machine()
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    start: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    load: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(options.repeats):
        for name, words in CONTENDERS.items():
            load[name].append(round(os.getloadavg()[0], 2))
            start[name].append(embed(pictures[0], words, options))
            seconds[name].append(embed(inbox, words, options))
            print(f"{name}: {seconds[name][-1]} s, start {start[name][-1]} s", file=sys.stderr)
    whole = {name: median(values) for name, values in seconds.items()}
    begun = {name: median(values) for name, values in start.items()}
    working = {name: whole[name] - begun[name] for name in CONTENDERS}
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": about_machine,
        "load_before_each": load,
        "pictures": {"count": options.pictures, "drawn": drawn.about},
        "model": options.plugin or "the default",
        "median_seconds": whole,
        "median_seconds_of_one_picture": begun,
        "pictures_per_second": {
            name: round((options.pictures - 1) / max(took, 1e-3), 1)
            for name, took in working.items()
        },
        "overhead": {n: round(working[f"ray {n}"] / working[f"local {n}"] - 1, 3) for n in (1, 2)},
        "overhead_with_the_start": {
            n: round(whole[f"ray {n}"] / whole[f"local {n}"] - 1, 3) for n in (1, 2)
        },
        "target_overhead_of_one_at_most": TARGET,
        "repeats_seconds": seconds,
        "repeats_seconds_of_one_picture": start,
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--scale", type=float, default=1.0, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plugin", help="another model than the default")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    return parser.parse_args()


def embed(pictures: Path, words: tuple[str, ...], options: argparse.Namespace) -> float:
    """Seconds of the whole process."""
    out = options.work / "embedded.lance"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "kyara", "embed", pictures, "--out", out, "--no-cache", *words]
    command += ["--plugin", options.plugin] if options.plugin else []
    ran = run(command)
    shutil.rmtree(out)
    return round(ran.seconds, 2)


if __name__ == "__main__":
    main()
