"""Finding plugins: shipped, installed, or in a directory that the user names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.errors import PluginError
from kyara.plugins.discover import (
    DEFAULT_PLUGIN,
    FoundPlugin,
    find_plugins,
    open_encoder,
    plugin_directory,
)
from tests.conftest import PLUGIN_ENTRY, MakePlugin, Ran, draw

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install({"name": "package"})`: a distribution with these entry points is installed."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def make(entries: dict[str, str], distribution: str = "fake") -> Path:
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        text = "\n".join(["[kyara.plugins]", *lines, "", "[other]", "x = y"])
        (info / "entry_points.txt").write_text(text)
        importlib.invalidate_caches()
        return site

    return make


def named(name: str) -> list[FoundPlugin]:
    return [plugin for plugin in find_plugins() if plugin.name == name]


def test_the_shipped_plugin_is_there_and_whole() -> None:
    (plugin,) = named(DEFAULT_PLUGIN)
    assert plugin.origin == "shipped"
    assert plugin.error is None
    assert open_encoder().id.startswith(f"{DEFAULT_PLUGIN}@")


def test_an_installed_plugin_is_used_by_name(
    install: Install, make_plugin: MakePlugin, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    make_plugin("site-packages/my_plugin", {"__init__.py": "", "model.py": PLUGIN_ENTRY})
    install({"mine": "my_plugin"})
    (plugin,) = named("mine")
    assert (plugin.origin, plugin.directory.name) == ("installed", "my_plugin")
    a, b = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    assert kyara("compare", a, b, "--plugin", "mine").code == 0
    listed = kyara("plugins")
    assert listed.code == 0
    expected = ["mine", "1", "encoder", "installed"]
    assert any(line.split()[:4] == expected for line in listed.out.splitlines())


def test_a_plugin_below_a_package_is_found_without_importing_that(
    install: Install, make_plugin: MakePlugin
) -> None:
    make_plugin("site-packages/suite/models/one", {"model.py": PLUGIN_ENTRY})
    site = install({"one": "suite.models.one"})
    (site / "suite" / "__init__.py").write_text("raise RuntimeError('imported')")
    (plugin,) = named("one")
    assert plugin.error is None
    open_encoder("one")
    assert "suite" not in sys.modules


def test_broken_entries_are_listed_with_what_is_wrong_and_spoil_nothing(
    install: Install, make_plugin: MakePlugin, kyara: Callable[..., Ran]
) -> None:
    site = install(
        {
            "gone": "no_such_package",
            "deep": "no_such_package.below",
            "a/b": "empty",
            "empty": "empty",
            "attribute": "empty:Plugin",
            "bad": "bad",
        }
    )
    (site / "empty").mkdir()
    (site / "empty" / "__init__.py").write_text("")
    make_plugin("site-packages/bad", plugin={"nmae": "x"})
    ran = kyara("plugins", "--json")
    assert ran.code == 1
    rows = {row["name"]: row for row in ran.rows()}
    assert "no package no_such_package" in rows["gone"]["error"]
    assert "no package no_such_package.below" in rows["deep"]["error"]
    assert "no package empty" in rows["empty"]["error"]
    assert rows["attribute"]["error"]
    assert "cannot be named 'a/b'" in rows["a/b"]["error"]
    assert "nmae" in rows["bad"]["error"]
    assert rows[DEFAULT_PLUGIN]["error"] is None
    assert "unusable" in kyara("plugins").out
    open_encoder()
    with pytest.raises(PluginError, match="no package no_such_package"):
        open_encoder("gone")


def test_a_name_that_is_taken_stays_with_who_had_it(
    install: Install, make_plugin: MakePlugin
) -> None:
    make_plugin("site-packages/usurper")
    make_plugin("site-packages/second")
    install({DEFAULT_PLUGIN: "usurper", "twice": "usurper"})
    install({"twice": "second"}, "other")
    assert plugin_directory(DEFAULT_PLUGIN).name == DEFAULT_PLUGIN
    first, other = named(DEFAULT_PLUGIN)
    assert (first.origin, first.error) == ("shipped", None)
    assert "another plugin has this name" in str(other.error)
    ours, theirs = named("twice")
    assert (ours.error is None, theirs.error is None) == (True, False)
    assert plugin_directory("twice") == ours.directory


def test_a_name_is_never_a_directory_and_a_directory_never_a_name(
    make_plugin: MakePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = make_plugin(DEFAULT_PLUGIN)
    monkeypatch.chdir(tmp_path)
    assert plugin_directory(DEFAULT_PLUGIN) != own
    assert plugin_directory(f"./{DEFAULT_PLUGIN}").resolve() == own
    assert plugin_directory(str(own)) == own


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "there is no plugin 'nobody' (by name there are: "),
        ("no/such", "no/such: there is no such plugin directory"),
        ("", "there is no plugin ''"),
        ("a\nb", "there is no plugin 'a\\nb'"),
    ],
)
def test_what_is_not_there(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError) as raised:
        plugin_directory(name)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_plugin_in_the_working_directory_is_not_used_unnamed(
    make_plugin: MakePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = f"open({str(tmp_path / 'trapped')!r}, 'w')\n{PLUGIN_ENTRY}"
    directory = make_plugin("here", {"model.py": trap, "kyara.py": trap, "numpy.py": trap})
    monkeypatch.chdir(directory)
    find_plugins()
    open_encoder()
    with pytest.raises(PluginError):
        open_encoder("")
    with pytest.raises(PluginError):
        open_encoder("model")
    assert not (tmp_path / "trapped").exists()


def test_finding_and_opening_load_nothing_heavy(make_plugin: MakePlugin) -> None:
    directory = make_plugin()
    script = f"""
import sys
from kyara.plugins.discover import find_plugins, open_encoder
find_plugins()
open_encoder()
open_encoder({str(directory)!r})
heavy = {{"onnxruntime", "torch", "PIL", "scipy", "matplotlib", "pandas"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
