"""Exported graphs tell nothing of the computer that they were made on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra `train`")

from onnx import TensorProto, helper  # noqa: E402

from kyara.runtime.device import CPU  # noqa: E402
from kyara.runtime.session import open_session  # noqa: E402
from kyara.train.anonymous import without_traces  # noqa: E402

SECRET = "/home/somebody/models/net.py"


def _told(part: object) -> object:
    entry = part.metadata_props.add()  # type: ignore[attr-defined]
    entry.key, entry.value = "stack_trace", f'File "{SECRET}", line 3'
    part.doc_string = SECRET  # type: ignore[attr-defined]
    return part


def _branch(name: str, factor: float) -> object:
    """A graph within a graph."""
    by = helper.make_tensor(f"{name}_by", TensorProto.FLOAT, [1], [factor])
    node = _told(helper.make_node("Mul", ["x", f"{name}_by"], [f"{name}_out"]))
    out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, [2])
    return helper.make_graph([node], name, [], [_told(out)], [_told(by)])


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """x is doubled or tripled; everything in it says where it comes from."""
    fork = helper.make_node(
        "If", ["yes"], ["y"], then_branch=_branch("two", 2.0), else_branch=_branch("three", 3.0)
    )
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]),
        helper.make_tensor_value_info("yes", TensorProto.BOOL, []),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    whole = helper.make_graph([_told(fork)], "main", inputs, [output])
    model = helper.make_model(_told(whole), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    path = tmp_path / "model.onnx"
    onnx.save(_told(model), str(path))
    assert path.read_bytes().count(SECRET.encode()) > 10
    return path


def test_no_path_is_left_at_any_depth_and_the_answers_stay(graph: Path) -> None:
    clean = without_traces(graph)
    assert SECRET.encode() not in clean
    assert b"stack_trace" not in clean
    onnx.checker.check_model(clean)
    session = open_session(clean, graph, CPU)
    for yes, factor in ((True, 2), (False, 3)):
        asked = {"x": np.array([1, 5], np.float32), "yes": np.array(yes)}
        assert session.run(["y"], asked)[0].tolist() == [factor, 5 * factor]
