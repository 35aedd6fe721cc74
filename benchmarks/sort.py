"""How fast `kyara sort` is, beside the forerunner's way and beside decoding alone.

    python benchmarks/sort.py --pictures 2000 --out benchmarks/sort.json --work /tmp/kyara-bench

Six contenders on the same pictures, each in a fresh process, all files in the page cache:

    a  the forerunner's way (forerunner.py), without the start of Python and torch
    b  decoding alone, all cores (decoding.py), without the start of Python: the limit;
       `b_reduced` decodes as few pixels as Kyara does, `b_full` all of them
    c  `kyara sort --detect none`, pictures taken whole as the forerunner does, with an empty cache:
       the whole process, its start and the copying included
    d  the same command again
    e  `kyara sort` with its detector, with an empty cache
    f  the same command again
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from made_pictures import Recipe, Set, make_set
from measuring import HERE, Ran, machine, median, run, torch_version, warm_page_cache, write

REPEATS = 3
TARGETS = {"a/c at least": 6.0, "c/b_full at most": 1.5, "a/d at least": 100.0}


def main() -> None:
    options = parse()
    pictures = make_set(
        options.work,
        Recipe(options.pictures, options.characters, options.references, scale=options.scale),
    )
    about_machine = machine(options.forerunner_python)
    warm_page_cache(pictures.files())
    raw: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}

    def note(name: str, ran: Ran, inner: bool) -> None:
        raw.setdefault(name, []).append(round(_inner(ran) if inner else ran.seconds, 3))
        whole.setdefault(name, []).append(round(ran.seconds, 3))
        cpu.setdefault(name, []).append(round(ran.cpu_seconds, 3))
        print(f"{name}: {raw[name][-1]:.2f} s", file=sys.stderr)

    if torch_version(options.forerunner_python) is not None:
        note("a", forerunner(pictures, options), inner=True)
    for _ in range(options.repeats):
        for how in ("full", "reduced"):
            note(f"b_{how}", decoding(pictures, how), inner=True)
        for name, ran in kyara(pictures, options).items():
            note(name, ran, inner=False)
    report = {
        "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
        "machine": about_machine,
        "pictures": {**pictures.about, "sorted": options.pictures},
        **figures(raw, options.pictures),
        "repeats_seconds": raw,
        "repeats_whole_process_seconds": whole,
        "repeats_cpu_seconds": cpu,
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--characters", type=int, default=20)
    parser.add_argument("--references", type=int, default=5, help="of each character")
    parser.add_argument("--scale", type=float, default=1.0, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of all but the forerunner")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    parser.add_argument("--plugin", default="res18_single", help="of c to f; default: as a's")
    parser.add_argument(
        "--forerunner-python",
        default=sys.executable,
        help="an interpreter that has torch and torchvision; without them, a is left out",
    )
    return parser.parse_args()


def forerunner(pictures: Set, options: argparse.Namespace) -> Ran:
    out = _fresh(options.work / "out-forerunner")
    script = HERE / "forerunner.py"
    return run([options.forerunner_python, script, pictures.cast, pictures.inbox, out])


def decoding(pictures: Set, how: str) -> Ran:
    return run([sys.executable, HERE / "decoding.py", how, pictures.cast, pictures.inbox])


def kyara(pictures: Set, options: argparse.Namespace) -> dict[str, Ran]:
    """c to f: two commands, each twice, the first time with an empty cache."""
    ran = {}
    for names, detector in (("cd", "none"), ("ef", "auto")):
        out = _fresh(options.work / "out-kyara")
        cache = _fresh(options.work / "cache") / "embeddings.sqlite"
        command = [sys.executable, "-m", "kyara", "sort", pictures.inbox, "--detect", detector]
        command += ["--refs", pictures.cast, "--out", out, "--plugin", options.plugin]
        # 3: in a made reference two heads may be found, and it cannot be told which is meant.
        ran |= {name: run(command, {"KYARA_CACHE": str(cache)}, (0, 3)) for name in names}
    _expect(ran["c"], f"{options.pictures} filed.")
    _expect(ran["d"], f"0 filed, {options.pictures} were there already.")
    _expect(ran["f"], "0 filed, ")
    return ran


def figures(raw: dict[str, list[float]], pictures: int) -> dict[str, object]:
    """Medians, rates and ratios of the raw seconds."""
    seconds = {name: median(values) for name, values in raw.items()}
    pairs = [("a", "c"), ("c", "b_reduced"), ("c", "b_full"), ("a", "d"), ("e", "c")]
    ratios = {
        f"{one}/{other}": round(seconds[one] / seconds[other], 2)
        for one, other in pairs
        if one in seconds and other in seconds
    }
    return {
        "median_seconds": seconds,
        "pictures_per_second": {name: round(pictures / s, 1) for name, s in seconds.items()},
        "ratios": ratios,
        "targets": TARGETS,
        "judged_by": "b_full, decoding alone; b_reduced is the stricter limit",
    }


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _inner(ran: Ran) -> float:
    return float(json.loads(ran.out.splitlines()[-1])["seconds"])


def _expect(ran: Ran, line: str) -> None:
    if line not in ran.out:
        raise SystemExit(f"expected {line!r} from kyara sort, got:\n{ran.out[-2000:]}")


if __name__ == "__main__":
    main()
