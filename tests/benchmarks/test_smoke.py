"""Every benchmark runs, with a few tiny pictures: the figures mean nothing, the fields do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # each starts several processes and measures them

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, work: Path, *options: str) -> dict[str, Any]:
    out = work / "report.json"
    command = [sys.executable, BENCHMARKS / script, "--out", out, "--work", work]
    ended = subprocess.run(
        [*command, "--scale", "0.01", "--repeats", "1", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert ended.returncode == 0, ended.stderr
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert report["machine"]["cores"] >= 1
    return report


@pytest.fixture
def sorted_report(tmp_path: Path) -> dict[str, Any]:
    return run(
        *("sort.py", tmp_path), *("--pictures", "8", "--characters", "2", "--references", "2")
    )


def test_sort(sorted_report: dict[str, Any]) -> None:
    assert {"b_full", "b_reduced", "c", "d", "e", "f"} <= set(sorted_report["median_seconds"])
    assert sorted_report["pictures"]["pictures_with_references"] == 12
    assert sorted_report["ratios"]["c/b_reduced"] > 0


@pytest.mark.train
def test_sort_in_the_way_of_the_forerunner(sorted_report: dict[str, Any]) -> None:
    if not (find_spec("torch") and find_spec("torchvision")):
        pytest.skip("needs the extra `train` (torch)")
    assert sorted_report["ratios"]["a/c"] > 0
    assert sorted_report["median_seconds"]["a"] > 0


def test_review(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="needs the extra `web`")
    report = run("review.py", tmp_path, "--pictures", "60", "--characters", "5")
    assert {"first_page", "queue_after_a_decision"} <= set(report["median_seconds"])


def test_memory(tmp_path: Path) -> None:
    report = run("memory.py", tmp_path, "--few", "4", "--many", "8", "--characters", "2")
    assert report["peak_mib"]["8"] > 10
    assert 0.5 < report["growth"] < 2


def test_references(tmp_path: Path) -> None:
    report = run("references.py", tmp_path, "--characters", "2", "--references", "3")
    assert set(report["median_seconds"]) == {"cold", "again"}


def test_decoders(tmp_path: Path) -> None:
    report = run("decoders.py", tmp_path, "--pictures", "10")
    pillow = report["pictures_per_second"]["pillow"]
    assert {"JPEG", "PNG", "WEBP", "whole mix"} <= set(pillow)
    broken = report["broken_and_unusual"]["pillow"]
    assert all(broken[name].startswith("error") for name in broken if "cut in half" in name)


def test_search(tmp_path: Path) -> None:
    report = run("search.py", tmp_path, "--references", "3", "--probes", "20")
    assert report["gallery"]["references"] == 300
    assert report["right"]["kyara_any"] > 0.9
    assert report["right"]["kyara_avg"] > 0.9
    assert report["median_seconds"]["kyara_any"] > 0


def test_adapt(tmp_path: Path) -> None:
    report = run("adapt.py", tmp_path, "--pictures", "5000", "--characters", "600")
    assert set(report["median_seconds"]) == set(report["median_cpu_seconds"])
    assert report["median_seconds"]["at_fpr"] > 0


def test_the_same_seed_gives_the_same_pictures(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from made_pictures import Recipe, make_set;"
        "made = make_set(Path(sys.argv[1]), Recipe(6, 1, 1, scale=0.01));"
        "print([hash(path.read_bytes()) for path in made.files()])"
    )
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS), "PYTHONHASHSEED": "0"}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout
        for name in ("one", "two")
    )
    assert first == second
    assert len(json.loads(first)) == 7


def test_update(tmp_path: Path) -> None:
    report = run("update.py", tmp_path, "--pictures", "8")
    assert report["pictures"]["count"] == 8
    assert '"unchanged": 8' in report["last_answer"]


def test_group(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs the extra `evaluate`")
    measured = run("group.py", tmp_path)["measured"]
    assert {"kyara 500", "kyara 200", "linkage 200", "hdbscan 200"} == set(measured)
    assert all(one["peak_mib"] > 10 for one in measured.values())


@pytest.mark.scale
def test_scale_search(tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra `scale`")
    pytest.importorskip("usearch", reason="needs the extra `index`")
    report = run("scale_search.py", tmp_path, "--references", "100000", "--probes", "20")
    ways = report["measured"]["1000"]
    assert {"made", "matrix", "lance", "usearch"} == set(ways)
    assert ways["lance"]["recall_at_10"] > 0.9
    assert ways["usearch"]["recall_at_10"] > 0.9
    assert list((tmp_path / "1000").glob("*")) == []


@pytest.mark.scale
def test_scale_embed(tmp_path: Path) -> None:
    if not all(map(find_spec, ("lance", "ray"))):
        pytest.skip("needs the extra `scale`")
    report = run("scale_embed.py", tmp_path, "--pictures", "8")
    for kind in ("seconds", "cpu_seconds"):
        names = {"local 1", "ray 1", "local 2", "ray 2"}
        assert set(report[kind]["pictures_per_second"]) == names
        assert set(report[kind]["overhead"]) == {"1", "2"}


@pytest.mark.scale
def test_scale_answers(tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra `scale`")
    report = run("scale_answers.py", tmp_path, "--pictures", "20")
    assert report["references"] == 1000
    assert report["same_answer"] > 0.9
    assert list(tmp_path.glob("*.lance*")) == []
