"""The network: YOLOX-nano (Ge et al. 2021, https://arxiv.org/abs/2107.08430) with one class and
a fourth level for heads that fill the picture.

Batch norm is folded into the convolutions, as in the weights that it starts from: with clipped
gradients it trains as well without, and small batches do not disturb it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["STRIDES", "HeadNet", "cells"]

STRIDES = (8, 16, 32, 64)
_WIDTH = 64
# A head is rare among cells: sigmoid(-4.5) = 0.011, so that the first steps do not go into
# unlearning what random weights claim (Lin et al. 2017).
_PRIOR = -4.5
_LONGEST = 6.0  # e^6 strides: no box is wider, and exp cannot overflow early on


def _convolution(
    into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Module:
    layer = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups)
    return nn.Sequential(layer, nn.SiLU(inplace=True))


def _separable(into: int, out: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(_convolution(into, into, 3, stride, into), _convolution(into, out))


class _Bottleneck(nn.Module):
    def __init__(self, width: int, shortcut: bool) -> None:
        super().__init__()
        self.narrow, self.look = _convolution(width, width), _separable(width, width)
        self._shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.look(self.narrow(x))
        return y + x if self._shortcut else y


class _CrossStage(nn.Module):
    """Half of the channels go through bottlenecks, the other half past them."""

    def __init__(self, into: int, out: int, depth: int = 1, shortcut: bool = False) -> None:
        super().__init__()
        half = out // 2
        self.through, self.past = _convolution(into, half), _convolution(into, half)
        self.blocks = nn.Sequential(*(_Bottleneck(half, shortcut) for _ in range(depth)))
        self.join = _convolution(2 * half, out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.join(torch.cat([self.blocks(self.through(x)), self.past(x)], dim=1))
        return y


class _Pyramid(nn.Module):
    """Maxima over ever larger surroundings (SPP)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.narrow, self.join = _convolution(width, width // 2), _convolution(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        around = [functional.max_pool2d(x, k, stride=1, padding=k // 2) for k in (5, 9, 13)]
        y: Tensor = self.join(torch.cat([x, *around], dim=1))
        return y


class _Stem(nn.Sequential):
    """YOLOX's first layer: (n, 3, h, w) with the four pixels of a square as channels, and 3 x 3 of
    those. Run as 6 x 6 pixels with stride 2, which is the same and moves no pixels about."""

    def __init__(self, out: int) -> None:
        super().__init__(nn.Conv2d(12, out, 3), nn.SiLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        layer = self[0]
        assert isinstance(layer, nn.Conv2d)
        # In YOLOX's order: by column of the square, by row, by colour.
        squares = layer.weight.view(-1, 2, 2, 3, 3, 3).permute(0, 3, 4, 2, 5, 1)
        weight = squares.reshape(-1, 3, 6, 6)
        return functional.silu(functional.conv2d(x, weight, layer.bias, stride=2, padding=2))


class _Trunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage1 = _Stem(16)
        self.stage2 = nn.Sequential(_separable(16, 32, 2), _CrossStage(32, 32, 1, True))
        self.stage3 = nn.Sequential(_separable(32, 64, 2), _CrossStage(64, 64, 3, True))
        self.stage4 = nn.Sequential(_separable(64, 128, 2), _CrossStage(128, 128, 3, True))
        self.stage5 = nn.Sequential(_separable(128, 256, 2), _Pyramid(256), _CrossStage(256, 256))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.stage3(self.stage2(self.stage1(x)))
        middle = self.stage4(fine)
        return fine, middle, self.stage5(middle)


class _Neck(nn.Module):
    """What is coarse tells what is fine, and back (PAFPN)."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow5, self.down4 = _convolution(256, 128), _CrossStage(256, 128)
        self.narrow4, self.down3 = _convolution(128, 64), _CrossStage(128, 64)
        self.to4, self.up4 = _separable(64, 64, 2), _CrossStage(128, 128)
        self.to5, self.up5 = _separable(128, 128, 2), _CrossStage(256, 256)

    def forward(self, x3: Tensor, x4: Tensor, x5: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        coarse = self.narrow5(x5)
        middle = self.narrow4(self.down4(torch.cat([_doubled(coarse), x4], dim=1)))
        y3: Tensor = self.down3(torch.cat([_doubled(middle), x3], dim=1))
        y4: Tensor = self.up4(torch.cat([self.to4(y3), middle], dim=1))
        y5: Tensor = self.up5(torch.cat([self.to5(y4), coarse], dim=1))
        return y3, y4, y5


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class _Level(nn.Module):
    """What is said of the cells of one stride: a score and a box."""

    def __init__(self, into: int) -> None:
        super().__init__()
        self.stem = _convolution(into, _WIDTH)
        self.judge = nn.Sequential(_separable(_WIDTH, _WIDTH), _separable(_WIDTH, _WIDTH))
        self.score = nn.Conv2d(_WIDTH, 1, 1)
        self.place = nn.Sequential(_separable(_WIDTH, _WIDTH), _separable(_WIDTH, _WIDTH))
        self.box = nn.Conv2d(_WIDTH, 4, 1)
        with torch.no_grad():
            self.score.weight.normal_(std=0.01)
            self.score.bias.fill_(_PRIOR)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(x)
        return self.score(self.judge(x)), self.box(self.place(x))


class HeadNet(nn.Module):
    """From pixels (n, 3, h, w), RGB 0 to 255, sides multiples of 32, to scores and boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.neck = _Trunk(), _Neck()
        self.levels = nn.ModuleList([_Level(64), _Level(128), _Level(256), _Level(256)])
        self.coarser = _CrossStage(256, 256)
        # The fourth level begins as the third one, seen at half size; what `coarser` adds grows
        # from nothing.
        with torch.no_grad():
            for parameter in self.coarser.join.parameters():
                parameter.zero_()

    def raw(self, pixels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of each level, logits (n, 1, h, w) and boxes (n, 4, h, w) in units of its stride."""
        features = list(self.neck(*self.trunk(pixels)))
        half = functional.max_pool2d(features[-1], 3, stride=2, padding=1)
        features.append(half + self.coarser(half))
        return [level(x) for level, x in zip(self.levels, features, strict=True)]

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, a) and boxes (n, a, 4): left, top, right, bottom in pixels."""
        logits, boxes = [], []
        for (score, box), stride in zip(self.raw(pixels), STRIDES, strict=True):
            logits.append(score.flatten(1))
            boxes.append(_corners(box, stride))
        return torch.cat(logits, dim=1), torch.cat(boxes, dim=1)

    def freeze(self, stages: int) -> None:
        """Keep the first stages of the trunk as they are."""
        for name, parameter in self.trunk.named_parameters():
            parameter.requires_grad_(int(name[len("stage")]) > stages)


def _corners(box: Tensor, stride: int) -> Tensor:
    """(n, 4, h, w) as the network says it to (n, h * w, 4) in pixels."""
    height, width = box.shape[2:]
    down = torch.arange(height, device=box.device, dtype=box.dtype)[:, None]
    across = torch.arange(width, device=box.device, dtype=box.dtype)[None]
    x, y = (box[:, 0] + across) * stride, (box[:, 1] + down) * stride
    half = torch.exp(box[:, 2:].clamp(max=_LONGEST)) * (stride / 2)
    edges = [x - half[:, 0], y - half[:, 1], x + half[:, 0], y + half[:, 1]]
    return torch.stack(edges, dim=-1).flatten(1, 2)


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Centres (a, 2) as x, y in pixels, and strides (a,), in the order of `HeadNet`'s answers."""
    centres, strides = [], []
    for stride in STRIDES:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres.append((torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(centres), torch.cat(strides)
