"""An explanation as a picture: two crops, a heat map over each, and what the colours mean."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from kyara.files import new_file, writing
from kyara.identify.explain import METHOD, Explanation, Occlusion
from kyara.types import FloatArray, PixelArray

__all__ = ["draw_explanation", "write_explanation"]

SIDE, GAP, MARGIN = 360, 24, 28
INK, SOFT, PAGE = (29, 28, 26), (99, 96, 90), (255, 255, 255)
# Orange and blue: they stay apart for people who do not tell red from green.
FOR, AGAINST = (217, 95, 2), (33, 102, 172)
FLAT = 1e-3
"""Where nothing that is hidden changes the score by more, no part stands out."""


def write_explanation(path: Path, explanation: Explanation, sentence: str) -> None:
    """Write it as PNG; its text is in the file's metadata too.

    Raises:
        OutputError: it cannot be written, or a file of that name is there.
    """
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", "Kyara")
    about.add_itxt("Description", " ".join([sentence, *_legend(explanation), f"Method: {METHOD}."]))
    stream = io.BytesIO()
    draw_explanation(explanation, sentence).save(stream, "PNG", pnginfo=about)
    with writing(path, what="cannot write the explanation"), new_file(path) as part:
        part.write_bytes(stream.getvalue())


def draw_explanation(explanation: Explanation, sentence: str) -> Image.Image:
    """The two crops side by side, below each the same with its heat map, and a legend.

    Args:
        sentence: the verdict, for the top.
    """
    width = 2 * MARGIN + 2 * SIDE + GAP
    top = MARGIN + 56
    bottom = top + 2 * SIDE + GAP
    page = Image.new("RGB", (width, bottom + 22 + 24 + 24 * 4 + MARGIN), PAGE)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, MARGIN - 8), sentence, INK, ImageFont.load_default(19))
    scale = _scale(explanation)
    pairs = zip(explanation.crops, explanation.maps, ("A", "B"), strict=True)
    for n, (crop, heat, name) in enumerate(pairs):
        left = MARGIN + n * (SIDE + GAP)
        pen.text((left, top - 24), name, SOFT, ImageFont.load_default(16))
        page.paste(_enlarged(crop), (left, top))
        smooth = _at_each_stride(heat, explanation.occlusion)
        page.paste(_overlaid(crop, smooth, scale), (left, top + SIDE + GAP))
        for y in (top, top + SIDE + GAP):
            pen.rectangle((left - 1, y - 1, left + SIDE, y + SIDE), outline=(220, 217, 210))
    _draw_legend(page, bottom + 22, explanation)
    return page


def _scale(explanation: Explanation) -> float:
    """The change of the score that has the full colour: the same for both crops."""
    return max(float(np.abs(heat).max()) for heat in explanation.maps)


def _enlarged(crop: PixelArray) -> Image.Image:
    return Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _at_each_stride(heat: FloatArray, occlusion: Occlusion) -> FloatArray:
    """The map without the steps that come from the patches: one value for each stride."""
    cells = max(1, round(occlusion.size / occlusion.stride))
    small = Image.fromarray(heat).resize((cells, cells), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def _overlaid(crop: PixelArray, heat: FloatArray, scale: float) -> Image.Image:
    """The crop, pale and grey, with the heat map over it."""
    grey = np.asarray(_enlarged(crop).convert("L"), dtype=np.float32)[..., np.newaxis]
    pale = 110 + grey * (145 / 255)
    strength = np.zeros_like(heat) if scale < FLAT else heat / scale
    smooth = np.asarray(Image.fromarray(strength).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    weight = 0.85 * np.clip(np.abs(smooth), 0, 1)[..., np.newaxis]
    colour = np.where(smooth[..., np.newaxis] > 0, FOR, AGAINST)
    return Image.fromarray(np.clip(pale * (1 - weight) + colour * weight, 0, 255).astype(np.uint8))


def _legend(explanation: Explanation) -> list[str]:
    scale = _scale(explanation)
    if scale < FLAT:
        return ["No part stands out: whatever is hidden, the score stays the same."]
    return [
        "Orange: hiding this part makes the two less alike, so the likeness rests on it.",
        "Blue: hiding it makes them more alike, so it speaks against.",
        f"Full colour: the score of {explanation.score:.2f} changes by {scale:.2f}.",
    ]


def _draw_legend(page: Image.Image, top: int, explanation: Explanation) -> None:
    pen = ImageDraw.Draw(page)
    shades = np.linspace(-1, 1, 2 * SIDE + GAP, dtype=np.float32)[np.newaxis, :, np.newaxis]
    weight = 0.85 * np.abs(shades)
    bar = 255 * (1 - weight) + np.where(shades > 0, FOR, AGAINST) * weight
    page.paste(Image.fromarray(np.repeat(bar, 14, axis=0).astype(np.uint8)), (MARGIN, top))
    font = ImageFont.load_default(15)
    y = top + 24
    occlusion = explanation.occlusion
    method = f"Method: {METHOD}, patches of {occlusion.patch} of {occlusion.size} pixels."
    for sentence in (*_legend(explanation), method):
        pen.text((MARGIN, y), sentence, SOFT, font)
        y += 24
