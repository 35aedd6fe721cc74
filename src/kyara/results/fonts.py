"""A font that has the letters of a name, whatever its script.

Pillow brings one for Latin script. For others the fonts of the system are looked through, by the
names that common ones have; `KYARA_FONT` names one first.
"""

from __future__ import annotations

import os
from functools import cache

from PIL import ImageFont

__all__ = ["font_for"]

_FONTS = (
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "NotoSansJP-Regular.otf"),
    *("SourceHanSans-Regular.ttc", "ipagp.ttf", "ipaexg.ttf", "TakaoPGothic.ttf"),
    *("VL-PGothic-Regular.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf"),
    *("YuGothM.ttc", "meiryo.ttc", "msgothic.ttc", "msyh.ttc", "malgun.ttf", "segoeui.ttf"),
    *("ヒラギノ角ゴシック W3.ttc", "Hiragino Sans GB.ttc", "PingFang.ttc", "AppleSDGothicNeo.ttc"),
    *("Arial Unicode.ttf", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "FreeSans.ttf"),
)
_PROBE = 32
"""Pixels at which it is seen whether a font has a letter."""
_NO_LETTER = "\U0010ffff"
"""Not a character: every font draws it as it draws what it lacks."""


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """A font of `size` pixels with all letters of the text; None if there is none here."""
    for name in ("", os.environ.get("KYARA_FONT", ""), *_FONTS):
        font = _opened(name, size)
        if font is not None and all(_has(name, letter) for letter in text):
            return font
    return None


@cache
def _opened(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    """The font of that name or path, the one of Pillow's if it is empty; None if it is not
    here."""
    if not name:
        font = ImageFont.load_default(size)
        return font if isinstance(font, ImageFont.FreeTypeFont) else None
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@cache
def _has(name: str, letter: str) -> bool:
    font = _opened(name, _PROBE)
    if font is None or letter.isspace():
        return font is not None
    drawn, missing = font.getmask(letter), font.getmask(_NO_LETTER)
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))
