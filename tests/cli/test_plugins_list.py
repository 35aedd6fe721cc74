"""`kyara plugins`, and naming a plugin to a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.plugins.discover import DEFAULT_PLUGIN
from tests.conftest import Ran


@pytest.mark.parametrize(("name", "dimension"), [("kyara-2", "384"), ("res18_single", "500")])
def test_the_shipped_models_are_listed(
    kyara: Callable[..., Ran], name: str, dimension: str
) -> None:
    ran = kyara("plugins")
    assert (ran.code, ran.err) == (0, "")
    (line,) = [line for line in ran.out.splitlines() if line.split()[:1] == [name]]
    assert "shipped" in line
    assert dimension in line


def test_json_has_the_whole_manifest(kyara: Callable[..., Ran]) -> None:
    rows = kyara("plugins", "--json").rows()
    (shipped,) = [row for row in rows if row["name"] == DEFAULT_PLUGIN]
    assert shipped["origin"] == "shipped"
    assert set(shipped) == {"name", "origin", "directory", "manifest", "error"}
    assert shipped["name"] == shipped["manifest"]["plugin"]["name"] == DEFAULT_PLUGIN
    assert shipped["error"] is None
    assert (Path(shipped["directory"]) / "plugin.toml").is_file()


@pytest.mark.parametrize("command", ["compare", "embed", "sort"])
def test_a_plugin_that_is_not_there_is_one_line(
    kyara: Callable[..., Ran], command: str, tmp_path: Path
) -> None:
    options = {"compare": ["b.png"], "embed": ["--out", "x.npz"], "sort": ["--refs", "c"]}
    options["sort"] += ["--out", "out"]
    ran = kyara(command, "a.png", *options[command], "--plugin", "nobody")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("kyara: ")
    assert "'nobody'" in ran.err
    assert DEFAULT_PLUGIN in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_folder_without_a_manifest_is_one_line(kyara: Callable[..., Ran], cast: Path) -> None:
    ran = kyara("compare", "a.png", "b.png", "--plugin", cast)
    assert ran.code == 1
    assert "plugin.toml" in ran.err
    assert len(ran.err.splitlines()) == 1


FAILING = """
class Failing:
    def encode(self, crops):
        raise ValueError("first line\\nsecond line")


def load(directory, device):
    return Failing()
"""


def test_code_that_fails_is_one_line(
    kyara: Callable[..., Ran], tiny_plugin: Path, inbox: Path
) -> None:
    (tiny_plugin / "tiny.py").write_text(FAILING, encoding="utf-8")
    ran = kyara("compare", inbox / "r1.png", inbox / "j1.png", "--plugin", tiny_plugin)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "kyara: the encoder tiny failed: first line second line\n"


def test_debug_shows_where_an_error_comes_from(tiny_plugin: Path, inbox: Path) -> None:
    from kyara.cli.main import cli, run
    from kyara.errors import PluginError

    (tiny_plugin / "tiny.py").write_text(FAILING, encoding="utf-8")
    arguments = ["--debug", "compare", str(inbox), "--plugin", str(tiny_plugin)]
    with pytest.raises(PluginError):
        run(cli, arguments)
