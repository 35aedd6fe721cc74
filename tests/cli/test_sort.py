"""`kyara sort`: what is filed where, and what it says of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.library.cast import read_cast
from kyara.names import check_name
from tests.conftest import Ran, draw
from tests.support import TORN, files, noise, tree

SORTED = {
    *("ruby/r1.png", "ruby/r2.jpg", "jade/j1.png", "jade/j2.jpg"),
    *("azure/a1.png", "azure/a2.jpg", "unknown/who.png"),
}
COLUMNS = ["path", "character", "score", "probability", "runner_up", "runner_up_score"]
COLUMNS += ["nearest", "target", "done", "error", "detection", "kind"]
LAST = ["perhaps", "said_by"]
EDGES = ["left", "top", "right", "bottom"]
Sort = Callable[..., Ran]


@pytest.fixture
def sort(
    kyara: Callable[..., Ran],
    tiny_plugin: Path,
    cast: Path,
    inbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Sort:
    """`kyara sort inbox --refs cast --out out` with more options."""
    monkeypatch.chdir(tmp_path)

    def call(*options: object, inbox: object = "inbox", cast: object = "cast") -> Ran:
        arguments = ["sort", inbox, "--refs", cast, "--out", "out", "--plugin", tiny_plugin]
        return kyara(*arguments, *options)

    return call


def test_copies_to_a_folder_per_character(sort: Sort, tmp_path: Path) -> None:
    before = tree(tmp_path / "inbox", tmp_path / "cast")
    ran = sort()
    assert (ran.code, ran.err) == (0, "")
    assert files(tmp_path / "out") == SORTED
    assert tree(tmp_path / "inbox", tmp_path / "cast") == before
    for name in SORTED:
        (source,) = (tmp_path / "inbox").rglob(Path(name).name)
        assert source.read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert ran.out.endswith("7 filed.\n")


def test_running_it_twice_changes_nothing(sort: Sort, tmp_path: Path) -> None:
    sort()
    before = tree(tmp_path)
    ran = sort("--json")
    assert ran.code == 0
    assert [row["done"] for row in ran.rows()] == ["there"] * 7
    assert ran.err == "Nothing to do: 0 filed, 7 were there already.\n"
    assert tree(tmp_path) == before


def test_a_dry_run_touches_nothing_and_says_what_would_be(sort: Sort, tmp_path: Path) -> None:
    before = tree(tmp_path)
    dry = sort("--dry-run", "--json")
    assert dry.code == 0
    assert tree(tmp_path) == before
    assert "7 would be filed" in dry.err
    assert dry.rows() == sort("--json").rows()


def test_moving_empties_the_inbox(sort: Sort, tmp_path: Path) -> None:
    contents = {p.name: p.read_bytes() for p in (tmp_path / "inbox").rglob("*.*")}
    assert sort("--move").code == 0
    assert files(tmp_path / "inbox") == set()
    out = tmp_path / "out"
    assert {Path(name).name: (out / name).read_bytes() for name in files(out)} == contents


def test_linking_takes_no_space(sort: Sort, tmp_path: Path) -> None:
    assert sort("--link").code == 0
    for name in SORTED:
        (source,) = (tmp_path / "inbox").rglob(Path(name).name)
        assert source.stat().st_ino == (tmp_path / "out" / name).stat().st_ino
    again = sort("--link", "--json")
    assert [row["done"] for row in again.rows()] == ["there"] * 7


def test_rows_as_json(sort: Sort, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "torn.png").write_bytes(TORN)
    ran = sort("--json")
    rows = {row["path"]: row for row in ran.rows()}
    assert all(list(row) == [*COLUMNS, "box", *LAST] for row in rows.values())
    ruby = rows["inbox/r1.png"]
    assert (ruby["character"], ruby["done"], ruby["error"]) == ("ruby", "new", None)
    assert ruby["target"] == "out/ruby/r1.png"
    assert ruby["nearest"] in {f"cast/ruby/{n}.png" for n in range(3)}
    assert ruby["runner_up"] in ("jade", "azure")
    assert ruby["score"] > ruby["runner_up_score"]
    assert 0.5 < ruby["probability"] <= 1
    stranger = rows["inbox/who.png"]
    assert stranger["character"] == "unknown"
    assert stranger["nearest"] is not None
    torn = rows["inbox/torn.png"]
    assert torn == {
        **dict.fromkeys([*COLUMNS, "box", *LAST]),
        "path": "inbox/torn.png",
        "error": torn["error"],
    }
    assert torn["error"]


def test_rows_as_csv_say_the_same(sort: Sort) -> None:
    as_csv = sort("--dry-run", "--csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.out, newline="")))
    expected = sort("--dry-run", "--json").rows()
    assert as_csv.out.splitlines()[0].split(",") == [*COLUMNS, *EDGES, *LAST]
    for row in expected:
        row |= dict(zip(EDGES, row.pop("box"), strict=True))
    assert rows == [
        {column: "" if value is None else str(value) for column, value in row.items()}
        for row in expected
    ]


def test_the_table_names_every_picture_and_counts_each_character(sort: Sort) -> None:
    lines = [line.split() for line in sort().out.splitlines()]
    assert ["inbox/r1.png", "ruby"] in [words[:2] for words in lines]
    assert ["inbox/who.png", "unknown"] in [words[:2] for words in lines]
    for name, count in (("ruby", "2"), ("jade", "2"), ("azure", "2"), ("unknown", "1")):
        assert [name, count] in [words[:2] for words in lines]


def test_avg_and_any_may_disagree(sort: Sort, tmp_path: Path) -> None:
    """One odd reference among jade's looks like ruby: it wins for `any`, not for `avg`."""
    picture = draw(tmp_path / "inbox" / "x.png", "ruby", 30)
    for other in (tmp_path / "inbox").rglob("*.*"):
        if other != picture:
            other.unlink()
    (tmp_path / "cast" / "jade" / "odd.png").write_bytes(picture.read_bytes())
    for mode, character in (("any", "jade"), ("avg", "ruby")):
        (row,) = sort("--dry-run", "--json", "--mode", mode).rows()
        assert row["character"] == character


