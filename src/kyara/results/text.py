"""Names as text."""

from __future__ import annotations

__all__ = ["as_text"]


def as_text(name: str) -> str:
    """A name as one line of valid Unicode text, for files that others read: control characters,
    line breaks and undecodable bytes appear as escapes, everything else (emoji, joiners, other
    scripts) as it is."""
    return "".join(_escaped(char) if _breaks_text(char) else char for char in name)


def _breaks_text(char: str) -> bool:
    code = ord(char)
    control = code < 0x20 or 0x7F <= code < 0xA0 or code in (0x2028, 0x2029)
    return control or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
