"""Does `kyara sort` need more memory for more pictures?

    python benchmarks/memory.py --out benchmarks/memory.json --work /tmp/kyara-bench

Sorts (dry run, empty cache) 500 pictures, and 5,000 of the same formats and sizes, each in a
fresh process, and compares the peaks of memory: within 15 % is the target.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from made_pictures import Recipe, make_set, multiply
from measuring import Ran, machine, median, run, write

TARGET = 1.15
MIB = 1 << 20


def main() -> None:
    options = parse()
    few, many = options.few, options.many
    pictures = make_set(options.work, Recipe(few, options.characters, 2, scale=options.scale))
    inboxes = {few: pictures.inbox, many: options.work / f"pictures-multiplied-{many}"}
    multiply(sorted(pictures.inbox.iterdir()), inboxes[many], many)
    peaks: dict[int, list[float]] = {few: [], many: []}
    again: dict[int, list[float]] = {few: [], many: []}
    about_machine = machine()
    for _ in range(options.repeats):
        for count, inbox in inboxes.items():
            shutil.rmtree(options.work / "cache", ignore_errors=True)
            for peak in (peaks, again):
                ran = sort(inbox, pictures.cast, options.work)
                peak[count].append(round(ran.peak_bytes / MIB, 1))
                print(f"{count}: {peak[count][-1]} MiB, {ran.seconds:.1f} s", file=sys.stderr)
    medians = {count: median(values) for count, values in peaks.items()}
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": about_machine,
        "pictures": pictures.about,
        "peak_mib": medians,
        "peak_mib_again": {count: median(values) for count, values in again.items()},
        "growth": round(medians[many] / medians[few], 3),
        "target_growth_at_most": TARGET,
        "repeats_peak_mib": peaks,
        "repeats_peak_mib_again": again,
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--characters", type=int, default=20)
    parser.add_argument("--scale", type=float, default=1.0, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    return parser.parse_args()


def sort(inbox: Path, cast: Path, work: Path) -> Ran:
    command = [sys.executable, "-m", "kyara", "sort", inbox, "--refs", cast]
    command += ["--out", work / "out-memory", "--dry-run"]
    return run(command, {"KYARA_CACHE": str(work / "cache" / "embeddings.sqlite")})


if __name__ == "__main__":
    main()
