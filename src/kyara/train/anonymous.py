"""What an ONNX file tells of the computer that it was made on, taken out of it.

torch writes into every node where in the code it comes from: stack traces with the paths of
whoever trained, of no use to anybody else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["without_traces"]


def without_traces(path: Path) -> bytes:
    """The graph at `path` as bytes, without metadata and doc strings, at any depth; it computes
    what it computed."""
    import onnx

    model = onnx.load(str(path))
    del model.metadata_props[:]
    model.ClearField("doc_string")
    _clean(model.graph)
    for function in model.functions:
        _clean(function)
    return bytes(model.SerializeToString())


def _clean(graph: Any) -> None:
    parts = [graph, *graph.node, *graph.value_info]
    if hasattr(graph, "initializer"):  # a graph, not a function
        parts += [*graph.input, *graph.output, *graph.initializer]
    for part in parts:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for node in graph.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
            for inner in (attribute.g, *attribute.graphs) if _has_graph(attribute) else ():
                _clean(inner)


def _has_graph(attribute: Any) -> bool:
    return attribute.HasField("g") or bool(attribute.graphs)
