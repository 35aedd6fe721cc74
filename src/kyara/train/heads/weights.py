"""Starting from a YOLOX-nano that was trained on COCO, as an ONNX file has it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from kyara.errors import UsageError, one_line
from kyara.train.heads.network import HeadNet

__all__ = ["load_yolox"]

# Of a level, as YOLOX runs them: stem, four of the class, the classes, four of the box, the box,
# whether there is anything. Ours has one class instead of the first, and nothing of the last.
_LEVEL, _CLASSES, _ANYTHING = 12, 5, 11


def load_yolox(net: HeadNet, path: Path) -> None:
    """Give `net` the weights of the graph at `path`; its scores stay as they were made.

    Convolutions are told apart by their order and shape: names do not survive an export. The
    graph takes BGR and ours RGB, so the first one is turned round. The fourth level, which YOLOX
    has not, starts as its third.

    Raises:
        UsageError: it cannot be read, or is no YOLOX-nano with batch norm folded in.
    """
    theirs = _convolutions(path)
    ours = [m for part in (net.trunk, net.neck) for m in part.modules() if isinstance(m, nn.Conv2d)]
    expected = len(ours) + 3 * _LEVEL
    if len(theirs) != expected:
        what = f"no YOLOX-nano: {len(theirs)} convolutions with a bias, not {expected}"
        raise UsageError(what, where=path)
    pairs = list(zip(ours, theirs[: len(ours)], strict=True))
    for number in range(3):
        begin = len(ours) + number * _LEVEL
        level = [m for m in net.levels[number].modules() if isinstance(m, nn.Conv2d)]
        pairs += [
            (mine, theirs[begin + place])
            for place, mine in zip(range(_LEVEL), level, strict=False)
            if place not in (_CLASSES, _ANYTHING)
        ]
    with torch.no_grad():
        for number, (mine, (weight, bias)) in enumerate(pairs):
            if mine.weight.shape != weight.shape:
                what = f"no YOLOX-nano: convolution {number} has shape {tuple(weight.shape)}"
                raise UsageError(what, where=path)
            mine.weight.copy_(_as_rgb(weight) if number == 0 else weight)
            mine.bias.copy_(bias)  # type: ignore[union-attr]
        net.levels[3].load_state_dict(net.levels[2].state_dict())


def _as_rgb(weight: Tensor) -> Tensor:
    corners = weight.reshape(weight.shape[0], 4, 3, *weight.shape[2:])
    return corners.flip(2).reshape(weight.shape)


def _convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each, in the order in which they are run."""
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf's own exceptions share no base but Exception
        raise UsageError(f"no ONNX file: {one_line(error)}", where=path) from error
    stored = {tensor.name: tensor for tensor in graph.initializer}
    return [
        (
            torch.from_numpy(numpy_helper.to_array(stored[node.input[1]]).copy()),
            torch.from_numpy(numpy_helper.to_array(stored[node.input[2]]).copy()),
        )
        for node in graph.node
        if node.op_type == "Conv" and len(node.input) == 3 and node.input[2] in stored
    ]
