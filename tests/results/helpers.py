"""Answers made by hand."""

from __future__ import annotations

from pathlib import Path

from kyara.errors import PictureError
from kyara.identify.answer import UNKNOWN, Answer
from kyara.identify.nearest import NearReference
from kyara.types import Box, Detection, Match

HOSTILE_NAMES = [
    "<script>alert('x')</script>",
    "quote \" and ' and & and ]]>",
    "two\nlines",
    "return\r\nand tab\t",
    "bell \x07 nul \x00 escape \x1b[31m",
    "\N{GRINNING FACE} \N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}",
    "初音ミク",
    "bytes \udcff\udcfe",
    "not a character \ufffe",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "{{ 7 * 7 }} {% raw %}",
    "character:other",
    "--> <!-- <![CDATA[",
]
"""Names of characters that formats and programs stumble over."""


def answer(
    path: Path,
    name: str | None,
    *,
    kind: str = "whole",
    box: tuple[float, float, float, float] = (0, 0, 60, 40),
    probability: float | None = 0.9,
    score: float = 0.8,
    best: str | None = None,
    reference: Path = Path("cast/ruby/1.png"),
) -> Answer:
    """An answer that names `name`, or that says `unknown` though it is like `best`."""
    if name is None:
        return Answer(path, None, None, error=PictureError("torn", where=path))
    ranked = (
        Match(best or ("ruby" if name == UNKNOWN else name), score, probability),
        Match("runner <up>", 0.1, 0.01),
    )
    near = (NearReference(reference, score),)
    return Answer(path, b"d", name, ranked, (near, near), Detection(Box(*box), kind))
