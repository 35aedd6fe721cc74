"""`kyara calibrate`: the thresholds of one's own gallery, and what it says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kyara.identify.default import judge_named
from kyara.identify.gallery import Gallery
from kyara.identify.own import calibrate_own
from kyara.plugins.discover import open_encoder
from kyara.types import normalised
from tests.conftest import Ran

Kyara = Callable[..., Ran]


def test_it_says_how_often_it_is_wrong(kyara: Kyara, cast: Path, tiny_plugin: Path) -> None:
    ran = kyara("calibrate", cast, "--plugin", tiny_plugin)
    assert ran.code == 0
    assert "9 references of 3 characters" in ran.out
    # Red, green and blue are told apart without fail.
    assert "--at-fpr 5%: of 100 pictures of your characters, about 100 get the right" in ran.out
    assert "rough guesses" in ran.out


def test_sort_takes_what_it_wrote(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cast.json"
    ran = kyara("calibrate", cast, "--plugin", tiny_plugin, "--out", out, "--mode", "avg", "--json")
    assert ran.json() == json.loads(out.read_text())
    call = ["sort", inbox, "--refs", cast, "--out", tmp_path / "out", "--plugin", tiny_plugin]
    call += ["--dry-run", "--json"]
    rows = kyara(*call, "--calibration", out, "--at-fpr", "1%").rows()
    names = {Path(row["path"]).name: row["character"] for row in rows}
    assert names["r1.png"] == "ruby"
    assert names["a1.png"] == "azure"
    by_threshold = kyara(*call, "--mode", "avg", "--threshold", ran.json()["at_1"]["threshold"])
    assert rows == by_threshold.rows()
    wrong = kyara(*call, "--calibration", out, "--mode", "any")
    assert wrong.code == 2
    assert "calibrated for --mode avg" in wrong.err


def test_a_library_stands_for_its_references(
    kyara: Kyara, cast: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    library = tmp_path / "cast.kyara"
    assert kyara("library", "create", library, "--plugin", tiny_plugin).code == 0
    assert kyara("library", "add", library, cast, "--cast").code == 0
    of_library = kyara("calibrate", "--library", library, "--json").json()
    assert of_library == kyara("calibrate", cast, "--plugin", tiny_plugin, "--json").json()
    assert kyara("calibrate").code == 2


def test_other_models_and_files_are_refused(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cast.json"
    kyara("calibrate", cast, "--plugin", tiny_plugin, "--out", out)
    call = ["sort", inbox, "--refs", cast, "--out", tmp_path / "out", "--plugin", tiny_plugin]
    (tiny_plugin / "more.py").write_text("")  # another encoder now
    other = kyara(*call, "--calibration", out)
    assert (other.code, "run kyara calibrate again" in other.err) == (2, True)
    out.write_text("{}")
    assert "not a calibration" in kyara(*call, "--calibration", out).err
    assert kyara(*call, "--calibration", tmp_path / "none.json").code == 1


def test_too_few_references_say_so(kyara: Kyara, cast: Path, tiny_plugin: Path) -> None:
    for path in [*cast.glob("*/1.png"), *cast.glob("*/2.png")]:
        path.unlink()
    ran = kyara("calibrate", cast, "--plugin", tiny_plugin)
    assert ran.code == 2
    assert "too few references" in ran.err


@pytest.mark.parametrize("how", ["any", "avg"])
def test_the_shares_are_those_of_the_references(tiny_plugin: Path, how: str) -> None:
    encoder = open_encoder(str(tiny_plugin))
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 48))
    references = [
        (f"{c:02}", Path(f"{c}-{n}"), row)
        for c in range(30)
        for n, row in enumerate(
            normalised((centres[c] + 1.2 * rng.normal(size=(4, 48))).astype(np.float32))
        )
    ]
    own = calibrate_own(Gallery.build(encoder.id, references), judge_named(encoder, how))
    for rate, point in ((0.01, own.at_1), (0.05, own.at_5), (0.1, own.at_10)):
        # Two references that are most like each other tie.
        assert rate - 2 / 120 < point.strangers_named <= rate
        assert point.right + point.wrong + point.unknown == pytest.approx(1, abs=1e-3)
    assert own.at_1.right <= own.at_5.right <= own.at_10.right
    assert own.thresholds.at(0.01) > own.thresholds.at(0.03) > own.thresholds.at(0.1)
    assert own.asked == own.references == 120


def test_another_cast_is_named(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cast.json"
    kyara("calibrate", cast, "--plugin", tiny_plugin, "--out", out)
    for command in ("sort", "identify"):
        call = [command, inbox, "--refs", cast, "--plugin", tiny_plugin, "--calibration", out]
        call += ["--json", *(["--out", tmp_path / "out"] if command == "sort" else [])]
        assert "kyara calibrate" not in kyara(*call).err
        (cast / "ruby" / "2.png").rename(tmp_path / "2.png")
        assert "before references were added or removed: run kyara calib" in kyara(*call).err
        (cast / "ruby").rename(cast / "rubin")
        assert "of other characters: run kyara calibrate again" in kyara(*call).err
        (cast / "rubin").rename(cast / "ruby")
        (tmp_path / "2.png").rename(cast / "ruby" / "2.png")


def test_a_threshold_is_a_number(kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path) -> None:
    call = ["identify", inbox, "--refs", cast, "--plugin", tiny_plugin, "--csv", "--threshold"]
    assert "a threshold must be a number" in kyara(*call, "nan").err
    assert kyara(*call, "nan").code == 2
    assert kyara(*call, "0.5").err == ""  # the scale is that without it
