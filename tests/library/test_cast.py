"""A folder per character, or a list of such folders, and what a cast must not be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kyara.errors import UsageError
from kyara.library.cast import CharacterFolder, character_in, folders_in, read_cast, remarks_on
from tests.conftest import draw


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_folder_with_a_folder_per_character(cast: Path) -> None:
    (cast / ".git").mkdir()
    (cast / "readme.txt").write_text("not a character")
    assert read_cast(cast) == [
        CharacterFolder(name, cast / name) for name in ("azure", "jade", "ruby")
    ]


def test_names_may_hold_anything_that_a_folder_may(tmp_path: Path) -> None:
    names = ["Yang Wen-li", "レイ", "new\nline", os.fsdecode(b"\xff"), "a.b", "  x"]
    for name in names:
        (tmp_path / name).mkdir()
    assert {character.name for character in read_cast(tmp_path)} == set(names)


def test_json_folders_are_relative_to_the_working_directory_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("here", "elsewhere"):
        (tmp_path / place / "refs" / "ruby").mkdir(parents=True)
    (tmp_path / "elsewhere" / "refs" / "jade").mkdir()
    path = write_json(
        tmp_path / "elsewhere" / "cast.json", {"Ruby": "refs/ruby", "Jade": "refs/jade"}
    )
    monkeypatch.chdir(tmp_path / "here")
    ruby, jade = read_cast(path)
    assert ruby == CharacterFolder("Ruby", Path("refs/ruby"))
    assert jade == CharacterFolder("Jade", tmp_path / "elsewhere" / "refs" / "jade")


def test_json_folders_may_be_absolute(tmp_path: Path, cast: Path) -> None:
    path = write_json(tmp_path / "cast.json", {"Ruby": str(cast / "ruby")})
    assert read_cast(path) == [CharacterFolder("Ruby", cast / "ruby")]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"x"', "1", "null", '{"a": 1}', '{"a": ["x"]}', "\ufeff{}", "\xff"]
)
def test_files_that_are_no_cast_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "cast.json").write_bytes(content.encode("latin-1", "ignore"))
    with pytest.raises(UsageError, match=r"cast\.json: .*characters") as raised:
        read_cast(tmp_path / "cast.json")
    assert str(raised.value).isprintable()


def test_json_may_begin_with_the_mark_that_windows_writes(tmp_path: Path, cast: Path) -> None:
    text = json.dumps({"Ruby": str(cast / "ruby")})
    (tmp_path / "cast.json").write_text(text, encoding="utf-8-sig")
    assert [character.name for character in read_cast(tmp_path / "cast.json")] == ["Ruby"]


def test_a_folder_of_json_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_json(tmp_path / "cast.json", {"Ruby": "gone"})
    with pytest.raises(UsageError, match=r"no folder 'gone' for 'Ruby'"):
        read_cast(path)


@pytest.mark.parametrize("name", ["..", ".", "a/../b", "/etc", "a\\b", "", "  ", "unknown", "a\0b"])
def test_names_that_cannot_be_folders_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "refs").mkdir()
    path = write_json(tmp_path / "cast.json", {name: str(tmp_path / "refs")})
    with pytest.raises(UsageError, match="cannot be"):
        read_cast(path)


@pytest.mark.parametrize("name", ["unknown", "Unknown"])
def test_a_folder_of_nobody_known_is_passed_over(cast: Path, name: str) -> None:
    (cast / name).mkdir()
    assert [character.name for character in read_cast(cast)] == ["azure", "jade", "ruby"]
    assert character_in(cast, cast / name / "a.png") is None
    assert remarks_on(cast) == [f"{name}: of nobody known, so not used"]


def test_a_decomposed_name_is_the_composed_one(tmp_path: Path) -> None:
    (tmp_path / "Jose\u0301").mkdir()
    assert [character.name for character in read_cast(tmp_path)] == ["Jos\u00e9"]
    assert character_in(tmp_path, tmp_path / "Jose\u0301" / "a.png") == "Jos\u00e9"


def test_what_a_person_may_not_have_meant_is_said(cast: Path) -> None:
    assert remarks_on(cast) == []
    draw(cast / "loose.png", "ruby")
    (cast / "readme.txt").touch()
    for n in range(4):
        draw(cast / f"series {n}" / "ruby" / "a.png", "ruby")
    (cast / "empty").mkdir()
    loose, nested = remarks_on(cast)
    assert loose.startswith("loose.png: ")
    assert nested.startswith("series 0, series 1, series 2 and 1 more: only folders in it")


def test_characters_of_nearly_the_same_name_are_named(tmp_path: Path) -> None:
    for name in ("Yang Wen-li", "yang_wenli", "dee", "dey"):
        (tmp_path / name).mkdir()
    assert remarks_on(tmp_path) == [
        "Yang Wen-li, yang_wenli: characters of nearly the same name; are they one?"
    ]


def test_pictures_alone_are_a_character_each(tmp_path: Path) -> None:
    for name in ("Yang Wen-li", "レイ"):
        draw(tmp_path / f"{name}.png", "ruby")
    expected = [CharacterFolder(n, tmp_path / f"{n}.png") for n in ("Yang Wen-li", "レイ")]
    assert read_cast(tmp_path) == expected
    (remark,) = remarks_on(tmp_path)
    assert "each picture is taken for a character" in remark


def test_a_cast_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder or file"):
        read_cast(tmp_path / "gone")
    with pytest.raises(UsageError, match="no such folder or file"):
        read_cast(tmp_path / ("n" * 300))
    with pytest.raises(UsageError, match="no characters are here"):
        read_cast(tmp_path)
    with pytest.raises(UsageError, match="no characters are here"):
        read_cast(write_json(tmp_path / "cast.json", {}))


def test_the_folders_of_a_folder_by_name(cast: Path) -> None:
    (cast / "beside.png").write_bytes(b"")
    (cast / "a link").symlink_to(cast / "ruby")
    (cast / "lost link").symlink_to(cast / "gone")
    assert [f.name for f in folders_in(cast)] == ["a link", "azure", "jade", "ruby"]
    with pytest.raises(FileNotFoundError):
        folders_in(cast / "gone")


def test_a_picture_shows_whom_its_first_folder_is_named_after() -> None:
    cast = Path("/cast")
    assert character_in(cast, cast / "ruby" / "a.png") == "ruby"
    assert character_in(cast, cast / "ruby" / "old" / "a.png") == "ruby"
    assert character_in(cast, cast / "a.png") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Ruby": "a", "Jade": "b", "Ruby": "b"}', "'Ruby' stands there twice"),
        ('{"Ruby": ""}', "no folder is named for 'Ruby'"),
        ('{"Ruby": "a\\u0000b"}', "there is no folder"),
        ("[" * 100_000, "cannot read this list"),
        ("", "cannot read this list"),
    ],
)
def test_a_list_that_does_not_say_one_thing_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    path = tmp_path / "cast.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_cast(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_may_be_in_any_unicode(tmp_path: Path, cast: Path, encoding: str) -> None:
    path = tmp_path / "cast.json"
    path.write_text(json.dumps({"レイ": str(cast / "ruby")}, ensure_ascii=False), encoding=encoding)
    assert read_cast(path) == [CharacterFolder("レイ", cast / "ruby")]
