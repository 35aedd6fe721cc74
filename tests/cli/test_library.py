"""`kyara library`: what is remembered of the files, and taken elsewhere."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from array import array
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.libraries import Kyara, by_character, sorted_as, updated
from tests.conftest import draw
from tests.support import TORN


def test_a_library_answers_as_the_folder_does(
    kyara: Kyara, library: Path, tiny_plugin: Path, inbox: Path
) -> None:
    options = ["--out", "out", "--dry-run", "--json"]
    by_folder = kyara("sort", "inbox", "--refs", "cast", "--plugin", tiny_plugin, *options)
    by_library = kyara("sort", "inbox", "--library", "cast.kyara", *options)
    assert [row["character"] for row in by_folder.rows()] == [
        row["character"] for row in by_library.rows()
    ]
    assert [row["score"] for row in by_folder.rows()] == [row["score"] for row in by_library.rows()]


def test_it_answers_without_the_pictures(kyara: Kyara, library: Path, inbox: Path) -> None:
    for path in (library.parent / "cast").rglob("*.png"):
        path.unlink()
    assert sorted_as(kyara, "--dry-run")["r1.png"] == "ruby"
    assert updated(kyara) == {"gone": 9}
    assert by_character(kyara) == {"azure": 3, "jade": 3, "ruby": 3}


def test_update_tells_what_happened_to_the_files(kyara: Kyara, library: Path) -> None:
    cast = library.parent / "cast"
    assert updated(kyara) == {"unchanged": 9}
    (cast / "ruby" / "0.png").rename(cast / "ruby" / "moved.png")
    draw(cast / "jade" / "1.png", "jade", 77)
    draw(cast / "azure" / "new.png", "azure", 78)
    (cast / "azure" / "2.png").unlink()
    found = updated(kyara)
    assert found == {"unchanged": 6, "moved": 1, "changed": 1, "new": 1, "gone": 2, "named": 2}
    assert updated(kyara) == {"unchanged": 9}
    assert by_character(kyara) == {"azure": 4, "jade": 4, "ruby": 3}


def test_a_moved_reference_keeps_its_character(kyara: Kyara, library: Path) -> None:
    (library.parent / "elsewhere").mkdir()
    (library.parent / "cast" / "ruby" / "0.png").rename(library.parent / "elsewhere" / "x.png")
    added = kyara("library", "add", "cast.kyara", "elsewhere", "--json").json()
    assert (added["moved"], added["gone"], added["named"]) == (1, 1, 0)
    assert by_character(kyara)["ruby"] == 3


def test_a_folder_that_is_missing_as_a_whole_is_not_gone(kyara: Kyara, library: Path) -> None:
    (library.parent / "cast").rename(library.parent / "unplugged")
    found = updated(kyara, code=3)
    assert list(found) == ["skipped"]
    (library.parent / "unplugged").rename(library.parent / "cast")
    assert updated(kyara) == {"unchanged": 9}


def test_a_file_on_a_disk_that_is_not_connected_is_not_gone(kyara: Kyara, library: Path) -> None:
    draw(library.parent / "disk" / "x.png", "ruby", 70)
    kyara("library", "add", "cast.kyara", "disk/x.png")
    (library.parent / "disk").rename(library.parent / "unplugged")
    assert set(updated(kyara, code=3)) == {"unchanged", "skipped"}


def test_a_bad_picture_stops_none_of_the_others(kyara: Kyara, library: Path) -> None:
    (library.parent / "cast" / "ruby" / "torn.png").write_bytes(TORN)
    draw(library.parent / "cast" / "ruby" / "good.png", "ruby", 7)
    ran = kyara("library", "update", "cast.kyara")
    assert ran.code == 3
    assert "torn.png" in ran.err
    assert "1 new" in ran.out


def test_a_library_whose_model_is_gone_says_how_to_go_on(
    kyara: Kyara, library: Path, tiny_plugin: Path
) -> None:
    moved = tiny_plugin.rename(tiny_plugin.with_name("moved"))
    ran = kyara("sort", "inbox", "--library", "cast.kyara", "--out", "out")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "cast.kyara: its model" in ran.err
    assert "is not here" in ran.err
    assert "--re-embed --plugin NAME" in ran.err
    assert kyara("library", "update", "cast.kyara", "--re-embed", "--plugin", moved).code == 0
    assert kyara("library", "info", "cast.kyara", "--json").json()["plugin"] == str(moved)


def test_a_library_of_another_model_is_refused(
    kyara: Kyara, library: Path, tiny_plugin: Path, inbox: Path
) -> None:
    toml = tiny_plugin / "plugin.toml"
    toml.write_text(toml.read_text().replace('version = "1"', 'version = "2"'))
    ran = kyara("sort", "inbox", "--library", "cast.kyara", "--out", "out")
    assert ran.code == 2
    assert "--re-embed" in ran.err
    assert updated(kyara, "--re-embed") == {"unchanged": 9, "embedded": 9}
    assert sorted_as(kyara, "--dry-run")["r1.png"] == "ruby"


def test_a_picture_in_two_folders_is_named(kyara: Kyara, library: Path) -> None:
    shutil.copy("cast/ruby/0.png", "cast/jade/twin.png")
    ran = kyara("library", "add", "cast.kyara", "cast", "--cast")
    assert ran.code == 3
    assert "twin.png: it is a reference of 'ruby' already" in ran.err
    assert by_character(kyara) == {"azure": 3, "jade": 3, "ruby": 3}
    (places,) = kyara("library", "check", "cast.kyara", "--json").json()["contradicted"]
    assert {name: Path(path).name for name, path in places.items()} == {
        "ruby": "0.png",
        "jade": "twin.png",
    }
    assert "one picture in the folders of several" in kyara("library", "check", "cast.kyara").out
    Path("cast/ruby/0.png").unlink()  # it was wrong there
    updated(kyara, "--read-all")
    assert kyara("library", "add", "cast.kyara", "cast", "--cast").code == 0
    assert kyara("library", "check", "cast.kyara", "--json").json()["contradicted"] == []


def test_a_folder_in_a_cast_that_was_removed_stays_away_from_updates(
    kyara: Kyara, library: Path
) -> None:
    assert kyara("library", "remove", "cast.kyara", "cast/ruby").code == 0
    updated(kyara)
    assert by_character(kyara)["ruby"] == 0
    assert kyara("library", "add", "cast.kyara", "cast", "--cast").code == 0
    assert by_character(kyara)["ruby"] == 3


def test_what_never_had_a_file_is_not_gone(kyara: Kyara, library: Path, tiny_plugin: Path) -> None:
    kyara("library", "export", "cast.kyara", "cast.zip")
    kyara("library", "create", "new.kyara", "--plugin", tiny_plugin)
    kyara("library", "import", "new.kyara", "cast.zip")
    assert kyara("library", "remove", "new.kyara", "--gone", "--json").json() == {"removed": 0}
    assert kyara("library", "info", "new.kyara", "--json").json()["references"] == 9
    assert kyara("library", "check", "new.kyara", "--json").json()["gone"] == []


def test_an_empty_folder_where_there_was_a_full_one_is_a_disk_that_is_away(
    kyara: Kyara, library: Path
) -> None:
    Path("cast").rename("disk")
    Path("cast").mkdir()
    ran = kyara("library", "update", "cast.kyara")
    assert ran.code == 3
    assert "it is not there, or empty" in ran.err
    assert kyara("library", "remove", "cast.kyara", "--gone", "--json").json() == {"removed": 0}
    Path("cast").rmdir()
    Path("disk").rename("cast")
    assert updated(kyara) == {"unchanged": 9}


def test_errors_are_one_line(kyara: Kyara, library: Path) -> None:
    for arguments, words in [
        (("library", "info", "nowhere.kyara"), "there is no such library"),
        (("library", "info", "cast"), "this is a folder"),
        (("library", "info", "cast/ruby/0.png"), "not a library"),
        (("library", "create", "cast.kyara"), "exists"),
        (("decide", "reject", "cast/ruby/0.png", "--character", "nobody"), "no character"),
        (("decide", "ignore", "nowhere.png"), "there is no such picture"),
        (("decide", "undo", "99"), "no decision 99"),
        (("sort", "cast", "--library", "nowhere.kyara", "--out", "o"), "no such library"),
    ]:
        ran = kyara(*arguments)
        assert ran.code in (1, 2), arguments
        assert words in ran.err, arguments
        assert "Traceback" not in ran.err


def test_check_tells_what_deserves_a_look(kyara: Kyara, library: Path) -> None:
    healthy = kyara("library", "check", "cast.kyara", "--json")
    nothing = {"problems": [], "gone": [], "missing": [], "weak": {}, "contradicted": []}
    assert healthy.json() == nothing
    (library.parent / "cast" / "ruby" / "0.png").unlink()
    updated(kyara)
    kyara("decide", "ignore", "cast/jade/0.png")
    found = kyara("library", "check", "cast.kyara", "--json")
    assert found.code == 0
    assert found.json()["weak"] == {"jade": 2}
    assert [Path(path).name for path in found.json()["gone"]] == ["0.png"]


def test_check_finds_what_was_tampered_with(kyara: Kyara, library: Path) -> None:
    with closing(sqlite3.connect(library)) as database, database:
        database.execute("UPDATE said SET character = (SELECT MIN(id) FROM characters)")
        database.execute("UPDATE embeddings SET vector = x'00' WHERE detection = 1")
    found = kyara("library", "check", "cast.kyara")
    assert found.code == 1
    assert "said does not hold what was decided" in found.out
    assert "detection 1 has the wrong length" in found.out


def test_an_export_answers_elsewhere(
    kyara: Kyara, library: Path, tiny_plugin: Path, inbox: Path
) -> None:
    expected = sorted_as(kyara, "--dry-run")
    assert kyara("library", "export", "cast.kyara", "cast.zip").code == 0
    assert kyara("library", "export", "cast.kyara", "cast.zip").code == 2
    with zipfile.ZipFile("cast.zip") as archive:
        names = set(archive.namelist())
        assert str(library.parent) not in archive.read("references.json").decode()
    assert {"references.json", "embeddings.npy"} < names
    assert len([name for name in names if name.endswith(".webp")]) == 9
    shutil.rmtree("cast")
    library.unlink()
    kyara("library", "create", "cast.kyara", "--plugin", tiny_plugin)
    imported = kyara("library", "import", "cast.kyara", "cast.zip", "--json")
    assert imported.json() == {"references": 9, "named": 9}
    assert sorted_as(kyara, "--dry-run") == expected
    again = kyara("library", "import", "cast.kyara", "cast.zip", "--json")
    assert again.json() == {"references": 9, "named": 0}
    assert kyara("library", "check", "cast.kyara").code == 0


@pytest.mark.parametrize("member", ["references.json", "embeddings.npy"])
def test_a_damaged_export_is_one_line(kyara: Kyara, library: Path, member: str) -> None:
    kyara("library", "export", "cast.kyara", "cast.zip")
    with zipfile.ZipFile("cast.zip") as whole, zipfile.ZipFile("bad.zip", "w") as bad:
        for name in whole.namelist():
            bad.writestr(name, b"garbage" if name == member else whole.read(name))
    ran = kyara("library", "import", "cast.kyara", "bad.zip")
    assert ran.code == 1
    assert "not an export" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_compare_with_the_references_of_a_character(
    kyara: Kyara, library: Path, inbox: Path
) -> None:
    shutil.rmtree("cast")
    arguments = ["compare", "inbox/r1.png", "--library", "cast.kyara", "--character"]
    same, other = (kyara(*arguments, name, "--json").json() for name in ("ruby", "jade"))
    assert len(same["pictures"]) == len(other["pictures"]) == 4
    assert min(same["scores"][0][1:]) > max(other["scores"][0][1:])
    assert kyara(*arguments, "nobody").code == 2
    assert kyara("compare", "inbox/r1.png", "--character", "ruby").code == 2


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (float("nan"), "holds what is no number"),
        (float("inf"), "holds what is no number"),
        (0.0, "is zero"),
        (1e30, "has numbers that no model gives"),
    ],
)
def test_check_finds_numbers_that_are_none(
    kyara: Kyara, library: Path, number: float, said: str
) -> None:
    with closing(sqlite3.connect(library)) as database, database:
        vector = array("f", [number] * 48).tobytes()
        database.execute("UPDATE embeddings SET vector = ? WHERE detection = 1", (vector,))
    found = kyara("library", "check", "cast.kyara")
    assert (found.code, f"detection 1 {said}" in found.out) == (1, True)
    if said == "holds what is no number":
        ran = kyara("identify", "inbox/r1.png", "--library", "cast.kyara")
        assert (ran.code, ran.err.count("\n")) == (1, 1)
        assert "kyara library check" in ran.err


@pytest.mark.parametrize("member", ["references.json", "embeddings.npy"])
def test_an_export_that_unpacks_to_more_than_it_can_mean(
    kyara: Kyara, library: Path, member: str
) -> None:
    assert kyara("library", "export", "cast.kyara", "cast.zip").code == 0
    with zipfile.ZipFile("cast.zip") as archive:
        contents = {name: archive.read(name) for name in ("references.json", "embeddings.npy")}
    contents[member] += b" " * (1 << 20) * (257 if member == "references.json" else 1)
    with zipfile.ZipFile("bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    ran = kyara("library", "import", "cast.kyara", "bad.zip")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert f"{member} is too long" in ran.err
