"""docs/extending.md, done as it says: its files written, its commands run, its output seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.tiny_onnx import write_mean_colour

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(FILE.findall(PAGE))


def sessions() -> list[tuple[list[str], str]]:
    """The commands of each console block, and the output shown after them."""
    found = []
    for block in CONSOLE.findall(PAGE):
        commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        shown = [line for line in block.splitlines() if not line.startswith("$ ")]
        found.append((commands, "\n".join(shown)))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a checkout as the page has it, with the page's files."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "examples").symlink_to(ROOT / "examples")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    write_mean_colour(folder / "network" / "model.onnx", 512, size=64)
    return folder


def run(command: str, folder: Path, below: str = ".") -> str:
    """What the shell command prints in a place below `folder`; a failure fails the test."""
    kyara = f"'{sys.executable}' -m kyara"
    done = subprocess.run(
        re.sub(r"^kyara\b", lambda _: kyara, command),
        shell=True,
        check=False,
        cwd=folder / below,
        env={**os.environ, "PYTHONPATH": f"{folder / 'site'}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def install(project: Path, site: Path) -> None:
    """What pip would leave of a pure Python project; the tests have no network to build it."""
    told = msgspec.toml.decode((project / "pyproject.toml").read_bytes())
    for package in told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        (site / Path(package).name).symlink_to(project / package)
    info = site / f"{told['project']['name'].replace('-', '_')}-1.dist-info"
    info.mkdir()
    entries = told["project"]["entry-points"]["kyara.plugins"]
    lines = ["[kyara.plugins]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (info / "METADATA").write_text("Name: kyara-colours\nVersion: 1\n", encoding="utf-8")


def without_numbers(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?", "#", text)


def test_a_plugin_from_nothing_takes_under_40_lines() -> None:
    own = [text for name, text in FILES.items() if name.startswith("colours/")]
    assert len(own) == 2
    assert sum(len(text.splitlines()) for text in own) < 40


def test_the_page_has_what_this_test_looks_for() -> None:
    assert {name.partition("/")[0] for name in FILES} == {
        "colours",
        "nearness",
        "network",
        "kyara-colours",
    }
    assert sum(len(commands) for commands, _ in sessions()) >= 8


@pytest.mark.parametrize(("commands", "shown"), [s for s in sessions() if s[1]])
def test_a_command_prints_what_the_page_shows(
    commands: list[str], shown: str, folder: Path
) -> None:
    (command,) = commands
    printed = run(command, folder).strip()
    assert without_numbers(printed) == without_numbers(shown)
    # The page draws a conclusion from some of them; decoders differ in the last digits.
    assert float(printed.split()[1]) == pytest.approx(float(shown.split()[1]), abs=0.02)


def test_the_package_is_found_by_name_once_it_is_installed(folder: Path) -> None:
    ((commands, _),) = [s for s in sessions() if any("pip install" in c for c in s[0])]
    (folder / "site").mkdir()
    printed = ""
    for command in commands:
        if command.startswith("pip install"):
            install(folder / command.split()[-1], folder / "site")
        else:
            printed = run(command, folder)
    (row,) = [line for line in printed.splitlines() if line.split()[:1] == ["colours"]]
    assert "installed" in row
    pictures = "../examples/cast/dee/dee-1.png ../examples/cast/dee/dee-2.png"
    elsewhere = run(f"kyara compare {pictures} --plugin colours", folder, "nearness")
    assert elsewhere.startswith("score")
