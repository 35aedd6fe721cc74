"""What the commands of `kyara decide` have in common: their options, and what they say."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kyara.cli.options import LIBRARY, PATH, report_skipped
from kyara.results.decided import as_row, in_words

if TYPE_CHECKING:
    from kyara.library.log import Decision
    from kyara.library.spoken import Spoken
    from kyara.types import Box

__all__ = [
    "box_option",
    "json_option",
    "library_option",
    "named",
    "pictures_argument",
    "pictures_or_group",
    "report",
    "say",
]

F = TypeVar("F", bound=Callable[..., Any])


def library_option(function: F) -> F:
    return click.option(
        "--library",
        metavar="FILE",
        envvar="KYARA_LIBRARY",
        required=True,
        type=LIBRARY,
        help="The library. Or set KYARA_LIBRARY.",
    )(function)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def pictures_argument(function: F) -> F:
    return click.argument("pictures", nargs=-1, required=True, type=PATH)(function)


def pictures_or_group(function: F) -> F:
    """Hands over paths, or the number of a group in their place."""
    return click.argument("pictures", nargs=-1, type=PATH)(
        click.option(
            "--group",
            metavar="N",
            type=click.IntRange(min=1),
            help="In the place of PICTURES: the figures of a group of `kyara group`.",
        )(function)
    )


def _as_box(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Box | None:
    from kyara.library.figures import parse_box

    if value is None:
        return None
    found = None
    with contextlib.suppress(ValueError):
        found = parse_box(value)
    if found is None:
        raise click.BadParameter("expected LEFT,TOP,RIGHT,BOTTOM in pixels, like 0,10.5,80,120")
    return found


def box_option(function: F) -> F:
    return click.option(
        "--box",
        callback=_as_box,
        metavar="L,T,R,B",
        help="Only the figure there, in a single picture: left, top, right, bottom in pixels, as "
        "`kyara identify --json` tells them. Otherwise: every figure.",
    )(function)


def named(pictures: Sequence[Path], box: Box | None, group: int | None = None) -> list[Path]:
    """The pictures that are meant: files, and those in folders; none where a group is."""
    from kyara.pictures.find import find_pictures

    if group is not None:
        if pictures or box is not None:
            raise click.UsageError("--group stands in the place of PICTURES and --box")
        return []
    if not pictures:
        raise click.UsageError("name PICTURES, or a --group")
    paths = find_pictures(pictures)
    if box is not None and len(paths) != 1:
        raise click.UsageError(f"--box is about one picture; {len(paths)} were named")
    return paths


def report(spoken: Spoken, as_json: bool) -> int:
    from kyara.errors import UsageError

    if spoken.decision is not None:
        say(spoken.decision, as_json)
    skipped = [str(error) for error in spoken.failed]
    code = report_skipped(skipped, spoken.pictures + len(skipped))
    if spoken.decision is None:
        raise UsageError("none of the pictures can be used", hint="nothing was decided")
    return code


def say(decision: Decision, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_row(decision)))
    else:
        click.echo(f"Noted as {decision.id}: {in_words(decision.payload)}.")
