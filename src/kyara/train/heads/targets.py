"""Which cell answers for which head, and what its answer costs.

Task-aligned assignment (TOOD, Feng et al. 2021, https://arxiv.org/abs/2108.07755): the cells
that are already best at a head, by score and box together, answer for it. The score that they are
to give is how good their box is (varifocal loss, Zhang et al. 2021,
https://arxiv.org/abs/2008.13367), so that the best box comes first. Boxes are drawn to the truth by
generalised IoU (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630), which also tells those
that do not touch it where to go.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from kyara.train.heads.config import TargetConfig

__all__ = ["Truth", "assign", "generalised_iou", "head_loss", "iou"]

_SCORE_POWER, _IOU_POWER = 0.5, 5.0
# A cell of stride s is right for heads of about this many strides a side.
_CELL_SIDE = 4.4
_TINY = 1e-9
# What a head's best cell is to say at least: boxes are poor at first, and a target of nothing
# would teach that there is nothing.
_LEAST = {True: 0.35, False: 0.1}


@dataclass(frozen=True)
class Truth:
    """Of one picture.

    Attributes:
        heads: (n, 4) left, top, right, bottom in pixels.
        ignored: (m, 4): cells in these count neither as right nor as wrong.
    """

    heads: Tensor
    ignored: Tensor


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Common area by area of both together; shapes (..., 4) that broadcast."""
    common, union, _ = _areas(a, b)
    return common / union


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the share of the smallest box around both that neither fills; -1 to 1."""
    common, union, around = _areas(a, b)
    return common / union - (around - union) / around


def _areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    inner = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    outer = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    common = inner.clamp(min=0).prod(-1)
    areas = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
    return common, areas - common + 1e-6, outer.prod(-1) + 1e-6


def assign(
    logits: Tensor,
    boxes: Tensor,
    heads: Tensor,
    cells: tuple[Tensor, Tensor],
    *,
    count: int,
    static: bool,
) -> tuple[Tensor, Tensor]:
    """Of one picture, the head that each cell answers for, and the score that it is to give.

    Args:
        logits, boxes: (a,), (a, 4): what the network says.
        heads: (n, 4), n > 0.
        cells: centres (a, 2) and strides (a,).
        count: cells that answer for a head, at most.
        static: by the cells alone, not by what the network says.

    Returns:
        Heads (a,), -1 for none, and scores (a,), 0 for none.
    """
    centres, strides = cells
    side = _CELL_SIDE / 2 * strides[:, None]
    still = iou(heads[:, None], torch.cat([centres - side, centres + side], dim=1)[None])
    overlap = iou(heads[:, None], boxes[None])
    if static:
        fit = still
    else:
        likely = logits.sigmoid().clamp(min=1e-4) ** _SCORE_POWER
        # The static part breaks ties between cells that are all equally bad.
        fit = likely[None] * overlap.clamp(min=1e-4) ** _IOU_POWER + 1e-6 * still
    fit = torch.where(_candidates(heads, centres, strides), fit, torch.zeros_like(fit))
    best, places = fit.topk(min(count, fit.shape[1]), dim=1)
    fit = torch.zeros_like(fit).scatter_(1, places, best)
    value, owner = fit.max(dim=0)  # a cell that two heads want goes to the one it fits better
    mine = functional.one_hot(owner, len(heads)).T.bool() & (value > 0)
    fit, overlap = fit * mine, overlap * mine
    quality = overlap.amax(dim=1, keepdim=True).clamp(min=_LEAST[static])
    scores = (fit / (fit.amax(dim=1, keepdim=True) + _TINY) * quality).amax(dim=0)
    return torch.where(value > 0, owner, -1), scores


def _candidates(heads: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """(n, a): cells with their centre in the head, and those nearest to a tiny one."""
    x, y = centres[None, :, 0], centres[None, :, 1]
    left, top, right, bottom = (heads[:, None, edge] for edge in range(4))
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    middle = (heads[:, None, :2] + heads[:, None, 2:]) / 2
    finest = strides[None] == strides.min()
    return inside | (((centres[None] - middle).abs().amax(-1) < strides[None]) & finest)


def head_loss(
    logits: Tensor,
    boxes: Tensor,
    truths: list[Truth],
    cells: tuple[Tensor, Tensor],
    config: TargetConfig,
    *,
    static: bool,
) -> Tensor:
    """The loss of a batch: logits (n, a), boxes (n, a, 4), a truth per picture."""
    wanted, counted = torch.zeros_like(logits), torch.ones_like(logits)
    found, true = [], []
    for n, truth in enumerate(truths):
        counted[n] = _outside(cells[0], truth.ignored)
        if not len(truth.heads):
            continue
        with torch.no_grad():
            owner, scores = assign(
                logits[n], boxes[n], truth.heads, cells, count=config.cells, static=static
            )
        answering = (owner >= 0).nonzero()[:, 0]
        wanted[n, answering], counted[n, answering] = scores[answering], 1.0
        found.append(boxes[n, answering])
        true.append(truth.heads[owner[answering]])
    total = wanted.sum().clamp(min=1.0)
    weights = torch.where(wanted > 0, wanted, config.negatives * logits.detach().sigmoid() ** 2)
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    loss = (entropy * weights * counted).sum() / total
    if found:
        apart = 1 - generalised_iou(torch.cat(found), torch.cat(true))
        loss = loss + config.box * (apart * wanted[wanted > 0]).sum() / total
    return loss


def _outside(centres: Tensor, areas: Tensor) -> Tensor:
    """(a,): 0 for cells with their centre in one of the areas (m, 4), else 1."""
    x, y = centres[None, :, 0], centres[None, :, 1]
    left, top, right, bottom = (areas[:, None, edge] for edge in range(4))
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return 1.0 - inside.any(dim=0).float()
