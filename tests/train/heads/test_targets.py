"""Which cell answers for which head: worked by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from kyara.train.heads.config import TargetConfig  # noqa: E402
from kyara.train.heads.network import cells  # noqa: E402
from kyara.train.heads.targets import Truth, assign, generalised_iou, head_loss, iou  # noqa: E402

pytestmark = pytest.mark.train

GRID = cells(128, 128)
NOTHING = torch.zeros(0, 4)


def boxes_around(heads: torch.Tensor | None = None) -> torch.Tensor:
    """For each cell a box of two strides around it; or `heads` for all."""
    centres, strides = GRID
    if heads is not None:
        return heads.expand(len(centres), 4).clone()
    return torch.cat([centres - strides[:, None], centres + strides[:, None]], dim=1)


def test_overlaps_by_hand() -> None:
    a = torch.tensor([0.0, 0.0, 2.0, 2.0])
    b = torch.tensor([1.0, 0.0, 3.0, 2.0])
    far = torch.tensor([4.0, 0.0, 6.0, 2.0])
    assert iou(a, b).item() == pytest.approx(2 / 6, abs=1e-5)
    assert generalised_iou(a, b).item() == pytest.approx(2 / 6, abs=1e-5)  # nothing is left over
    assert iou(a, far).item() == 0.0
    assert generalised_iou(a, far).item() == pytest.approx(-(12 - 8) / 12, abs=1e-5)


@pytest.mark.parametrize(("side", "stride"), [(30.0, 8.0), (70.0, 16.0), (120.0, 32.0)])
def test_at_first_the_size_of_a_head_chooses_the_level(side: float, stride: float) -> None:
    head = torch.tensor([[64 - side / 2, 64 - side / 2, 64 + side / 2, 64 + side / 2]])
    logits = torch.zeros(len(GRID[0]))
    owner, scores = assign(logits, boxes_around(), head, GRID, count=4, static=True)
    assert int((owner == 0).sum()) == 4
    assert set(GRID[1][owner == 0].tolist()) == {stride}
    assert scores.max().item() > 0.34


def test_later_the_best_box_answers_and_says_how_good_it_is() -> None:
    head = torch.tensor([[20.0, 20.0, 60.0, 60.0]])
    boxes = boxes_around()
    right, near = 16 * 4 + 4, 16 * 5 + 5  # cells of stride 8 with their centre in the head
    boxes[right] = head[0]
    boxes[near] = torch.tensor([20.0, 20.0, 60.0, 50.0])
    owner, scores = assign(torch.zeros(len(boxes)), boxes, head, GRID, count=2, static=False)
    assert set((owner == 0).nonzero()[:, 0].tolist()) == {right, near}
    assert scores[right].item() == pytest.approx(1.0, abs=1e-3)
    assert scores[near].item() == pytest.approx(0.75**5, abs=1e-3)


def test_a_cell_answers_for_one_head() -> None:
    heads = torch.tensor([[20.0, 20.0, 60.0, 60.0], [24.0, 24.0, 64.0, 64.0]])
    boxes = boxes_around(heads[0])
    owner, _ = assign(torch.zeros(len(boxes)), boxes, heads, GRID, count=5, static=False)
    assert set(owner.tolist()) <= {-1, 0, 1}
    assert int((owner == 0).sum()) == 5


def test_a_tiny_head_has_a_cell_although_no_centre_is_in_it() -> None:
    head = torch.tensor([[5.0, 5.0, 11.0, 11.0]])
    owner, _ = assign(torch.zeros(len(GRID[0])), boxes_around(), head, GRID, count=9, static=True)
    assert (owner == 0).any()


def loss(
    logits: torch.Tensor, boxes: torch.Tensor, heads: torch.Tensor, ignored: torch.Tensor = NOTHING
) -> float:
    truths = [Truth(heads, ignored)]
    config = TargetConfig()
    return float(head_loss(logits[None], boxes[None], truths, GRID, config, static=False))


def test_to_be_right_costs_less() -> None:
    head = torch.tensor([[20.0, 20.0, 60.0, 60.0]])
    silent = torch.full((len(GRID[0]),), -6.0)
    seen = silent.clone()
    seen[16 * 4 + 4] = 3.0
    right = boxes_around()
    right[16 * 4 + 4] = head[0]
    assert loss(seen, right, head) < loss(silent, right, head)
    assert loss(seen, right, head) < loss(seen, boxes_around(), head)
    assert loss(silent, right, NOTHING) < loss(seen, right, NOTHING)


def test_what_is_ignored_costs_nothing() -> None:
    loud = torch.full((len(GRID[0]),), 3.0)
    everywhere = torch.tensor([[-200.0, -200.0, 400.0, 400.0]])
    assert loss(loud, boxes_around(), NOTHING, everywhere) == 0.0
    half = torch.tensor([[0.0, 0.0, 128.0, 64.0]])
    assert 0 < loss(loud, boxes_around(), NOTHING, half) < loss(loud, boxes_around(), NOTHING)


def test_gradients_reach_boxes_and_scores() -> None:
    logits = torch.zeros(1, len(GRID[0]), requires_grad=True)
    boxes = boxes_around()[None].clone().requires_grad_()
    truths = [Truth(torch.tensor([[20.0, 20.0, 60.0, 60.0]]), NOTHING)]
    head_loss(logits, boxes, truths, GRID, TargetConfig(), static=True).backward()
    assert torch.isfinite(logits.grad).all()
    assert int((boxes.grad[0].abs().sum(1) > 0).sum()) == TargetConfig().cells