@pytest.mark.parametrize(
    ("options", "strangers"),
    [(["--threshold", "2"], 7), (["--threshold", "-1"], 0), (["--always-name"], 0), ([], 1)],
)
def test_the_threshold_decides_who_is_unknown(
    sort: Sort, options: list[str], strangers: int
) -> None:
    rows = sort("--dry-run", "--json", *options).rows()
    assert sum(row["character"] == "unknown" for row in rows) == strangers


def test_a_model_without_calibration_always_names(sort: Sort, tiny_plugin: Path) -> None:
    manifest = tiny_plugin / "plugin.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text[: text.index("[calibration]")], encoding="utf-8")
    ran = sort("--json")
    assert ran.code == 0
    assert all(row["character"] != "unknown" for row in ran.rows())
    assert all(row["probability"] is None for row in ran.rows())
    assert sort("--dry-run").code == 0


def test_one_bad_picture_never_stops_the_others(sort: Sort, tmp_path: Path) -> None:
    bad = {"torn.png": TORN, "empty.jpg": b"", "more/cut.png": b"\x89PNG\r\n\x1a\n"}
    for name, data in bad.items():
        (tmp_path / "inbox" / name).write_bytes(data)
    (tmp_path / "cast" / "ruby" / "torn.png").write_bytes(TORN)
    ran = sort()
    assert ran.code == 3
    assert files(tmp_path / "out") == SORTED
    for name in [*(f"inbox/{name}" for name in bad), "cast/ruby/torn.png"]:
        assert len([line for line in ran.err.splitlines() if f"skipped {name}: " in line]) == 1
    assert ran.err.splitlines()[-1] == "kyara: 4 of 11 were skipped"


def test_an_inbox_of_bad_pictures_only(sort: Sort, tmp_path: Path) -> None:
    for path in (tmp_path / "inbox").rglob("*.*"):
        path.write_bytes(TORN)
    ran = sort("--json")
    assert ran.code == 3
    assert not (tmp_path / "out").exists()
    assert len(ran.rows()) == 7


