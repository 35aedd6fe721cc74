"""Searching many references: by matrix products, by Lance's index and by usearch's.

    python benchmarks/scale_search.py --references 100000 1000000 --out benchmarks/scale_search.json

Embeddings are made, and lie as the shipped model's judge expects real ones to: the points of the
characters, and the pictures about them, are drawn with the covariances between and within
characters that it was fitted with, along the `--dimension` axes in which both together vary most,
and scaled to length 1. A character has as many references as chance gives it, `--per-character` on
average. Looks, and copies, are not made.

Each step is a process of its own, of which the time, the time of the processors and the peak of
memory are taken. Probes are new pictures of the characters; recall is the share of the ten
references nearest to them that is found. The file is written after each way: what was measured
stays when the run is stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from measuring import Ran, machine, run, write

from kyara.identify.index import Index, MatrixIndex, recall
from kyara.identify.indexes import build_index, open_index
from kyara.identify.judge import Plda
from kyara.plugins.discover import open_encoder
from kyara.scale.dataset import Ids
from kyara.scale.export import table_of
from kyara.scale.figures import Figures, references_schema
from kyara.scale.references import ReferenceDataset

TARGETS = {"recall_at_10 at least": 0.98, "search_peak_mib at most": 4096}
WAYS = ("matrix", "lance", "usearch")
K = 10
IDS = ("made@1", "whole")
_AT_ONCE = 50_000


def main() -> None:
    options = parse()
    if options.child:
        print(json.dumps(CHILDREN[options.child](options.work, options)))
        return
    about = machine()
    measured: dict[str, Any] = {}
    report = {
        "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
        "machine": about,
        "made": {"dimension": options.dimension, "per_character": options.per_character},
        "probes": options.probes,
        "targets": TARGETS,
        "measured": measured,
    }
    for count in options.references:
        for one in measure(count, options):
            measured[str(count)] = one
            options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--references", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--per-character", type=int, default=50)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="matrix first")
    parser.add_argument("--scale", type=float, default=1.0, help="of the references")
    parser.add_argument("--repeats", type=int, help="not needed; for likeness with the others")
    parser.add_argument("--work", type=Path, required=True, help="for the datasets")
    parser.add_argument("--out", type=Path, help="the JSON file")
    parser.add_argument("--child", choices=("make", "build", "search"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.references = [max(1000, round(n * options.scale)) for n in options.references]
    return options


def measure(count: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What was measured with so many references, after each way; the dataset is deleted."""
    work = options.work / str(count)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        made = child("make", work, options, "--references", str(count))
        dataset = work / "made.lance"
        report: dict[str, Any] = {"made": made | {"mib": mib(dataset)}}
        exact = None
        for way in ("matrix", *(way for way in options.ways if way != "matrix")):
            before = mib(work)
            one: dict[str, Any] = {}
            if way != "matrix":
                built = child("build", work, options, "--ways", way)
                one = {f"build_{name}": value for name, value in built.items()}
                one["index_mib"] = mib(work) - before
            searched = child("search", work, options, "--ways", way)
            one |= {f"search_{name}": value for name, value in searched.items()}
            found = np.load(work / f"{way}.npy")
            exact = found if exact is None else exact
            one["recall_at_10"] = round(recall(found, exact), 4)
            report[way] = one
            yield report
    finally:
        shutil.rmtree(work, ignore_errors=True)


def child(step: str, work: Path, options: argparse.Namespace, *more: str) -> dict[str, Any]:
    """What a step prints, and what it took."""
    given = ["--per-character", options.per_character, "--dimension", options.dimension]
    given += ["--probes", options.probes]
    ran: Ran = run(
        [sys.executable, __file__, "--child", step, "--work", work, *map(str, given), *more]
    )
    print(f"{step} {' '.join(more)}: {ran.seconds:.0f} s", file=sys.stderr)
    return {
        **json.loads(ran.out),
        "seconds": round(ran.seconds, 1),
        "cpu_seconds": round(ran.cpu_seconds, 1),
        "peak_mib": round(ran.peak_bytes / 2**20),
    }


