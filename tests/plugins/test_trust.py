"""Opening a library runs no code that nobody trusted."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path

import pytest

import kyara as package
from kyara.errors import DataError, PluginError
from kyara.files import user_folder
from kyara.plugins.trust import digest_of_plugin, require_trusted, trust
from tests.conftest import TINY_PY, Ran, draw

Run = Callable[..., Ran]


@pytest.fixture
def marked(tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin whose code leaves a mark when it is run; nobody trusts it."""
    monkeypatch.delenv("KYARA_TRUSTED_PLUGINS")
    code = tiny_plugin / "tiny.py"
    mark = f"    open({str(tmp_path / 'mark')!r}, 'w').close()\n    return Tiny()"
    text = code.read_text(encoding="utf-8")
    code.write_text(text.replace("    return Tiny()", mark), encoding="utf-8")
    return tiny_plugin


@pytest.fixture
def theirs(kyara: Run, marked: Path, cast: Path, inbox: Path, tmp_path: Path) -> Path:
    """A library with references that names it; the mark is wiped off."""
    path = tmp_path / "cast.kyara"
    assert kyara("library", "create", path, "--plugin", marked).code == 0
    assert kyara("library", "add", path, cast, "--cast", "--plugin", marked).code == 0
    (tmp_path / "mark").unlink()
    return path


@pytest.mark.parametrize(
    "command", [("identify", "new.png"), ("sort", "inbox", "--out", "out"), ("library", "update")]
)
def test_its_code_is_not_run(
    theirs: Path,
    kyara: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "new.png", "ruby", 9)
    names = () if command[0] == "library" else ("--library",)
    ran = kyara(*command, *names, theirs)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "kyara plugins trust" in ran.err
    assert "--plugin" in ran.err
    assert not (tmp_path / "mark").exists()


def test_named_it_is(theirs: Path, kyara: Run, marked: Path, tmp_path: Path) -> None:
    new = draw(tmp_path / "new.png", "ruby", 9)
    arguments = ("identify", new, "--library", theirs)
    assert kyara(*arguments, "--plugin", marked).code == 0
    assert (tmp_path / "mark").exists()


def test_named_in_the_environment_it_is(
    theirs: Path, kyara: Run, marked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = draw(tmp_path / "new.png", "ruby", 9)
    monkeypatch.setenv("KYARA_TRUSTED_PLUGINS", os.pathsep.join([str(tmp_path), str(marked)]))
    assert kyara("identify", new, "--library", theirs).code == 0


def test_trusted_it_is_until_a_file_changes(
    theirs: Path, kyara: Run, marked: Path, tmp_path: Path
) -> None:
    new = draw(tmp_path / "new.png", "ruby", 9)
    arguments = ("identify", new, "--library", theirs)
    assert kyara("plugins", "trust", marked).out.endswith(f"{digest_of_plugin(marked)}\n")
    assert kyara(*arguments).code == 0
    (marked / ".hidden").touch()
    assert "kyara plugins trust" in kyara(*arguments).err
    (marked / ".hidden").unlink()
    assert kyara(*arguments).code == 0
    assert kyara("plugins", "trust", marked, "--revoke").code == 0
    assert kyara(*arguments).code == 1


def test_python_code_does_not_run_it_either(theirs: Path, marked: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="not trusted"):
        package.Library(theirs)
    with package.Library(theirs, model=package.Model(marked)):
        pass


def test_networks_and_what_is_installed_need_no_trust(tmp_path: Path) -> None:
    directory = package.Model("res18_single").encoder.directory
    for plugin in ("kyara-2", str(directory)):
        require_trusted(plugin, tmp_path)
    assert not user_folder().exists()


def test_a_folder_of_a_name_in_the_working_directory_is_not_run(
    marked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(marked.parent)
    with pytest.raises(PluginError, match="not trusted"):
        require_trusted(marked.name, tmp_path)


def test_a_folder_that_is_a_link_cannot_be_trusted(marked: Path, tmp_path: Path) -> None:
    (marked / "more").symlink_to(tmp_path)
    with pytest.raises(PluginError, match="cannot be a link"):
        trust(marked)


def test_a_damaged_list_is_said(marked: Path, tmp_path: Path) -> None:
    user_folder().mkdir(parents=True)
    (user_folder() / "trusted-plugins.json").write_text("[1]")
    with pytest.raises(DataError, match="not a list of trusted plugins"):
        require_trusted(str(marked), tmp_path)


def test_compiled_code_beside_the_source_is_not_run(
    theirs: Path, kyara: Run, marked: Path, tmp_path: Path
) -> None:
    """No digest covers it, and Python would not look whether it is that of the source."""
    assert not (marked / "__pycache__").exists()  # the code ran when the library was filled
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\n")
    compiled = Path(cache_from_source(str(marked / "tiny.py")))
    compiled.parent.mkdir()
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(evil), str(compiled), invalidation_mode=mode)
    code = "from kyara.plugins.discover import open_encoder as o; import sys, numpy as n\n"
    code += "o(sys.argv[1]).encode(n.zeros((1, 16, 16, 3), n.uint8)); print('ran')"
    (marked / "tiny.py").write_text(TINY_PY, encoding="utf-8")
    arguments = [sys.executable, "-c", code, str(marked)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert ran.stdout == "ran\n"
    assert not (tmp_path / "mark").exists()
