"""Tables of searching many references, and what a billion pictures cost; for `build_numbers.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SEARCH = BENCHMARKS / "scale_search.json"
LARGEST = BENCHMARKS / "scale_search_10m.json"
"""By `python benchmarks/scale_search.py`."""
ANSWERS = BENCHMARKS / "scale_answers.json"
"""By `python benchmarks/scale_answers.py`."""
SORT = BENCHMARKS / "sort.json"
"""By `python benchmarks/sort.py`."""
WAYS = {"matrix": "every one, in blocks", "lance": "`lance`", "usearch": "`usearch`"}

PICTURES = 1_000_000_000
CORES = 16
DIMENSION = 384
OWN_BYTES = 36
"""For each row: its character (4), its place by character and by digest (16), Lance's number (8),
and the first bytes of its digest (8)."""
MACHINES = (1, 10, 100)

Row = Iterable[str]


def searched() -> list[Row]:
    """What was measured of each way, by the number of references."""
    head = ["references", "searched by", "built in, CPU s", "index, MB", "recall of ten"]
    rows: list[Row] = [[*head, "probes a second of a core", "memory, MB"]]
    for count, ways in _measured().items():
        for way, what in WAYS.items():
            if way in ways:
                one = ways[way]
                rows.append(
                    [
                        f"{count:,}",
                        what,
                        f"{one['build_cpu_seconds']:.0f}" if "build_cpu_seconds" in one else "-",
                        f"{one['index_mib'] * 2**20 / 1e6:.0f}" if "index_mib" in one else "-",
                        f"{one['recall_at_10']:.3f}",
                        f"{one['search_queries_per_cpu_second']:.0f}",
                        f"{one['search_peak_mib'] * 2**20 / 1e6:.0f}",
                    ]
                )
    return rows


def answers() -> str:
    """What an index changes of them, in a sentence."""
    data = json.loads(ANSWERS.read_text(encoding="utf-8"))
    pictures, best = data["pictures"], data["same_best"]
    return (
        f"With {data['references']:,} references, {data['same_answer']:.1%} of "
        f"{sum(pictures.values()):,} pictures, half of them of strangers, have the same answer of "
        "the shipped model's judge behind Lance's index as without. Whether it is given as a name "
        f"or not, the most likely character is the same for {best['of_characters']:.1%} of the "
        f"pictures of characters, and for {best['of_strangers']:.1%} of those of strangers."
    )


def billion() -> list[Row]:
    """A billion pictures of one figure each, on some machines, by the largest that was measured."""
    data = json.loads(LARGEST.read_text(encoding="utf-8"))
    count, ways = max(_measured().items())
    lance, made, dimension = ways["lance"], ways["made"], data["made"]["dimension"]
    longer = DIMENSION / dimension
    row = made["mib"] * 2**20 / count + 4 * (DIMENSION - dimension)
    codes = lance["index_mib"] * 2**20 / count * longer
    times = PICTURES / count
    sort = json.loads(SORT.read_text(encoding="utf-8"))
    embedded = sort["pictures_per_second"]["e"] / sort["machine"]["cores"]
    rows: list[Row] = [["machines of 16 cores", *map(str, MACHINES)]]
    rows += [
        ["embedding, days", *(_told(PICTURES / embedded / CORES / n / 86_400) for n in MACHINES)],
        ["dataset, GB, in all", *(_told(PICTURES * row / 1e9) for _ in MACHINES)],
        ["index by `lance`, GB, in all", *(_told(PICTURES * codes / 1e9) for _ in MACHINES)],
        [
            "Kyara's own memory, GB, of each",
            *(_told(PICTURES * OWN_BYTES / 1e9) for _ in MACHINES),
        ],
        [
            "building it on one of them, days",
            *(
                _told(lance["build_cpu_seconds"] * longer * times / CORES / 86_400)
                for _ in MACHINES
            ),
        ],
        [
            "probes a second, in all",
            *(
                _told(lance["search_queries_per_cpu_second"] / longer / times * CORES * n)
                for n in MACHINES
            ),
        ],
    ]
    return rows


def _measured() -> dict[int, dict[str, Any]]:
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in (SEARCH, LARGEST)]
    return {int(count): ways for run in runs for count, ways in run["measured"].items()}


def _told(value: float) -> str:
    """With two digits."""
    digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{float(f'{value:.2g}'):,.{digits}f}"
