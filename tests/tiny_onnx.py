"""ONNX files for tests, written byte by byte: the package onnx comes only with `train`.

Of the format (onnx.proto3) only what a graph of a few nodes needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT, UINT8 = 1, 2


@dataclass(frozen=True)
class Node:
    op: str
    inputs: Sequence[str]
    output: str


def write_mean_colour(
    path: Path, dimension: int, *, size: int | str = 16, seed: int = 0, names: Sequence[str] = ()
) -> Path:
    """A network that projects a picture's mean colour.

    Input `pixels` (n, 3, size, size), float32; output `embeddings` (n, dimension), or other
    names.
    """
    pixels, embeddings = names or ("pixels", "embeddings")
    matrix = np.random.default_rng(seed).normal(size=(3, dimension)).astype(np.float32)
    nodes = [
        Node("GlobalAveragePool", [pixels], "pooled"),
        Node("Flatten", ["pooled"], "colour"),
        Node("MatMul", ["colour", "matrix"], embeddings),
    ]
    return _write(
        path,
        nodes,
        {"matrix": matrix},
        _value(pixels, FLOAT, ["n", 3, size, size]),
        _value(embeddings, FLOAT, ["n", dimension]),
    )


def write_differences(path: Path, dimension: int, *, of_directions: bool = True) -> Path:
    """A network that compares rows with each other: input `input` (n, dimension), output
    `output` (n, n).

    It gives (1 - cosine) / 2, as CCIP's; or else (1 - a · b) / 2, which hangs on the lengths.
    """
    rows = "unit" if of_directions else "input"
    nodes = [Node("LpNormalization", ["input"], "unit")] if of_directions else []
    nodes += [
        Node("Transpose", [rows], "turned"),
        Node("MatMul", [rows, "turned"], "product"),
        Node("Sub", ["one", "product"], "gap"),
        Node("Mul", ["gap", "half"], "output"),
    ]
    constants = {"one": np.ones(1, np.float32), "half": np.full(1, 0.5, np.float32)}
    shapes = (["n", dimension], ["n", "n"])
    values = [_value(*v) for v in (("input", FLOAT, shapes[0]), ("output", FLOAT, shapes[1]))]
    return _write(path, nodes, constants, *values)


def write_boxes(
    path: Path,
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    *,
    names: str = "scores boxes",
) -> Path:
    """A detector that says the same of every picture, but for how bright it is: input `pictures`
    (1, 3, h, w), float32; scores (1, a) times the mean of the first colour, boxes (1, a, 4)."""
    said, placed = names.split()
    nodes = [
        Node("GlobalAveragePool", ["pictures"], "pooled"),
        Node("Flatten", ["pooled"], "colour"),
        Node("MatMul", ["colour", "first"], "bright"),
        Node("Mul", ["bright", "given"], said),
        Node("Identity", ["places"], placed),
    ]
    constants = {
        "first": np.asarray([[1], [0], [0]], np.float32),
        "given": scores[None].astype(np.float32),
        "places": boxes[None].astype(np.float32),
    }
    count = len(scores)
    return _write(
        path,
        nodes,
        constants,
        _value("pictures", FLOAT, [1, 3, "h", "w"]),
        _value(said, FLOAT, [1, count]),
        _value(placed, FLOAT, [1, count, 4]),
    )


def _write(
    path: Path,
    nodes: Sequence[Node],
    constants: dict[str, NDArray[np.float32]],
    given: bytes,
    *made: bytes,
) -> Path:
    graph = b"".join(_field(1, _node(node)) for node in nodes)
    graph += _field(2, b"g")
    graph += b"".join(_field(5, _tensor(name, array)) for name, array in constants.items())
    graph += _field(11, given) + b"".join(_field(12, one) for one in made)
    opset = _field(2, 13)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, opset))
    return path


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _node(node: Node) -> bytes:
    inputs = b"".join(_field(1, name) for name in node.inputs)
    return inputs + _field(2, node.output) + _field(4, node.op)


def _tensor(name: str, array: NDArray[np.float32]) -> bytes:
    dims = b"".join(_field(1, length) for length in array.shape)
    return dims + _field(2, FLOAT) + _field(8, name) + _field(9, array.astype("<f4").tobytes())


def _value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    dims = b"".join(
        _field(1, _field(2, side) if isinstance(side, str) else _field(1, side)) for side in shape
    )
    tensor_type = _field(1, kind) + _field(2, dims)
    return _field(1, name) + _field(2, _field(1, tensor_type))
