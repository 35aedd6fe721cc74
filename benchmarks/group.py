"""How long does it take to group 50,000 figures, and what memory; and what do other ways take?

    python benchmarks/group.py --out benchmarks/group.json

Embeddings are random directions around a random centre for each character, of very different
numbers of pictures. Each way runs in a process of its own. Average linkage and HDBSCAN keep all
distances, so they are measured on fewer figures; they are left out where scikit-learn is not
installed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from measuring import machine, run, write

from kyara.cluster.grouping import centred, group_figures
from kyara.types import FloatArray, normalised

DIMENSION = 256
SIMILARITY = 0.45
TARGETS = {"kyara 50000 seconds at most": 300, "kyara 50000 peak_mib at most": 1500}


def main() -> None:
    options = parse()
    if options.way is not None:
        print(json.dumps({"seconds": timed(options.way, options.figures)}))
        return
    about = machine()
    large, small = (max(200, round(options.scale * n)) for n in (50_000, 10_000))
    tasks = [("kyara", large), ("kyara", small)]
    if find_spec("sklearn") is not None:
        tasks += [("linkage", small), ("hdbscan", small)]
    measured = {}
    for way, figures in tasks:
        command = [sys.executable, __file__, "--way", way, "--figures", str(figures)]
        ran = run([*command, "--out", options.out])
        seconds = json.loads(ran.out)["seconds"]
        measured[f"{way} {figures}"] = {
            "seconds": seconds,
            "peak_mib": round(ran.peak_bytes / 2**20),
        }
    write(
        options.out,
        {
            "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
            "machine": about,
            "dimension": DIMENSION,
            "measured": measured,
            "targets": TARGETS,
        },
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the figures")
    parser.add_argument("--repeats", type=int, default=1, help="not needed; as with the others")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, help="not needed; for likeness with the others")
    parser.add_argument("--way", choices=WAYS, help="only this, in this process")
    parser.add_argument("--figures", type=int, default=1000, help="with --way: how many")
    return parser.parse_args()


def heap(figures: int) -> FloatArray:
    """Figures of some characters; the k-th most frequent has 1/k of the first one's."""
    rng = np.random.default_rng(0)
    characters = max(2, figures // 20)
    weights = 1 / np.arange(1, characters + 1)
    owners = rng.choice(characters, figures, p=weights / weights.sum())
    centres = normalised(rng.standard_normal((characters, DIMENSION), dtype=np.float32))
    noise = rng.standard_normal((figures, DIMENSION), dtype=np.float32)
    return normalised(centres[owners] + noise * np.float32(0.9 / DIMENSION**0.5))


def timed(way: str, figures: int) -> float:
    rows = heap(figures)
    begin = time.perf_counter()
    WAYS[way](rows)
    return round(time.perf_counter() - begin, 1)


def by_kyara(rows: FloatArray) -> None:
    group_figures(rows, SIMILARITY)


def by_linkage(rows: FloatArray) -> None:
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415

    seen = centred(rows, len(rows))
    distances = 1.0 - (seen @ seen.T)[np.triu_indices(len(rows), k=1)].astype(np.float64)
    fcluster(linkage(np.maximum(distances, 0.0), "average"), 1.0 - SIMILARITY, "distance")


def by_hdbscan(rows: FloatArray) -> None:
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415

    HDBSCAN(min_cluster_size=2, algorithm="brute", copy=True).fit(centred(rows, len(rows)))


WAYS = {"kyara": by_kyara, "linkage": by_linkage, "hdbscan": by_hdbscan}


if __name__ == "__main__":
    main()
