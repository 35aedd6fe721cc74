"""How long `kyara library update` takes where nothing has changed: 100,000 small pictures.

    python benchmarks/update.py --out benchmarks/update.json --work /tmp/kyara-bench

Measured is the whole process, with all pictures where they were. For comparison: adding them
for the first time, once, which embeds them all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from made_pictures import Recipe, make_set, multiply
from measuring import machine, median, run, write

POOL = 200
"""Different pictures; the others are these, again and again under other digests."""
IN_A_FOLDER = 1000


def main() -> None:
    options = parse()
    pool = make_set(options.work, Recipe(min(POOL, options.pictures), 2, 2, scale=options.scale))
    folder = options.work / f"library-pictures-{options.pictures}"
    files = _lay_out(sorted(pool.inbox.iterdir()), folder, options.pictures)
    about_machine = machine()
    library = options.work / "update.kyara"
    for left in options.work.glob("update.kyara*"):
        left.unlink()
    kyara = [sys.executable, "-m", "kyara", "library"]
    environment = {"KYARA_CACHE": str(options.work / "cache" / "update.sqlite")}
    run([*kyara, "create", library], environment)
    added = run([*kyara, "add", library, folder, "--json", "--no-cache"], environment)
    print(f"add: {added.seconds:.1f} s", file=sys.stderr)
    seconds, peaks, out = [], [], ""
    for _ in range(options.repeats):
        ran = run([*kyara, "update", library, "--json"], environment)
        seconds.append(round(ran.seconds, 3))
        peaks.append(ran.peak_bytes)
        out = ran.out
        print(f"update: {seconds[-1]:.2f} s", file=sys.stderr)
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": about_machine,
        "pictures": {
            "count": len(files),
            "bytes": sum(path.stat().st_size for path in files),
            "made_from": pool.about,
        },
        "add_seconds": round(added.seconds, 1),
        "median_seconds": median(seconds),
        "repeats_seconds": seconds,
        "peak_mib": round(max(peaks) / (1 << 20), 1),
        "library_mib": round(library.stat().st_size / (1 << 20), 1),
        "last_answer": out.strip(),
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--scale", type=float, default=0.02, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    return parser.parse_args()


def _lay_out(pool: list[Path], folder: Path, count: int) -> list[Path]:
    """`count` byte-variants of `pool`, a thousand in each folder."""
    files = []
    for number, path in enumerate(multiply(pool, folder.with_name("update-pool"), count)):
        place = folder / f"{number // IN_A_FOLDER:04d}" / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.hardlink_to(path)
        files.append(place)
    return files


if __name__ == "__main__":
    main()
