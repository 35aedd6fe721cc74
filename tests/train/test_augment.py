"""Views that another hand could have drawn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

import torch
from PIL import Image, ImageDraw

from kyara.train.augment import Augmentation
from kyara.train.config import AugmentConfig

_ONLY_LINES = AugmentConfig(
    crop_scale=(1.0, 1.0), affine=0.0, warp=0.0, line_art=1.0, jpeg=0.0, erase=0.0
)


@pytest.mark.parametrize("seed", range(12))
def test_line_art_is_dark_where_colours_meet_and_paper_elsewhere(seed: int) -> None:
    picture = Image.new("RGB", (64, 64), (250, 200, 40))
    ImageDraw.Draw(picture).rectangle((16, 16, 47, 47), fill=(30, 30, 160))
    torch.manual_seed(seed)
    view = Augmentation(_ONLY_LINES)(picture, 64).numpy()
    assert (view[0] == view[1]).all()
    assert (view[1] == view[2]).all()
    grey = view[0].astype(int)
    assert grey.min() < 128
    middle, corner = grey[28:36, 28:36], grey[:4, :4]
    assert middle.min() > 240
    assert corner.min() > 240


def test_no_two_hands_draw_alike() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    torch.manual_seed(0)
    augment = Augmentation(_ONLY_LINES)
    views = {augment(picture, 64).numpy().tobytes() for _ in range(8)}
    assert len(views) == 8
