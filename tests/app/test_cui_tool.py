"""app/cui_tool.py: the forerunner's command line, run from its directory as its page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import COLOURS, Ran, draw
from tests.support import files, run_process, tree

pytestmark = pytest.mark.slow  # each command is a process that imports everything

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
EXAMPLES = ROOT / "examples"
NUMBER = re.compile(r"-?\d\.\d{4}\n")


def tool(*arguments: object, cwd: Path = APP) -> Ran:
    """`python cui_tool.py ...` from `app`."""
    script = "cui_tool.py" if cwd == APP else APP / "cui_tool.py"
    return run_process(map(str, (sys.executable, script, *arguments)), cwd)


@pytest.fixture
def enrolled(cast: Path, tmp_path: Path) -> Path:
    """The forerunner's JSON file; its directories are relative to it."""
    path = tmp_path / "cast.json"
    names = {"Ruby": "cast/ruby", "Jade_Green": "cast/jade", "Azure": "cast/azure"}
    path.write_text(json.dumps(names), encoding="utf-8")
    return path


def classify(plugin: Path, enrolled: Path, inbox: Path, *more: object, cwd: Path = APP) -> Ran:
    options = ("--enroll-config-fn", enrolled, "--target-dir", inbox, *more)
    return tool("--plugin-dir", plugin, "--gpu", "-1", "classify", *options, cwd=cwd)


SORTED = {
    *("Ruby/r1.png", "Ruby/r2.jpg", "Jade_Green/j1.png", "Jade_Green/j2.jpg"),
    *("Azure/a1.png", "Azure/a2.jpg"),
}


def test_similarity_prints_the_number_alone(tiny_plugin: Path, tmp_path: Path) -> None:
    pictures = [draw(tmp_path / f"{n}.png", name) for n, name in enumerate(COLOURS)]
    ran = tool("--plugin-dir", tiny_plugin, "--gpu", -1, "similarity", "--files", *pictures[:2])
    assert ran.code == 0
    assert NUMBER.fullmatch(ran.out)
    assert ran.err == ""
    same = tool("--plugin-dir", tiny_plugin, "similarity", "--files", pictures[0], pictures[0])
    assert same.out == "1.0000\n"
    assert float(ran.out) < 1


def test_similarity_is_what_kyara_says(
    tiny_plugin: Path, tmp_path: Path, kyara: pytest.FixtureRequest
) -> None:
    a, b = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "stranger", 5)
    ran = tool("--plugin-dir", tiny_plugin, "similarity", "--files", a, b)
    told = kyara("compare", a, b, "--plugin", tiny_plugin, "--json").json()
    assert float(ran.out) == told["score"]


@pytest.mark.parametrize("mode", [(), ("--mode", "Any"), ("--mode", "Max"), ("--mode", "Avg")])
def test_classify_copies_each_picture_to_a_character(
    mode: tuple[str, ...], tiny_plugin: Path, enrolled: Path, inbox: Path, tmp_path: Path
) -> None:
    before = tree(inbox, tmp_path / "cast")
    out = tmp_path / "result"
    ran = classify(tiny_plugin, enrolled, inbox, *mode, "--result-dir", out)
    assert ran.code == 0
    assert ran.err == ""
    (stranger,) = files(out) - SORTED  # the stranger gets a name all the same
    assert re.fullmatch(r"(Ruby|Jade_Green|Azure)/who\.png", stranger)
    assert files(out) > SORTED
    assert tree(inbox, tmp_path / "cast") == before
    again = classify(tiny_plugin, enrolled, inbox, *mode, "--result-dir", out)
    assert again.code == 0
    assert "0 filed, 7 were there already" in again.out


