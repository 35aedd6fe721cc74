"""plugin.toml: what is refused, and what changes the encoder's id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kyara.errors import PluginError
from kyara.manifest import (
    identity_of,
    is_plugin_name,
    load_manifest,
    save_manifest,
)
from tests.conftest import PLUGIN_ENTRY, MakePlugin

CURVE = {"slope": 20.0, "intercept": -16.0, "threshold": 0.8}


def identity(directory: Path) -> str:
    return identity_of(load_manifest(directory), directory)


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        ({"plugin": {"nmae": "x"}}, "nmae"),
        ({"plugins": {"name": "x"}}, "plugins"),
        ({"plugin": {"name": None}}, "name"),
        ({"plugin": {"name": "a/b"}}, "[plugin] name = 'a/b': only letters"),
        ({"plugin": {"name": ".."}}, "only letters"),
        ({"plugin": {"name": "tiny\n"}}, "only letters"),
        ({"plugin": {"name": ""}}, "only letters"),
        ({"plugin": {"version": "1\n2"}}, "[plugin] version"),
        ({"plugin": {"version": 1}}, "Expected `str`"),
        ({"plugin": {"kind": "judge"}}, "judge"),
        ({"model": {"entry": None}}, "neither weights nor an entry"),
        ({"model": {"entry": "../evil:load"}}, 'expected "module:function"'),
        ({"model": {"entry": "model"}}, 'expected "module:function"'),
        ({"model": {"sha256": "123"}}, "64 hexadecimal digits"),
        ({"model": {"weights": "../other/model.onnx"}}, "must lie in the plugin's directory"),
        ({"model": {"weights": "/model.onnx"}}, "must lie in the plugin's directory"),
        ({"input": {"size": 0}}, "size"),
        ({"input": {"size": 100_000}}, "size"),
        ({"input": {"fit": "crop"}}, "crop"),
        ({"input": {"fill": [0, 0, 256]}}, "fill"),
        ({"input": {"std": [1.0, 0.0, 1.0]}}, "std"),
        ({"input": {"mean": [0.5]}}, "mean"),
        ({"embedding": {"dimension": 0}}, "dimension"),
        ({"embedding": {"similarity": "euclid"}}, "euclid"),
        (
            {
                "model": {"entry": None, "weights": "m.onnx"},
                "embedding": {"similarity": "plugin"},
            },
            "needs an entry",
        ),
        ({"calibration": {"data": "d", "date": "2026-01-01"}}, "pair"),
    ],
)
def test_a_manifest_that_is_not_as_it_should_be(
    tables: dict[str, Any], what: str, make_plugin: MakePlugin
) -> None:
    directory = make_plugin(**tables)
    with pytest.raises(PluginError) as raised:
        load_manifest(directory)
    assert what in str(raised.value)
    assert "plugin.toml" in str(raised.value)
    assert str(raised.value).isprintable()


def test_no_directory_no_manifest_no_toml_no_text(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no such plugin directory"):
        load_manifest(tmp_path / "none")
    with pytest.raises(PluginError, match=r"no plugin\.toml"):
        load_manifest(tmp_path)
    for content in (b"[plugin", b"\xff\xfe", b""):
        (tmp_path / "plugin.toml").write_bytes(content)
        with pytest.raises(PluginError, match=r"plugin\.toml"):
            load_manifest(tmp_path)


def test_a_manifest_survives_being_saved(make_plugin: MakePlugin) -> None:
    calibration = {"data": "d", "date": "2026-01-01", "pair": CURVE, "any": CURVE, "avg": CURVE}
    directory = make_plugin(
        plugin={"description": 'quotes " and \\ and Kyōko'},
        input={"fill": [1, 2, 3], "mean": [0.1, 0.2, 0.3], "layout": "NHWC"},
        training={"data": "d"},
        calibration=calibration,
    )
    manifest = load_manifest(directory)
    save_manifest(manifest, directory)
    assert load_manifest(directory) == manifest


@pytest.mark.parametrize("name", ["res18_single", "a", "v1.2+cu", "0"])
def test_names(name: str) -> None:
    assert is_plugin_name(name)


@pytest.mark.parametrize("name", ["", ".", "a/b", "a\\b", " a", "a\n", "-a", "~", "ä"])
def test_what_is_no_name(name: str) -> None:
    assert not is_plugin_name(name)


CHANGES: dict[str, Callable[[MakePlugin], Path]] = {
    "code": lambda make: make(files={"model.py": PLUGIN_ENTRY + "\n"}),
    "a helper": lambda make: make(files={"model.py": PLUGIN_ENTRY, "parts/helper.py": "X = 1"}),
    "weights of its own": lambda make: make(files={"model.py": PLUGIN_ENTRY, "weights.bin": "1"}),
    "size": lambda make: make(input={"size": 17}),
    "fit": lambda make: make(input={"fit": "squash"}),
    "fill": lambda make: make(input={"fill": [0, 0, 0]}),
    "similarity": lambda make: make(embedding={"similarity": "plugin"}),
    "version": lambda make: make(plugin={"version": "2"}),
    "name": lambda make: make(plugin={"name": "other"}),
}
NO_CHANGES: dict[str, Callable[[MakePlugin], Path]] = {
    "description": lambda make: make(plugin={"description": "better words"}),
    "licence": lambda make: make(plugin={"licence": "MIT"}),
    "training": lambda make: make(training={"data": "more is known now"}),
    "calibration": lambda make: make(
        calibration={"data": "d", "date": "x", "pair": CURVE, "any": CURVE, "avg": CURVE}
    ),
    "the card": lambda make: make(
        files={"model.py": PLUGIN_ENTRY, "CARD.md": "words"}, plugin={"card": "CARD.md"}
    ),
    "compiled code": lambda make: make(
        files={"model.py": PLUGIN_ENTRY, "__pycache__/model.cpython-310.pyc": "x"}
    ),
    "version control": lambda make: make(files={"model.py": PLUGIN_ENTRY, ".git/HEAD": "x"}),
    "another directory": lambda make: make("elsewhere/grey"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_id_changes_with_what_embeddings_depend_on(
    change: str, make_plugin: MakePlugin
) -> None:
    before = identity(make_plugin())
    assert identity(CHANGES[change](make_plugin)) != before


@pytest.mark.parametrize("change", NO_CHANGES)
def test_the_id_does_not_change_with_words(change: str, make_plugin: MakePlugin) -> None:
    before = identity(make_plugin())
    assert identity(NO_CHANGES[change](make_plugin)) == before


def test_the_id_of_a_network_changes_with_its_weights_alone(make_plugin: MakePlugin) -> None:
    model = {"entry": None, "weights": "m.onnx"}
    first = identity(make_plugin(files={"m.onnx": "1"}, model=model))
    assert identity(make_plugin(files={"m.onnx": "1", "notes.txt": "x"}, model=model)) == first
    assert identity(make_plugin(files={"m.onnx": "2"}, model=model)) != first


def test_weights_whose_digest_is_known_are_not_read_for_the_id(make_plugin: MakePlugin) -> None:
    model = {"entry": None, "weights": "m.onnx", "sha256": "0" * 64}
    first = identity(make_plugin(files={}, model=model))
    assert identity(make_plugin(files={}, model={**model, "sha256": "1" * 64})) != first


def test_missing_weights_without_a_digest(make_plugin: MakePlugin) -> None:
    directory = make_plugin(files={}, model={"entry": None, "weights": "m.onnx"})
    with pytest.raises(PluginError, match=r"m\.onnx: cannot read it"):
        identity(directory)


OPEN_SET = {
    "parameters": "backend.npz",
    "sha256": "0" * 64,
    "fitted_on": "a",
    "calibrated_on": "b",
    "date": "2026-11-24",
    "slope": 0.1,
    "intercept": 0.0,
    "at_1": 3.0,
    "at_5": 2.0,
    "at_10": 1.0,
}


def test_the_old_name_of_open_set_is_read_and_the_new_one_written(
    make_plugin: MakePlugin, tmp_path: Path
) -> None:
    old, new = make_plugin("old", backend=OPEN_SET), make_plugin("new", open_set=OPEN_SET)
    assert load_manifest(old) == load_manifest(new)
    # Libraries and caches stay good, also where a file of numbers lies beside code.
    (old / "backend.npz").write_bytes(b"numbers")
    assert identity(old).partition(":")[2] == identity(new).partition(":")[2]
    save_manifest(load_manifest(old), tmp_path)
    written = (tmp_path / "plugin.toml").read_text(encoding="utf-8")
    assert "[open_set]" in written
    assert "backend]" not in written
    with pytest.raises(PluginError, match=r"old name of \[open_set\]: keep one"):
        load_manifest(make_plugin("both", backend=OPEN_SET, open_set=OPEN_SET))
