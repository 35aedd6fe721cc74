"""Augmentation that teaches what changes between artists and copies, not who is drawn."""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torchvision.transforms import v2

from kyara.pictures.read import PAPER, flatten
from kyara.train.config import AugmentConfig

__all__ = ["Augmentation", "drawn_in_lines", "line_art", "recompressed"]

_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))


class Augmentation:
    """Turns a picture (RGB or RGBA) into a training view; all chance is torch's generator.

    The view is a uint8 tensor of shape (3, size, size).
    """

    def __init__(self, config: AugmentConfig) -> None:
        self._config = config
        self._colour = v2.ColorJitter(0.35, 0.35, 0.35, config.hue)
        self._affine = v2.RandomAffine(
            config.rotation,
            scale=(0.85, 1.15),
            shear=8.0,
            interpolation=v2.InterpolationMode.BILINEAR,
            fill=list(PAPER),
        )
        self._erase = v2.RandomErasing(config.erase, scale=(0.02, 0.25), value="random")

    def __call__(self, image: Image.Image, size: int) -> Tensor:
        config = self._config
        picture = flatten(image, PAPER) if image.mode == "RGB" else self._lay_on_background(image)
        if _chance(0.5):
            picture = ImageOps.mirror(picture)
        picture = self._crop(_to_square(picture), size)
        if _chance(config.warp):
            picture = _warped(picture)
        if _chance(config.affine):
            picture = self._affine(picture)
        picture = self._restyle(picture)
        if _chance(config.jpeg):
            picture = recompressed(picture, _integer(25, 91))
        view: Tensor = self._erase(v2.functional.pil_to_tensor(picture))
        return view

    def _lay_on_background(self, image: Image.Image) -> Image.Image:
        if not _chance(self._config.background):
            return flatten(image, PAPER)
        background = _random_background(image.size)
        background.paste(image, mask=image.getchannel("A"))
        return background

    def _crop(self, picture: Image.Image, size: int) -> Image.Image:
        crop = v2.RandomResizedCrop(size, scale=self._config.crop_scale, ratio=(0.8, 1.25))
        cropped: Image.Image = crop(picture)
        return cropped

    def _restyle(self, picture: Image.Image) -> Image.Image:
        config = self._config
        if _chance(config.line_art):
            return drawn_in_lines(picture)
        if _chance(config.colour):
            picture = self._colour(picture)
        if _chance(config.posterise):
            picture = ImageOps.posterize(picture, _integer(2, 5))
        if _chance(config.grey):
            picture = ImageOps.grayscale(picture).convert("RGB")
            if _chance(config.halftone / max(config.grey, 1e-9)):
                picture = picture.convert("1").convert("RGB")
        if _chance(config.blur):
            picture = picture.filter(ImageFilter.GaussianBlur(_uniform(0.4, 1.4)))
        return picture


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _integer(low: int, high: int) -> int:
    return int(torch.randint(low, high, ()))


def _chance(probability: float) -> bool:
    return float(torch.rand(())) < probability


def _random_colour() -> tuple[int, int, int]:
    return (_integer(0, 256), _integer(0, 256), _integer(0, 256))


def _random_background(size: tuple[int, int]) -> Image.Image:
    """Plain, a gradient, or soft blotches, in any colours."""
    pick = torch.rand(()).item()
    if pick < 0.4:
        return Image.new("RGB", size, _random_colour())
    cells = (2, 2) if pick < 0.7 else (_integer(3, 12), _integer(3, 12))
    values = torch.randint(0, 256, (cells[1], cells[0], 3), dtype=torch.uint8).numpy()
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def _to_square(picture: Image.Image) -> Image.Image:
    """Padded to a square; mostly with paper, as when the model is used."""
    side = max(picture.size)
    if picture.width == picture.height:
        return picture
    fill = PAPER if _chance(0.7) else _random_colour()
    square = Image.new("RGB", (side, side), fill)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _warped(picture: Image.Image) -> Image.Image:
    """The nodes of a grid moved about: proportions differ between artists as much as lines do."""
    cells, reach = 4, 0.3
    size = np.asarray(picture.size)
    places = torch.stack(
        torch.meshgrid(torch.arange(cells + 1), torch.arange(cells + 1), indexing="xy"), dim=-1
    )
    moved = places + reach * (2 * torch.rand(places.shape) - 1)
    moved[[0, -1], :, 1] = places[[0, -1], :, 1].float()
    moved[:, [0, -1], 0] = places[:, [0, -1], 0].float()
    nodes, grid = moved.numpy() / cells * size, (places.numpy() / cells * size).astype(int)
    mesh = [
        (
            (*grid[row, column], *grid[row + 1, column + 1]),
            # Pillow wants the corners anti-clockwise from the upper left.
            tuple(np.concatenate([nodes[row + down, column + right] for down, right in _CORNERS])),
        )
        for row in range(cells)
        for column in range(cells)
    ]
    return picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    """A copy that went through JPEG."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def line_art(
    picture: Image.Image, fine: float = 0.6, coarse: float = 2.0, gain: float = 6.0
) -> Image.Image:
    """Dark lines on paper: where grey is darker than its blurred surroundings."""
    grey = ImageOps.grayscale(picture)
    return _inked(_blurred(grey, coarse) - _blurred(grey, fine), gain)


def _contours(picture: Image.Image, reach: int, soft: float, gain: float) -> Image.Image:
    """Dark lines on paper: where grey is darker than the brightest within `reach` pixels, an odd
    number, so shapes have outlines even where nobody drew one."""
    grey = ImageOps.grayscale(picture).filter(ImageFilter.GaussianBlur(soft))
    brightest = np.asarray(grey.filter(ImageFilter.MaxFilter(reach)), dtype=np.float32)
    return _inked(brightest - np.asarray(grey, dtype=np.float32), gain)


def drawn_in_lines(picture: Image.Image) -> Image.Image:
    """As one of many hands, or programs, would; which one is left to chance."""
    if _chance(0.5):
        return line_art(picture, _uniform(0.4, 0.9), _uniform(1.5, 3.0), _uniform(4.0, 9.0))
    return _contours(picture, _integer(1, 3) * 2 + 1, _uniform(0.0, 0.8), _uniform(1.0, 3.0))


def _blurred(grey: Image.Image, deviation: float) -> NDArray[np.float32]:
    return np.asarray(grey.filter(ImageFilter.GaussianBlur(deviation)), dtype=np.float32)


def _inked(darker: NDArray[np.float32], gain: float) -> Image.Image:
    lines = np.clip(255.0 - gain * np.maximum(darker, 0.0), 0, 255).astype(np.uint8)
    return Image.fromarray(lines).convert("RGB")
