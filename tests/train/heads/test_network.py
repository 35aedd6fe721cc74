"""The network: its answers belong to its cells, and it starts where YOLOX stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")
onnx = pytest.importorskip("onnx", reason="needs the extra `train` (onnx)")

from kyara.errors import UsageError  # noqa: E402
from kyara.train.heads.network import STRIDES, HeadNet, cells  # noqa: E402
from kyara.train.heads.weights import load_yolox  # noqa: E402

pytestmark = pytest.mark.train


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_there_is_an_answer_for_each_cell(size: tuple[int, int]) -> None:
    logits, boxes = HeadNet().eval()(torch.zeros(2, 3, *size))
    centres, strides = cells(*size)
    assert logits.shape == (2, len(centres))
    assert boxes.shape == (2, len(centres), 4)
    assert sorted(set(strides.tolist())) == list(STRIDES)


def test_a_box_is_near_its_cell() -> None:
    net = HeadNet().eval()
    with torch.no_grad():
        for level in net.levels:
            level.box.weight.zero_()
            level.box.bias.zero_()
        _, boxes = net(torch.zeros(1, 3, 64, 96))
    centres, strides = cells(64, 96)
    # Nothing said: a box one stride wide, around the corner of the cell.
    assert torch.allclose(boxes[0, :, 2:] - boxes[0, :, :2], strides[:, None].expand(-1, 2))
    assert torch.allclose((boxes[0, :, :2] + boxes[0, :, 2:]) / 2, centres - strides[:, None] / 2)


def test_the_coarsest_level_begins_as_the_one_before_at_half_size() -> None:
    net = HeadNet().eval()
    x = torch.rand(1, 256, 2, 2)
    with torch.no_grad():
        assert torch.count_nonzero(net.coarser(x)) == 0


def test_the_first_layer_sees_squares_of_four_pixels_as_channels() -> None:
    stage = HeadNet().trunk.stage1
    x = torch.rand(2, 3, 10, 14)
    corners = (x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2])
    layer = stage[0]
    expected = torch.nn.functional.conv2d(
        torch.cat(corners, 1), layer.weight, layer.bias, padding=1
    )
    assert torch.allclose(stage(x), torch.nn.functional.silu(expected), atol=1e-5)


def test_frozen_stages_have_no_gradient() -> None:
    net = HeadNet()
    net.freeze(2)
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert not any(name.startswith(("trunk.stage1", "trunk.stage2")) for name in trained)
    assert any(name.startswith("trunk.stage3") for name in trained)
    assert any(name.startswith("neck") for name in trained)


def write_yolox(net: HeadNet, path: Path) -> None:
    """The convolutions of `net` as YOLOX's graph has them: BGR, 80 classes, three levels."""
    tensors, nodes = [], []

    def add(layer: torch.nn.Conv2d) -> None:
        number = len(nodes)
        for kind in ("weight", "bias"):
            array = getattr(layer, kind).detach().numpy()
            tensors.append(onnx.numpy_helper.from_array(array, f"{kind}{number}"))
        inputs = [f"x{number}", f"weight{number}", f"bias{number}"]
        nodes.append(onnx.helper.make_node("Conv", inputs, [f"x{number + 1}"]))

    bodies = [m for part in (net.trunk, net.neck) for m in part.modules()]
    for number, layer in enumerate(m for m in bodies if isinstance(m, torch.nn.Conv2d)):
        if number == 0:
            first = torch.nn.Conv2d(12, 16, 3)
            order = [corner * 3 + colour for corner in range(4) for colour in (2, 1, 0)]
            first.weight.data, first.bias.data = layer.weight.data[:, order], layer.bias.data
            add(first)
        else:
            add(layer)
    for level in net.levels[:3]:
        layers = [m for m in level.modules() if isinstance(m, torch.nn.Conv2d)]
        layers[5] = torch.nn.Conv2d(64, 80, 1)
        for layer in [*layers, torch.nn.Conv2d(64, 1, 1)]:
            add(layer)
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "yolox", [], [], tensors)), path)


def test_it_takes_over_the_weights_of_yolox(tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs, ours = HeadNet().eval(), HeadNet().eval()
    write_yolox(theirs, tmp_path / "yolox.onnx")
    scores = ours.levels[0].score.weight.clone()
    load_yolox(ours, tmp_path / "yolox.onnx")
    pixels = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        for (_, a), (_, b) in zip(ours.raw(pixels)[:3], theirs.raw(pixels)[:3], strict=True):
            assert torch.allclose(a, b, atol=1e-5)
    assert torch.equal(ours.levels[0].score.weight, scores)
    assert torch.equal(ours.levels[3].box.weight, ours.levels[2].box.weight)


def test_another_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "other", [], [])), path)
    with pytest.raises(UsageError, match="no YOLOX-nano: 0 convolutions"):
        load_yolox(HeadNet(), path)
    path.write_bytes(b"none")
    with pytest.raises(UsageError, match="no ONNX file"):
        load_yolox(HeadNet(), path)
