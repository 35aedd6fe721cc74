"""How long a large gallery takes to load: 1,000 references for each of 20 characters.

    python benchmarks/references.py --out benchmarks/references.json --work /tmp/kyara-bench

The forerunner embedded every reference anew at each start, and its page warned of it. Kyara
embeds a reference once. Measured is `kyara sort --dry-run` of ten pictures, with an empty
cache and again, the whole process each time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from made_pictures import Recipe, make_set, multiply
from measuring import machine, median, run, warm_page_cache, write

POOL = 500
"""Different pictures; the references are these, again and again under other digests."""
INBOX = 10


def main() -> None:
    options = parse()
    pool = make_set(options.work, Recipe(min(POOL, options.references), 2, 2, scale=options.scale))
    cast, inbox = options.work / "large-cast", options.work / "small-inbox"
    files = _lay_out(sorted(pool.inbox.iterdir()), cast, inbox, options)
    about_machine = machine()
    warm_page_cache(files)
    seconds: dict[str, list[float]] = {"cold": [], "again": []}
    command = [sys.executable, "-m", "kyara", "sort", inbox, "--refs", cast]
    command += ["--out", options.work / "out-references", "--dry-run"]
    for _ in range(options.repeats):
        shutil.rmtree(options.work / "cache", ignore_errors=True)
        for name, taken in seconds.items():
            cache = str(options.work / "cache" / "embeddings.sqlite")
            taken.append(round(run(command, {"KYARA_CACHE": cache}).seconds, 3))
            print(f"{name}: {taken[-1]:.2f} s", file=sys.stderr)
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": about_machine,
        "references": {
            "characters": options.characters,
            "of_each": options.references,
            "bytes": sum(path.stat().st_size for path in files),
            "made_from": pool.about,
        },
        "pictures_sorted": INBOX,
        "median_seconds": {name: median(values) for name, values in seconds.items()},
        "repeats_seconds": seconds,
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--characters", type=int, default=20)
    parser.add_argument("--references", type=int, default=1000, help="of each character")
    parser.add_argument("--scale", type=float, default=0.2, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    return parser.parse_args()


def _lay_out(pool: list[Path], cast: Path, inbox: Path, options: argparse.Namespace) -> list[Path]:
    """A cast of byte-variants of `pool`, by number of the character, and an inbox."""
    total = options.characters * options.references
    files = []
    for number, path in enumerate(multiply(pool, cast.with_name("large-pool"), total + INBOX)):
        owner = cast / f"character-{number % options.characters:02d}" if number < total else inbox
        owner.mkdir(parents=True, exist_ok=True)
        place = owner / path.name
        if not place.exists():
            place.hardlink_to(path)
        files.append(place)
    return files


if __name__ == "__main__":
    main()
