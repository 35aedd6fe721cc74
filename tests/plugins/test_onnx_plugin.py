"""Plugins that are an ONNX file and a manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from kyara.errors import PluginError
from kyara.plugins.discover import open_encoder
from tests.conftest import MakePlugin
from tests.tiny_onnx import write_mean_colour

CROPS = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def network(make_plugin: MakePlugin, **model: str | None) -> Path:
    merged = {"entry": None, "weights": "model.onnx", **model}
    spread = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
    directory = make_plugin("net", {}, model=merged, input=spread, embedding={"dimension": 7})
    write_mean_colour(directory / "model.onnx", 7)
    return directory


def failure(directory: Path) -> str:
    with pytest.raises(PluginError) as raised:
        open_encoder(str(directory)).encode(CROPS)
    assert str(raised.value).isprintable()
    return str(raised.value)


def test_a_network_gets_what_the_manifest_says(make_plugin: MakePlugin) -> None:
    encoder = open_encoder(str(network(make_plugin)))
    matrix = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)
    pixels = (CROPS / 255.0 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    expected = pixels.mean(axis=(1, 2)) @ matrix
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode(CROPS), expected, atol=1e-5)
    assert encoder.concurrent


@pytest.mark.parametrize("upper", [False, True])
def test_weights_with_the_right_digest(upper: bool, make_plugin: MakePlugin) -> None:
    directory = network(make_plugin)
    digest = hashlib.sha256((directory / "model.onnx").read_bytes()).hexdigest()
    directory = network(make_plugin, sha256=digest.upper() if upper else digest)
    assert open_encoder(str(directory)).encode(CROPS).shape == (5, 7)


def test_weights_with_another_digest_are_refused(make_plugin: MakePlugin) -> None:
    assert "sha256 differs" in failure(network(make_plugin, sha256="0" * 64))


def test_missing_weights(make_plugin: MakePlugin) -> None:
    directory = network(make_plugin, sha256="0" * 64)
    (directory / "model.onnx").unlink()
    assert "model.onnx: cannot read the weights" in failure(directory)


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x08\x12\x00" * 99])
def test_weights_that_are_no_network(content: bytes, make_plugin: MakePlugin) -> None:
    directory = network(make_plugin)
    (directory / "model.onnx").write_bytes(content)
    assert "model.onnx: ONNX Runtime cannot run this" in failure(directory)


def test_names_of_the_graph(make_plugin: MakePlugin) -> None:
    named = network(make_plugin, input="pixels", output="embeddings")
    assert open_encoder(str(named)).encode(CROPS).shape == (5, 7)
    message = failure(network(make_plugin, input="image"))
    assert "the graph has no input 'image', only: pixels" in message
    message = failure(network(make_plugin, output="features"))
    assert "the graph has no output 'features', only: embeddings" in message


def test_a_network_that_wants_another_input(make_plugin: MakePlugin) -> None:
    directory = network(make_plugin)
    write_mean_colour(directory / "model.onnx", 7, size=20)
    assert failure(directory).startswith("the encoder grey failed: ")


def test_a_network_with_another_dimension(make_plugin: MakePlugin) -> None:
    directory = network(make_plugin)
    write_mean_colour(directory / "model.onnx", 9)
    assert "expected embeddings of dimension 7, got 9" in failure(directory)
