"""`kyara suggest`: what it asks, and the commands that answer."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran, draw

Kyara = Callable[..., Ran]
JUDGED = ("--kind", "merge", "--kind", "named", "--kind", "misplaced", "--kind", "alike")


@pytest.fixture
def library(
    tmp_path: Path, kyara: Kyara, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Ruby and Jade with a reference that is out of place; two further jades, in a group."""
    monkeypatch.chdir(tmp_path)
    for name in ("ruby", "jade"):
        for pose in range(6):
            draw(tmp_path / "heap" / f"{name}-{pose}.png", name, pose)
    options = ("--similarity", "0.8", "--plugin", tiny_plugin)
    assert kyara("group", "heap", "--library", "cast.kyara", *options).code == 0
    cast = {
        "Ruby": ("ruby-0", "ruby-1", "ruby-2"),
        "-Jade": ("jade-0", "jade-1", "ruby-3", "jade-2"),
    }
    for character, names in cast.items():
        paths = [f"heap/{name}.png" for name in names]
        about = (f"--character={character}", "--library", "cast.kyara")
        assert kyara("decide", "confirm", *about, *paths).code == 0
    return "cast.kyara"


def rows(kyara: Kyara, library: str, *options: str) -> list[dict[str, Any]]:
    ran = kyara("suggest", library, "--json", *(options or JUDGED))
    assert ran.code == 0, ran.err
    return ran.rows()


def run_line(kyara: Kyara, line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "kyara"
    ran = kyara(*words)
    assert ran.code == 0, ran.err


def test_the_table_asks(kyara: Kyara, library: str) -> None:
    ran = kyara("suggest", library, *JUDGED)
    assert ran.code == 0
    assert "Is this Ruby rather than -Jade?" in ran.out
    assert "ruby-3.png" in ran.out


@pytest.mark.parametrize("word", ["yes", "no"])
def test_the_command_with_each_answers_it(kyara: Kyara, library: str, word: str) -> None:
    while asked := rows(kyara, library):
        before = len(kyara("decide", "log", "--library", library, "--json").rows())
        run_line(kyara, asked[0][word])
        after = kyara("decide", "log", "--library", library, "--json").rows()
        assert len(after) == before + 1
        assert before < 12
        keys = [(row["kind"], row["question"]) for row in rows(kyara, library)]
        assert (asked[0]["kind"], asked[0]["question"]) not in keys


def test_only_what_is_wanted(kyara: Kyara, library: str) -> None:
    assert {row["kind"] for row in rows(kyara, library, "--kind", "misplaced")} == {"misplaced"}
    ran = kyara("suggest", library, "--kind", "gossip")
    assert (ran.code, "gossip" in ran.err) == (2, True)


def test_what_settles_most_comes_first(kyara: Kyara, library: str) -> None:
    weights = [row["pictures"] * row["probability"] for row in rows(kyara, library)]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) > 1


def test_an_empty_library_has_nothing_to_ask(
    kyara: Kyara, tmp_path: Path, tiny_plugin: Path
) -> None:
    library = tmp_path / "empty.kyara"
    assert kyara("library", "create", library, "--plugin", tiny_plugin).code == 0
    ran = kyara("suggest", library)
    assert (ran.code, "nothing to ask" in ran.out) == (0, True)
    assert kyara("suggest", library, "--json").out == ""


def test_there_is_no_such_library(kyara: Kyara, tmp_path: Path) -> None:
    ran = kyara("suggest", tmp_path / "none.kyara")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
