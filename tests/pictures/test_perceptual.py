"""A hash that hardly changes when a picture is changed a little."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from kyara.pictures.perceptual import BYTES, MIRRORED, bits_of, perceptual_hash
from tests.support import noise


@pytest.fixture
def scene(tmp_path: Path) -> Image.Image:
    with Image.open(noise(tmp_path / "seed.png", 10)) as seed:
        return seed.convert("RGB").resize((240, 200), Image.Resampling.BICUBIC)


def differing(one: Image.Image, other: Image.Image, *, mirrored: bool = False) -> int:
    a, b = bits_of([perceptual_hash(one), perceptual_hash(other)])
    return int((a * MIRRORED != b).sum()) if mirrored else int((a != b).sum())


def saved(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def test_it_is_short_and_the_same_each_time(scene: Image.Image) -> None:
    assert len(perceptual_hash(scene)) == BYTES
    assert differing(scene, scene.copy()) == 0


def test_a_copy_differs_in_few_bits(scene: Image.Image) -> None:
    assert differing(scene, scene.resize((120, 100))) <= 4
    assert differing(scene, saved(scene, 50)) <= 4
    assert differing(scene, scene.convert("L").convert("RGB")) <= 4
    assert differing(scene, ImageOps.mirror(scene), mirrored=True) <= 4


def test_another_picture_differs_in_many(scene: Image.Image, tmp_path: Path) -> None:
    with Image.open(noise(tmp_path / "other.png", 10, seed=1)) as other:
        assert differing(scene, other.resize((240, 200), Image.Resampling.BICUBIC)) > 16
    assert differing(scene, ImageOps.mirror(scene)) > 16


def test_paper_is_behind_what_is_transparent(scene: Image.Image) -> None:
    clear = scene.convert("RGBA")
    clear.putalpha(0)
    paper = Image.new("RGB", scene.size, (255, 255, 255))
    assert perceptual_hash(clear) == perceptual_hash(paper)


def test_one_colour_has_a_hash(scene: Image.Image) -> None:
    rows = bits_of([perceptual_hash(Image.new("RGB", (9, 9))), perceptual_hash(scene)])
    assert np.isin(rows, (-1.0, 1.0)).all()
