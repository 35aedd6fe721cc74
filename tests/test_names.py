"""What a character may be called, and what its folder is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.errors import UsageError
from kyara.names import as_name, check_character, check_name, folder_of, name_of, nearly

NAMES = st.text(st.characters(exclude_characters="\\\\\0", exclude_categories=["Cs"]), max_size=30)
ODD = ["CON", "con.txt", "LPT1", "Re:Zero", "a/b", "..x", "x..", " x", "%41", "100%", ".kyara", "%"]


@given(st.one_of(NAMES, st.sampled_from(ODD)))
def test_every_name_has_a_folder_on_every_system_and_comes_back(name: str) -> None:
    name = as_name(name)
    try:
        check_character(name)
    except UsageError:
        return
    folder = folder_of(name)
    check_name(folder)
    assert folder_of(name_of(folder)) == folder
    if "%" not in name:
        assert name_of(folder) == name


@given(st.text(st.sampled_from("abcdefghij \u7d75"), min_size=150, max_size=400))
def test_long_names_that_differ_have_folders_that_differ(name: str) -> None:
    name = f"x{name}x"
    check_name(folder_of(name))
    assert folder_of(name) != folder_of(name + "y")


@pytest.mark.parametrize(
    "name",
    ["CON", "aux.txt", "Re:Zero", "what?", "dots. ", "Unknown", "UNKNOWN", "name.", "", " ", "a/b"],
)
def test_names_that_some_system_cannot_have(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "/x", "a/../b", "a//b", "a\\b", "a\0", "Unknown"]
)
def test_names_that_no_character_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        check_character(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Sophie", "sophie"),
        ("sohpie", "sophie"),
        ("sopie", "sophie"),
        ("sophiee", "sophie"),
        ("Yang Wen-li", "Yang_Wenli"),
        ("Yang Wenli ", "Yang_Wenli"),
        ("Jose\u0301", "Jos\u00e9"),
        ("dey", None),
        ("Asuka 2", None),
        ("priya", None),
        ("sophie", None),
    ],
)
def test_names_that_are_nearly_another(name: str, meant: str | None) -> None:
    others = ["sophie", "Yang_Wenli", "Jos\u00e9", "dee", "Asuka 1"]
    assert nearly(name, others) == meant
