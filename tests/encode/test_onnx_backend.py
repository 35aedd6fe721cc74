"""ONNX graphs get their crops in the dtype, range and layout that the manifest names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kyara.encode.onnx import OnnxBackend, as_network_input
from kyara.errors import PluginError
from kyara.manifest import (
    EmbeddingSpec,
    InputSpec,
    Manifest,
    ModelSpec,
    PluginSpec,
    save_manifest,
)
from kyara.runtime.device import CPU
from kyara.runtime.session import open_session
from tests.tiny_onnx import write_mean_colour

CROPS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
UINT8 = InputSpec(size=8, dtype="uint8", layout="NHWC")
FLOAT = InputSpec(size=8, dtype="float32", layout="NCHW", mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))
MIXED = InputSpec(size=8, dtype="float32", layout="NHWC")


def expected(spec: InputSpec) -> np.ndarray:
    """Mean colour of each crop after normalising, by hand."""
    means = CROPS.astype(np.float64).mean(axis=(1, 2))
    if spec.dtype == "uint8":
        return means
    return (means / 255 - np.array(spec.mean)) / np.array(spec.std)


@pytest.mark.parametrize("spec", [UINT8, FLOAT, MIXED])
def test_crops_take_the_form_of_the_manifest(spec: InputSpec) -> None:
    pixels = as_network_input(CROPS, spec)
    assert pixels.dtype == np.dtype(spec.dtype)
    assert pixels.flags.c_contiguous
    axes = (1, 2) if spec.layout == "NHWC" else (2, 3)
    assert pixels.shape == ((5, 8, 8, 3) if spec.layout == "NHWC" else (5, 3, 8, 8))
    np.testing.assert_allclose(pixels.mean(axis=axes), expected(spec), atol=1e-4)


def mean_colour_graph(spec: InputSpec) -> bytes:
    """A graph that averages over the pixels; a second output lies in wait."""
    onnx: Any = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    kind = kinds.UINT8 if spec.dtype == "uint8" else kinds.FLOAT
    shape = ["n", 8, 8, 3] if spec.layout == "NHWC" else ["n", 3, 8, 8]
    axes = [1, 2] if spec.layout == "NHWC" else [2, 3]
    nodes = [
        helper.make_node("Cast", ["crops"], ["floats"], to=kinds.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["colours"], axes=axes, keepdims=0),
        helper.make_node("Neg", ["colours"], ["negative"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("crops", kind, shape)],
        [helper.make_tensor_value_info(n, kinds.FLOAT, ["n", 3]) for n in ("negative", "colours")],
    )
    opset = helper.make_opsetid("", 13)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    return bytes(model.SerializeToString())


def plugin(folder: Path, spec: InputSpec, weights: bytes, **model: str) -> Manifest:
    (folder / "model.onnx").write_bytes(weights)
    manifest = Manifest(
        plugin=PluginSpec(name="mean", version="1"),
        model=ModelSpec(weights="model.onnx", **model),
        input=spec,
        embedding=EmbeddingSpec(dimension=3),
    )
    save_manifest(manifest, folder)
    return manifest


@pytest.mark.parametrize("spec", [UINT8, FLOAT, MIXED])
def test_a_graph_sees_what_the_manifest_promises(tmp_path: Path, spec: InputSpec) -> None:
    manifest = plugin(tmp_path, spec, mean_colour_graph(spec), output="colours")
    colours = OnnxBackend(tmp_path, manifest).encode(CROPS)
    np.testing.assert_allclose(colours, expected(spec), atol=1e-3)


def test_without_names_the_first_output_counts(tmp_path: Path) -> None:
    manifest = plugin(tmp_path, UINT8, mean_colour_graph(UINT8))
    colours = OnnxBackend(tmp_path, manifest).encode(CROPS)
    np.testing.assert_allclose(colours, -expected(UINT8), atol=1e-3)


def test_one_picture_at_a_time_gives_the_same(tmp_path: Path) -> None:
    backend = OnnxBackend(tmp_path, plugin(tmp_path, FLOAT, mean_colour_graph(FLOAT)))
    together = backend.encode(CROPS)
    apart = np.concatenate([backend.encode(CROPS[n : n + 1]) for n in range(len(CROPS))])
    np.testing.assert_allclose(together, apart, atol=1e-6)


@pytest.mark.parametrize("weights", [b"", b"no graph", b"\x08\x07" * 500])
def test_what_is_no_graph_is_refused(tmp_path: Path, weights: bytes) -> None:
    with pytest.raises(PluginError, match=r"model\.onnx: ONNX Runtime cannot run this") as raised:
        open_session(weights, tmp_path / "model.onnx", CPU)
    assert str(raised.value).isprintable()


def test_missing_weights_and_other_weights_are_refused(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"the right ones").hexdigest()
    manifest = plugin(tmp_path, UINT8, b"others", sha256=digest)
    with pytest.raises(PluginError, match="not those that the manifest names"):
        OnnxBackend(tmp_path, manifest)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(PluginError, match="cannot read the weights"):
        OnnxBackend(tmp_path, manifest)


def test_weights_in_other_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime would look for them in the current folder, or wherever the graph says."""
    onnx = pytest.importorskip("onnx")
    path = write_mean_colour(tmp_path / "model.onnx", 48)
    onnx.save(
        onnx.load(path),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
        convert_attribute=True,
    )
    assert (tmp_path / "weights.bin").exists()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError, match="other files"):
        open_session(path.read_bytes(), path, CPU)


def test_a_node_that_is_called_location_is_no_file(tmp_path: Path) -> None:
    path = write_mean_colour(tmp_path / "model.onnx", 48, names=("location", "embeddings"))
    open_session(path.read_bytes(), path, CPU)