def test_any_and_avg_differ_where_they_should(tiny_plugin: Path, tmp_path: Path) -> None:
    """One perfect reference among strange ones wins by Any, and loses by Avg."""
    target = draw(tmp_path / "inbox" / "x.png", "ruby", 1)
    draw(tmp_path / "mixed" / "1.png", "ruby", 1)
    draw(tmp_path / "mixed" / "2.png", "jade", 2)
    draw(tmp_path / "steady" / "1.png", "ruby", 5)
    draw(tmp_path / "steady" / "2.png", "ruby", 6)
    enrolled = tmp_path / "cast.json"
    enrolled.write_text('{"mixed": "mixed", "steady": "steady"}', encoding="utf-8")
    for mode, winner in (("Any", "mixed"), ("Max", "mixed"), ("Avg", "steady")):
        out = tmp_path / mode
        ran = classify(tiny_plugin, enrolled, target.parent, "--mode", mode, "--result-dir", out)
        assert ran.code == 0
        assert files(out) == {f"{winner}/x.png"}


def test_identify_is_another_word_and_out_the_default_directory(
    tiny_plugin: Path, enrolled: Path, inbox: Path, tmp_path: Path
) -> None:
    options = ("--enroll-config-fn", enrolled, "--target-dir", inbox)
    ran = tool("--plugin-dir", tiny_plugin, "identify", *options, cwd=tmp_path)
    assert ran.code == 0
    assert files(tmp_path / "out") > SORTED
    assert "identify" not in tool("--help").out.split("Commands:")[1]


def test_directories_in_the_json_are_relative_to_where_one_is_first(
    tiny_plugin: Path, enrolled: Path, inbox: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / "cast", elsewhere / "cast")
    ran = classify(tiny_plugin, enrolled, inbox, "--result-dir", "result", cwd=elsewhere)
    assert ran.code == 0
    assert files(elsewhere / "result") > SORTED
    ran = classify(tiny_plugin, enrolled, inbox, "--result-dir", "result", cwd=tmp_path)
    assert ran.code == 2
    assert "there is no folder 'cast/ruby' for 'Ruby'" in ran.err


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_done(
    tiny_plugin: Path, enrolled: Path, inbox: Path, tmp_path: Path
) -> None:
    (inbox / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "cast" / "ruby" / "empty.png").write_bytes(b"")
    out = tmp_path / "result"
    ran = classify(tiny_plugin, enrolled, inbox, "--result-dir", out)
    assert ran.code == 3
    assert files(out) > SORTED
    assert "broken.png" in ran.err
    assert "empty.png" in ran.err
    assert "2 of 9 were skipped" in ran.err


def one_line(ran: Ran, code: int, said: str) -> None:
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err


def test_errors_are_one_line(
    tiny_plugin: Path, enrolled: Path, inbox: Path, tmp_path: Path
) -> None:
    a = draw(tmp_path / "a.png", "ruby")
    similarity = ("similarity", "--files", a, a)
    missing = tmp_path / "none"
    one_line(tool("--plugin-dir", missing, *similarity), 1, "there is no such plugin directory")
    # A name is not a directory, even if there is a plugin of that name.
    named = tool("--plugin-dir", "res18_single", *similarity)
    one_line(named, 1, "there is no such plugin directory")
    one_line(tool("--plugin-dir", tmp_path, *similarity), 1, "no plugin.toml is in this directory")
    one_line(classify(tiny_plugin, missing, inbox), 2, "there is no such folder or file")
    one_line(classify(tiny_plugin, enrolled, missing), 2, "there is no such file or folder")
    (tmp_path / "empty").mkdir()
    one_line(classify(tiny_plugin, enrolled, tmp_path / "empty"), 2, "no pictures are here")
    enrolled.write_text('["cast/ruby"]', encoding="utf-8")
    one_line(classify(tiny_plugin, enrolled, inbox), 2, "not a list of characters")
    enrolled.write_text('{"Ruby": "cast/none"}', encoding="utf-8")
    one_line(classify(tiny_plugin, enrolled, inbox), 2, "there is no folder 'cast/none'")
    assert not (APP / "out").exists()


