"""An error is one line: what, where, what to do next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara import errors
from kyara.errors import KyaraError, PictureError, UsageError, printable

# Everything that a name may hold, and the bytes that are no UTF-8.
NAMES = st.text() | st.binary().map(os.fsdecode)


@given(NAMES)
def test_printable_text_is_one_line_that_any_terminal_takes(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")  # no surrogates are left


@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp", "Zs"))))
def test_harmless_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b.png", "a b.png"),
        ("a\nb.png", r"a\nb.png"),
        ("\x1b[31m", r"\x1b[31m"),
        (os.fsdecode(b"\xff.png"), r"\udcff.png"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", r"\u202egnp.exe"),
        ("\N{GRINNING FACE}", "\N{GRINNING FACE}"),
    ],
)
def test_what_names_look_like(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_an_error_says_what_where_and_what_to_do() -> None:
    assert str(PictureError("the file is empty")) == "the file is empty"
    assert str(PictureError("the file is empty", where=Path("a.png"))) == "a.png: the file is empty"
    full = UsageError("this file exists", where="x\ny", hint="choose another")
    assert str(full) == r"x\ny: this file exists (choose another)"


@given(NAMES, NAMES, NAMES)
def test_an_error_is_one_line_whatever_is_put_in_it(what: str, where: str, hint: str) -> None:
    assert str(KyaraError(what, where=where, hint=hint)).isprintable()


def test_every_error_has_an_exit_code_other_than_success() -> None:
    tree = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    assert len(tree) == 7
    for kind in tree:
        assert issubclass(kind, KyaraError)
        assert kind.exit_code == (2 if kind is UsageError else 1)