def test_pictures_of_the_same_name_never_overwrite_each_other(sort: Sort, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for path in inbox.rglob("*.*"):
        path.unlink()
    for n in range(3):
        draw(inbox / str(n) / "page.png", "ruby", 20 + n)
    draw(inbox / "case" / "PAGE.PNG", "ruby", 23)
    (inbox / "twin").mkdir()
    (inbox / "twin" / "page.png").write_bytes((inbox / "0" / "page.png").read_bytes())
    foreign = noise(tmp_path / "out" / "ruby" / "page.png", side=8).read_bytes()
    contents = {path.read_bytes() for path in inbox.rglob("*.*")}
    rows = sort("--json").rows()
    assert sorted(row["done"] for row in rows) == ["new"] * 4 + ["there"]
    assert (tmp_path / "out" / "ruby" / "page.png").read_bytes() == foreign
    filed = [path.read_bytes() for path in (tmp_path / "out" / "ruby").iterdir()]
    assert set(filed) == contents | {foreign}
    assert len(filed) == 5
    before = tree(tmp_path)
    assert {row["done"] for row in sort("--json").rows()} == {"there"}
    assert tree(tmp_path) == before


def test_results_and_references_within_the_inbox_are_not_sorted(
    kyara: Callable[..., Ran], sort: Sort, tmp_path: Path, tiny_plugin: Path
) -> None:
    inbox = tmp_path / "inbox"
    (tmp_path / "cast").rename(inbox / "cast")
    arguments = ["sort", inbox, "--refs", inbox / "cast", "--out", inbox / "sorted"]
    for _ in range(2):
        ran = kyara(*arguments, "--plugin", tiny_plugin, "--json")
        assert len(ran.rows()) == 7
        assert files(inbox / "sorted") == SORTED


def test_a_cast_in_json_relative_to_here_and_to_the_file(sort: Sort, tmp_path: Path) -> None:
    (tmp_path / "refs").mkdir()
    (tmp_path / "cast" / "jade").rename(tmp_path / "refs" / "jade")
    listed = {"Ruby": "cast/ruby", "Jade": "jade", "Azure": str(tmp_path / "cast" / "azure")}
    (tmp_path / "refs" / "cast.json").write_text(json.dumps(listed))
    ran = sort(cast="refs/cast.json")
    assert ran.code == 0
    folders = {Path(name).parts[0] for name in files(tmp_path / "out")}
    assert folders == {"Ruby", "Jade", "Azure", "unknown"}


@pytest.mark.parametrize("name", ["..", "a/../b", "/tmp/x", "unknown", ""])
def test_names_that_would_lead_elsewhere_are_refused(sort: Sort, tmp_path: Path, name: str) -> None:
    (tmp_path / "cast.json").write_text(json.dumps({name: "cast/ruby"}))
    before = tree(tmp_path)
    ran = sort(cast="cast.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("kyara: cast.json: ")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("options", [["--dry-run"], []])
def test_a_character_without_a_usable_picture_is_an_error_first(
    sort: Sort, tmp_path: Path, options: list[str]
) -> None:
    for path in (tmp_path / "cast").glob("*/*"):
        path.write_bytes(TORN)
    before = tree(tmp_path)
    ran = sort(*options)
    assert (ran.code, ran.out) == (2, "")
    assert "the character 'azure' has no usable picture" in ran.err
    assert tree(tmp_path) == before


def test_a_character_without_a_picture_is_named_and_the_others_are_used(
    sort: Sort, tmp_path: Path
) -> None:
    (tmp_path / "cast" / "empty").mkdir()
    ran = sort()
    assert ran.code == 3
    assert "the character 'empty' has no usable picture" in ran.err
    assert "7 filed" in ran.out


NAMES = ["Re:Zero", "CON", "aux.txt", "what?", "dots. ", ".kyara", "Fate/stay night", "x" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_any_text_is_a_name_and_its_folder_is_one_on_every_system(
    sort: Sort, tmp_path: Path, name: str
) -> None:
    (tmp_path / "cast.json").write_text(json.dumps({name: "cast/ruby", "jade": "cast/jade"}))
    rows = sort("--json", cast="cast.json").rows()
    (row,) = (row for row in rows if row["path"].endswith("r1.png"))
    assert row["character"] == name
    folder = Path(row["target"]).parent.name
    check_name(folder)
    assert {Path(n).parts[0] for n in files(tmp_path / "out")} >= {folder, "jade"}
    again = sort("--json", cast="cast.json")
    assert {row["done"] for row in again.rows()} == {"there"}
    if len(name) < 200:  # and read back, it is the name again
        (tmp_path / "next").mkdir()
        (tmp_path / "out" / folder).rename(tmp_path / "next" / folder)
        assert [character.name for character in read_cast(tmp_path / "next")] == [name]


def test_many_pictures_are_counted_not_listed(sort: Sort, tmp_path: Path) -> None:
    for n in range(61):
        draw(tmp_path / "inbox" / f"many{n}.png", "ruby", n)
    ran = sort("--dry-run")
    assert "many3.png" not in ran.out
    assert "rows are not listed; --csv or --json has them" in ran.err
    assert ["ruby", "63"] in [line.split()[:2] for line in ran.out.splitlines()]
