"""How fast a large gallery is searched, beside faiss's exact inner product.

    python benchmarks/search.py --out benchmarks/search.json

Embeddings are random directions around a random centre for each character. Both find the best
characters of the same probes in the same process; faiss (`faiss-cpu`) finds the nearest
references, or the nearest character means, and is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from measuring import cores, machine, median, write

from kyara.encode.encoder import Encoder
from kyara.identify.default import judge_named
from kyara.identify.gallery import Gallery
from kyara.identify.ranking import identify
from kyara.manifest import EmbeddingSpec, InputSpec, Manifest, ModelSpec, PluginSpec

TARGETS = {"kyara/faiss at most": 2.0, "peak_gib at most": 2.5}
TOP = 10


def main() -> None:
    options = parse()
    about = machine()
    encoder = made_encoder(options.dimension)
    gallery, probes, own = made_gallery(options, encoder)
    seconds: dict[str, list[float]] = {}
    right: dict[str, float] = {}

    def kyara(how: str) -> list[int]:
        ranked = identify(probes, gallery, judge_named(encoder, how), TOP)
        return [int(matches[0].character) for matches in ranked]

    tasks: dict[str, Callable[[], list[int]]] = {
        "kyara_any": lambda: kyara("any"),
        "kyara_avg": lambda: kyara("avg"),
    }
    begin = time.perf_counter()
    means = gallery.means
    seconds["means_once"] = [round(time.perf_counter() - begin, 3)]
    for name, task in tasks.items():
        for _ in range(options.repeats):
            right[name] = timed(name, task, seconds, own)
    peak = peak_gib()  # before faiss makes its copy
    if find_spec("faiss") is not None:
        for name, rows in (("faiss_any", gallery.embeddings), ("faiss_avg", means)):
            task = faiss_search(rows, probes, gallery, name == "faiss_any")
            for _ in range(options.repeats):
                right[name] = timed(name, task, seconds, own)
    medians = {name: median(values) for name, values in seconds.items()}
    report = {
        "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
        "machine": about,
        "gallery": {
            "characters": options.characters,
            "references": options.characters * options.references,
            "dimension": options.dimension,
            "probes": options.probes,
        },
        "median_seconds": medians,
        "ratios": {
            f"kyara/faiss {how}": round(medians[f"kyara_{how}"] / medians[f"faiss_{how}"], 2)
            for how in ("any", "avg")
            if f"faiss_{how}" in medians
        },
        "peak_gib": peak,
        "targets": TARGETS,
        "right": right,
        "repeats_seconds": seconds,
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--characters", type=int, default=10_000)
    parser.add_argument("--references", type=int, default=100, help="of each character")
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the characters")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, help="not needed; for likeness with the others")
    options = parser.parse_args()
    options.characters = max(2, round(options.characters * options.scale))
    return options


def made_encoder(dimension: int) -> Encoder:
    """An encoder that only compares."""
    manifest = Manifest(
        plugin=PluginSpec(name="random", version="1"),
        model=ModelSpec(entry="none:none"),
        input=InputSpec(size=8),
        embedding=EmbeddingSpec(dimension=dimension),
    )

    def nothing() -> Any:
        raise SystemExit("nothing is encoded here")

    return Encoder("random@1", manifest, nothing, concurrent=True)


def made_gallery(
    options: argparse.Namespace, encoder: Encoder
) -> tuple[Gallery, np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.intp]]]:
    """The gallery, probes, and the character of each probe."""
    rng = np.random.default_rng(0)
    c, r, d = options.characters, options.references, options.dimension
    centres = unit(rng.standard_normal((c, d), dtype=np.float32))
    embeddings = np.empty((c * r, d), dtype=np.float32)
    for begin in range(0, c, 500):  # so that making them needs no more memory than having them
        noise = rng.standard_normal((len(centres[begin : begin + 500]), r, d), dtype=np.float32)
        rows = centres[begin : begin + 500, None] + noise * np.float32(1.5 / d**0.5)
        embeddings[begin * r : (begin + 500) * r] = unit(rows.reshape(-1, d))
    own = rng.integers(0, c, options.probes)
    noise = rng.standard_normal((options.probes, d), dtype=np.float32)
    probes = unit(centres[own] + noise * np.float32(1.5 / d**0.5))
    names = tuple(f"{n:09}" for n in range(c))
    starts = np.arange(0, c * r, r)
    nowhere = Path(os.devnull)
    return Gallery(encoder.id, names, embeddings, starts, (nowhere,) * (c * r)), probes, own


def unit(rows: Any) -> Any:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def faiss_search(rows: Any, probes: Any, gallery: Gallery, references: bool) -> Callable[[], Any]:
    import faiss  # noqa: PLC0415 (only where it is installed)

    faiss.omp_set_num_threads(cores())
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)

    def search() -> list[int]:
        _, found = index.search(probes, TOP)
        best = found[:, 0]
        if references:
            best = np.searchsorted(gallery.starts, best, side="right") - 1
        return [int(n) for n in best]

    return search


def timed(
    name: str, task: Callable[[], list[int]], seconds: dict[str, list[float]], own: Any
) -> float:
    """Runs it, notes the seconds, and returns the share of right answers."""
    begin = time.perf_counter()
    answers = task()
    seconds.setdefault(name, []).append(round(time.perf_counter() - begin, 3))
    print(f"{name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    return round(float((np.asarray(answers) == own).mean()), 4)


def peak_gib() -> float:
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**30, 3)


if __name__ == "__main__":
    main()