def test_pictures_that_cannot_be_read_have_no_similarity(tiny_plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"")
    bad = (tmp_path / "b.png", tmp_path / "missing.png")
    ran = tool("--plugin-dir", tiny_plugin, "similarity", "--files", *bad)
    assert ran.code == 1
    assert ran.out == ""
    assert "b.png" in ran.err
    assert "missing.png: there is no such file" in ran.err


def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    a = draw(tmp_path / "a.png", "ruby")
    arguments = ("--gpu", 99, "similarity", "--files", a, a)
    one_line(tool("--plugin-dir", "plugins/res18_single", *arguments), 1, "GPU 99")


def test_a_target_directory_may_be_a_reference_directory(
    tiny_plugin: Path, enrolled: Path, tmp_path: Path
) -> None:
    """What is in the target directory is classified, whatever else it is."""
    out = tmp_path / "result"
    ran = classify(tiny_plugin, enrolled, tmp_path / "cast" / "ruby", "--result-dir", out)
    assert (ran.code, ran.err) == (0, "")
    assert files(out) == {f"Ruby/{n}.png" for n in range(3)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("similarity",),
        ("similarity", "--files", "one.png"),
        ("classify", "--target-dir", "x"),
        ("classify", "--enroll-config-fn", "x"),
        ("classify", "--enroll-config-fn", "x", "--target-dir", "x", "--mode", "Best"),
        ("--gpu", "first", "similarity", "--files", "a", "b"),
        ("frobnicate",),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    ran = tool(*arguments)
    assert ran.code == 2
    assert "Error: " in ran.err
    assert "Traceback" not in ran.err


def test_help_names_every_option_of_the_page() -> None:
    page = (APP / "README.md").read_text(encoding="utf-8")
    told = "".join(tool(*words).out for words in (["--help"], ["similarity", "-h"]))
    told += tool("classify", "--help").out
    options = {option for option in re.findall(r"--[a-z-]+", page) if option != "--out"}
    assert options >= {"--plugin-dir", "--gpu", "--files", "--enroll-config-fn", "--result-dir"}
    for option in options:
        assert option in told


def test_without_kyara_it_says_what_to_do() -> None:
    # -S leaves out installed packages, and with them Kyara.
    ran = run_process([sys.executable, "-S", "cui_tool.py", "--help"], APP, PYTHONPATH="")
    one_line(ran, 1, "install Kyara first: pip install ..")


def test_the_shipped_plugin_works_as_the_page_says(tmp_path: Path) -> None:
    plugin = ("--plugin-dir", "plugins/res18_single", "--gpu", -1)
    pictures = sorted((EXAMPLES / "cast" / "dee").glob("*.png"))[:2]
    compared = tool(*plugin, "similarity", "--files", *pictures)
    assert compared.code == 0
    assert NUMBER.fullmatch(compared.out)
    assert -1 <= float(compared.out) <= 1
    enrolled = tmp_path / "cast.json"
    names = {f.name.title(): os.path.relpath(f, APP) for f in (EXAMPLES / "cast").iterdir()}
    enrolled.write_text(json.dumps(names), encoding="utf-8")
    out = tmp_path / "out"
    options = ("--enroll-config-fn", enrolled, "--target-dir", "../examples/inbox")
    ran = tool(*plugin, "classify", *options, "--mode", "Avg", "--result-dir", out)
    assert ran.code == 0, ran.err
    pictures = [p for p in files(EXAMPLES / "inbox") if Path(p).suffix in (".png", ".jpg", ".webp")]
    assert len(files(out)) == len(pictures)
    assert {Path(name).parts[0] for name in files(out)} <= names.keys()


def test_plugins_is_a_link_to_the_shipped_plugin() -> None:
    link = APP / "plugins" / "res18_single"
    assert link.resolve() == ROOT / "src" / "kyara" / "plugins" / "res18_single"
    mode = subprocess.run(
        ["git", "ls-files", "-s", link], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if mode:  # a checkout that git knows
        assert mode.startswith("120000")
