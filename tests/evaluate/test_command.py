"""`kyara evaluate` as people call it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.identify.default import JUDGES
from kyara.manifest import load_manifest
from tests.conftest import Ran, draw
from tests.identify.test_default import Worst

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

Kyara = Callable[..., Ran]


def test_how_good_is_it_on_my_characters(kyara: Kyara, cast: Path, tiny_plugin: Path) -> None:
    ran = kyara("evaluate", cast, "--plugin", tiny_plugin, "--baseline", "histogram")
    assert ran.code == 0
    assert ran.err == ""
    assert "tiny | " in ran.out
    assert "| histogram" in ran.out.replace("  ", " ")
    assert "| cast" in ran.out


def test_files_and_plots(kyara: Kyara, cast: Path, tiny_plugin: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / "out" / name for name in ("r.json", "r.md", "plots")}
    ran = kyara(
        "evaluate",
        cast,
        "--plugin",
        tiny_plugin,
        "--bootstrap",
        10,
        "--json",
        files["r.json"],
        "--markdown",
        files["r.md"],
        "--plots",
        files["plots"],
    )
    assert ran.code == 0
    report = json.loads(files["r.json"].read_text())
    assert report["data"]["name"] == "cast"
    assert report["encoders"][0]["sources"]["cast"]["retrieval"]["rank1"]["value"] == 1.0
    assert files["r.md"].read_text() == ran.out
    plots = {path.name for path in files["plots"].iterdir()}
    assert plots == {"verification-det-cast.png", "hard_pairs-det-cast.png"}


def test_the_same_seed_gives_the_same_numbers(kyara: Kyara, cast: Path, tiny_plugin: Path) -> None:
    outputs = [kyara("evaluate", cast, "--plugin", tiny_plugin).out for _ in range(2)]
    assert outputs[0] == outputs[1]


def test_calibration_is_written_into_the_manifest(
    kyara: Kyara, cast: Path, tiny_plugin: Path
) -> None:
    before = load_manifest(tiny_plugin)
    ran = kyara("evaluate", cast, "--baseline", "histogram", "--calibrate", tiny_plugin)
    assert ran.code == 0
    after = load_manifest(tiny_plugin)
    assert after.calibration is not None
    assert after.calibration.data == "cast: 9 pictures of 3 characters, 1 sources"
    assert after.calibration != before.calibration
    assert after.input == before.input
    assert "calibrated tiny" in ran.err
    # What was written is what the other commands read.
    pictures = sorted((cast / "ruby").iterdir())
    assert kyara("compare", *pictures[:2], "--plugin", tiny_plugin, "--json").json()["same"]


def test_only_some_sources(kyara: Kyara, tmp_path: Path, tiny_plugin: Path) -> None:
    rows = []
    for source in ("first", "second"):
        for name in ("ruby", "jade"):
            for pose in range(2):
                draw(tmp_path / "data" / source / f"{name}{pose}.png", name, pose)
                rows.append({"source": source, "character": name, "file": f"{name}{pose}.png"})
    with (tmp_path / "data.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["source", "character", "file"])
        writer.writeheader()
        writer.writerows(rows)
    data = tmp_path / "data.csv"
    ran = kyara("evaluate", data, "--plugin", tiny_plugin, "--source", "second")
    assert "| second" in ran.out
    assert "| first" not in ran.out
    wrong = kyara("evaluate", data, "--plugin", tiny_plugin, "--source", "third")
    assert wrong.code == 2
    assert "first, second" in wrong.err


def test_only_some_protocols(kyara: Kyara, cast: Path, tiny_plugin: Path, tmp_path: Path) -> None:
    chosen = ("--protocol", "retrieval", "--protocol", "hard_pairs", "--json", tmp_path / "r.json")
    ran = kyara("evaluate", cast, "--plugin", tiny_plugin, "--baseline", "histogram", *chosen)
    assert ran.code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert list(report["primary"]) == ["hard_pairs", "retrieval"]
    # The miner's own pairs say nothing of the miner.
    tiny, histogram = (encoder["mean"]["hard_pairs"]["hard_eer"] for encoder in report["encoders"])
    assert tiny["value"] is not None
    assert histogram["value"] is None
    ran = kyara("evaluate", cast, "--baseline", "histogram", "--miner", tiny_plugin, *chosen)
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["encoders"][0]["mean"]["hard_pairs"]["hard_eer"]["value"] is not None


def test_a_judge_is_measured(
    kyara: Kyara, cast: Path, tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JUDGES, "worst", Worst)
    call = ("evaluate", cast, "--plugin", tiny_plugin, "--judge", "worst", "--json")
    assert kyara(*call, tmp_path / "r.json").code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["primary"]["open_set"] == "dir_at_fpir_5_5_worst"
    tiers = report["encoders"][0]["mean"]["tiers"]
    assert {f"tier_1_4_{judge}" for judge in ("any", "avg", "worst")} < tiers.keys()
    assert tiers["tier_1_4_worst"]["value"] == 1.0


def test_everything_is_measured_by_default(
    kyara: Kyara, cast: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    for name in ("stranger", "ruby"):  # as many characters as clustering needs
        for pose in range(20, 23):
            draw(cast / name / f"{pose}.png", name, pose)
    ran = kyara("evaluate", cast, "--plugin", tiny_plugin, "--json", tmp_path / "r.json")
    assert ran.code == 0
    (encoder,) = json.loads((tmp_path / "r.json").read_text())["encoders"]
    primary = {"hard_eer", "eer", "rank1", "tier_1_4_avg", "b3_f", "rise_worst"}
    every = [found for part in encoder["mean"].values() for found in part.items()]
    measured = {name: metric["value"] for name, metric in every if metric["value"] is not None}
    assert measured.keys() >= primary
    assert measured["eer_grey"] > measured["eer_clean"]  # its characters are colours


def test_a_broken_picture_is_named_once(kyara: Kyara, cast: Path, tiny_plugin: Path) -> None:
    (cast / "jade" / "broken.png").write_bytes(b"no")
    ran = kyara("evaluate", cast, "--plugin", tiny_plugin, "--baseline", "histogram")
    assert ran.code == 3
    assert ran.err.count("jade/broken.png") == 1
    assert "| mean" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing"], 1, "no such data set"),
        (["CAST", "--baseline", "hog"], 2, "no baseline 'hog'"),
        (["CAST", "--protocol", "sorting"], 2, "no protocol 'sorting' (there are: verification,"),
        (["CAST", "--judge", "best"], 2, "no judge 'best' (there are: any, avg, plda)"),
        (["CAST", "--baseline", "histogram", "--judge", "plda"], 2, "no open-set judge"),
        (["CAST", "--miner", "missing"], 1, "no plugin 'missing'"),
        (["CAST", "--calibrate", "missing"], 1, "no such plugin directory"),
        (["CAST", "--plugin", "missing"], 1, "no plugin 'missing'"),
        (["CAST", "--bootstrap", "-1"], 2, "--bootstrap"),
    ],
)
def test_wrong_calls_say_so(
    kyara: Kyara, cast: Path, arguments: list[str], code: int, said: str
) -> None:
    ran = kyara("evaluate", *(str(cast) if a == "CAST" else a for a in arguments))
    assert ran.code == code
    assert said in ran.err
    assert ran.out == ""


def test_help_has_an_example(kyara: Kyara) -> None:
    ran = kyara("evaluate", "--help")
    assert ran.code == 0
    assert "kyara evaluate my-characters --baseline histogram" in ran.out
