"""How long the judge takes to be fitted to 100,000 pictures, against 1,000 characters.

    python benchmarks/adapt.py --out benchmarks/adapt.json

The embeddings are made up: how many they are counts, and not what they show. Measured is what
`kyara sort` does between the last embedding and the first answer, by default and with
`--at-fpr 5%`, in a process that is running already; and the time of the cores, which says more
where the machine has something else to do.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import machine, median, write

from kyara.identify.default import choose_judge
from kyara.identify.gallery import Gallery
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray, normalised

NOISE = 0.8
"""Of a picture around its character, in parts of the distances between characters."""


def main() -> None:
    options = parse()
    about_machine = machine()
    encoder = open_encoder("kyara-2")
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2 * options.characters, encoder.dimension)).astype(np.float32)
    known = np.repeat(np.arange(options.characters), options.references)
    gallery = Gallery.build(
        encoder.id,
        [(f"{n:06}", Path(), row) for n, row in zip(known, drawn(points, known, rng), strict=True)],
    )
    shown = rng.integers(0, len(points), options.pictures)  # half of them strangers
    pictures = drawn(points, shown, rng)
    ways: dict[str, Callable[[], object]] = {
        "default": lambda: choose_judge(encoder).fitted(gallery, pictures),
        "at_fpr": lambda: choose_judge(encoder, at_fpir=0.05).fitted(gallery, pictures),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    of_cores: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, fit in ways.items():
            begin, began = time.perf_counter(), time.process_time()
            fit()
            of_cores[name].append(round(time.process_time() - began, 3))
            seconds[name].append(round(time.perf_counter() - begin, 3))
            print(f"{name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": about_machine,
        "pictures": options.pictures,
        "characters": options.characters,
        "references": options.references,
        "encoder": encoder.id,
        "median_seconds": {name: median(values) for name, values in seconds.items()},
        "median_cpu_seconds": {name: median(values) for name, values in of_cores.items()},
        "repeats_seconds": seconds,
    }
    write(options.out, report)


def drawn(points: FloatArray, characters: np.ndarray, rng: np.random.Generator) -> FloatArray:
    """An embedding of each of the characters (n,), of length 1."""
    rows = points[characters]
    rows += NOISE * rng.normal(size=rows.shape).astype(np.float32)
    return normalised(rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--characters", type=int, default=1000)
    parser.add_argument("--references", type=int, default=5, help="of each character")
    parser.add_argument("--scale", type=float, default=1.0, help="of pictures and characters")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, help="not used: there are no pictures")
    options = parser.parse_args()
    options.pictures = max(2, round(options.pictures * options.scale))
    options.characters = max(2, round(options.characters * options.scale))
    return options


if __name__ == "__main__":
    main()