def make(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Write the dataset and the probes."""
    (count,) = options.references
    world = World(options.dimension, max(2, count // options.per_character))
    owners = np.sort(world.rng.integers(0, len(world.points), count))
    schema = references_schema(options.dimension)
    batches = (
        batch
        for begin in range(0, count, _AT_ONCE)
        for batch in table_of(
            figures(world, owners[begin : begin + _AT_ONCE], begin), Ids(*IDS, options.dimension)
        ).to_batches()
    )
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    lance.write_dataset(reader, work / "made.lance", max_rows_per_file=1_000_000)
    shown = world.rng.integers(0, len(world.points), options.probes)
    np.savez(work / "probes.npz", shown=shown, embeddings=world.pictures(shown))
    return {"characters": len(np.unique(owners))}


def build(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Build an index, and measure it on the references, as `kyara library index` does."""
    (way,) = options.ways
    record = build_index(ReferenceDataset(work / "made.lance"), way)
    return {"effort": record.effort, "own_recall_at_10": record.recall_at_10}


def search(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Search for the probes, and keep what was found."""
    (way,) = options.ways
    dataset = ReferenceDataset(work / "made.lance")
    index: Index = MatrixIndex(dataset.embeddings)
    if way != "matrix":
        index, _ = open_index(dataset)
        assert index.name == way
    with np.load(work / "probes.npz") as arrays:
        shown, probes = arrays["shown"], arrays["embeddings"]
    if way != "matrix":
        index.search(probes[:5], K)  # what is read once is not the probe's
    begin, cpu = time.perf_counter(), time.process_time()
    rows = index.search(probes, K).rows
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
    np.save(work / f"{way}.npy", rows)
    names = [dataset.shown.characters[owner] for owner in dataset.shown.owners[rows[:, 0]]]
    return {
        "queries_per_second": round(len(probes) / seconds, 1),
        "queries_per_cpu_second": round(len(probes) / cpu_seconds, 1),
        "nearest_is_right": round(float((np.asarray(names, dtype=int) == shown).mean()), 4),
    }


CHILDREN = {"make": make, "build": build, "search": search}


class World:
    """Characters as the shipped model's judge expects them."""

    def __init__(self, dimension: int, characters: int) -> None:
        judge = Plda.of_plugin(open_encoder())
        assert judge is not None
        model = judge.model
        # Where both covariances are diagonal, that within a character is 1.
        back = np.linalg.pinv(model.transform.T.astype(np.float64))
        between = back * np.sqrt(model.between)
        values, axes = np.linalg.eigh(back @ back.T + between @ between.T)
        axes = axes[:, np.argsort(-values)[:dimension]]
        self.rng = np.random.default_rng(0)
        self._within = root_of(axes.T @ back @ back.T @ axes)
        mean = (axes.T @ model.mean).astype(np.float32)
        self.points = mean + self._drawn(characters, root_of(axes.T @ between @ between.T @ axes))

    def pictures(self, owners: Any) -> Any:
        """New pictures (n, d) of characters (n,)."""
        rows = self.points[owners] + self._drawn(len(owners), self._within)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def _drawn(self, count: int, root: Any) -> Any:
        return self.rng.standard_normal((count, len(root)), dtype=np.float32) @ root.T


def root_of(covariance: Any) -> Any:
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(len(covariance))).astype(np.float32)


def figures(world: World, owners: Any, begin: int) -> Figures:
    """The rows of references, from number `begin`."""
    count = len(owners)
    numbers = range(begin, begin + count)
    return Figures(
        tuple(f"{owner:09}" for owner in owners.tolist()),
        tuple(number.to_bytes(32, "little") for number in numbers),
        tuple(f"/made/{number:09}.png" for number in numbers),
        np.tile([0.0, 0.0, 512.0, 512.0], (count, 1)),
        ("whole",) * count,
        (1.0,) * count,
        world.pictures(owners),
    )


def mib(path: Path) -> int:
    """What lies at a path, in MiB."""
    files = path.rglob("*") if path.is_dir() else [path]
    return round(sum(file.stat().st_size for file in files if file.is_file()) / 2**20)


if __name__ == "__main__":
    main()
