"""A plugin's manifest and its parameters change together or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kyara import files
from kyara.errors import OutputError, PluginError
from kyara.manifest import OpenSetSpec, identity_of, load_manifest, parameters_name
from kyara.pictures.digest import digest_of_bytes
from kyara.plugins import write
from kyara.plugins.write import write_calibration, write_open_set
from tests.conftest import MakePlugin
from tests.support import lines_of

OLD, NEW = b"old parameters", b"new parameters"


def spec_of(parameters: bytes, name: str | None = None) -> OpenSetSpec:
    digest = digest_of_bytes(parameters).hex()
    about: dict[str, Any] = dict.fromkeys(("fitted_on", "calibrated_on", "date"), "for a test")
    about |= dict.fromkeys(("slope", "intercept", "at_1", "at_5", "at_10"), 1.0)
    return OpenSetSpec(parameters=name or parameters_name(digest), sha256=digest, **about)


def lay(directory: Path, parameters: bytes, name: str) -> None:
    """A back-end as one of the plugin's makers laid it there."""
    (directory / name).write_bytes(parameters)
    spec = spec_of(parameters, name)
    with (directory / "plugin.toml").open("a", encoding="utf-8") as stream:
        stream.write("[backend]\n")
        for key in set(spec.__struct_fields__) - {"adapted"}:
            stream.write(f"{key} = {getattr(spec, key)!r}\n")


def held(directory: Path) -> bytes | None:
    """The parameters of the back-end that the plugin has, which must be those it names."""
    spec = load_manifest(directory).open_set
    if spec is None:
        return None
    parameters = (directory / spec.parameters).read_bytes()
    assert digest_of_bytes(parameters).hex() == spec.sha256
    return parameters


def names(directory: Path) -> set[str]:
    return set(os.listdir(directory))


@pytest.fixture(params=[None, "backend.npz", parameters_name(digest_of_bytes(OLD).hex())])
def plugin(request: pytest.FixtureRequest, make_plugin: MakePlugin) -> Path:
    """One with code, whose identity is digested from its files: without a back-end, with the
    one that version 0.1.0 wrote, and with one of today."""
    directory = make_plugin()
    if request.param is not None:
        lay(directory, OLD, request.param)
    return directory


def identity(directory: Path) -> str:
    return identity_of(load_manifest(directory), directory)


def test_the_new_takes_the_place_of_the_old(plugin: Path) -> None:
    before = identity(plugin)
    write_open_set(plugin, spec_of(NEW), NEW)
    assert held(plugin) == NEW
    assert names(plugin) == {"plugin.toml", "model.py", spec_of(NEW).parameters}
    assert identity(plugin) == before
    write_open_set(plugin, spec_of(NEW), NEW)
    assert held(plugin) == NEW


def test_what_is_not_a_back_end_stays(plugin: Path) -> None:
    for name in ("backend-notes.npz", "colours.npz"):
        (plugin / name).write_bytes(b"mine")
    write_open_set(plugin, spec_of(NEW), NEW)
    assert {"backend-notes.npz", "colours.npz"} < names(plugin)


@pytest.mark.slow  # a process for each line
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_at_any_instant_it_has_one_of_them(make_plugin: MakePlugin) -> None:
    def fresh(name: str) -> Path:
        directory = make_plugin(name)
        lay(directory, OLD, "backend.npz")
        return directory

    def change(directory: Path) -> Callable[[], None]:
        return lambda: write_open_set(directory, spec_of(NEW), NEW)

    watched = (files, write)
    total = lines_of(change(fresh("whole")), None, watched)
    found = []
    for instant in range(1, total + 1):
        directory = fresh(f"killed-{instant}")
        before = identity(directory)
        assert lines_of(change(directory), instant, watched) == 0, "nothing was killed"
        found.append(held(directory))
        assert identity(directory) == before
        change(directory)()
        assert held(directory) == NEW
        stale = {name for name in names(directory) if name.startswith("backend-")}
        assert stale == {spec_of(NEW).parameters}
    assert OLD in found
    assert NEW in found
    assert found == sorted(found, reverse=True)  # the old one up to an instant, then the new one


@pytest.mark.parametrize("refused", ["parameters", "manifest"])
def test_a_step_that_fails_leaves_it_as_it_was(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    before, had = identity(plugin), held(plugin)
    replace = Path.replace

    def refuse(part: Path, target: Path) -> Path:
        if (target.name == "plugin.toml") == (refused == "manifest"):
            raise OSError(28, "No space left on device")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="cannot write it: No space left"):
        write_open_set(plugin, spec_of(NEW), NEW)
    assert held(plugin) == had
    assert identity(plugin) == before
    assert not [name for name in names(plugin) if name.endswith(".part")]


def test_an_old_one_that_stays_harms_nobody(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(plugin)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".npz":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    write_open_set(plugin, spec_of(NEW), NEW)
    assert held(plugin) == NEW
    assert identity(plugin) == before


def test_a_calibration_takes_the_place_of_another(
    tiny_plugin: Path, make_plugin: MakePlugin
) -> None:
    bare = make_plugin()
    before = identity(bare)
    calibration = load_manifest(tiny_plugin).calibration
    assert calibration is not None
    other = msgspec.structs.replace(calibration, data="other pictures")
    for spec in (calibration, other):
        write_calibration(bare, spec)
        assert load_manifest(bare).calibration == spec
    assert identity(bare) == before
    with pytest.raises(PluginError):
        write_calibration(bare / "nowhere", other)
