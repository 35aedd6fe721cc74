"""The shape of an inbox as an option has it."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["ShapeType"]


class ShapeType(click.types.StringParamType):
    """`200:50%:5:20`."""

    name = "SHAPE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from kyara.evaluate.inboxes import InboxShape

        found = re.fullmatch(r"(\d+):(\d+)%:(\d+):(\d+)", str(value).strip())
        if found is None:
            self.fail(
                "expected PICTURES:STRANGERS:REFERENCES:CHARACTERS, as in 200:50%:5:20", param, ctx
            )
        pictures, percent, references, characters = map(int, found.groups())
        if percent > 100 or min(pictures, references, characters) < 1:
            self.fail(
                "expected one picture, reference and character or more, and up to 100%", param, ctx
            )
        return InboxShape(pictures, percent / 100, references, characters)
