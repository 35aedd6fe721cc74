"""`kyara decide apart` and `kyara decide distinct`: what a suggestion took for one is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kyara.cli.deciding import json_option, library_option, named, pictures_argument, report, say

__all__ = ["apart", "distinct", "groups_option"]


def groups_option(about: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--group N`, as often as there are groups."""
    kind = click.IntRange(min=1)
    return click.option("--group", "groups", metavar="N", type=kind, multiple=True, help=about)


APART_EXAMPLE = """
\b
Examples:
    kyara decide apart Yang Julian --library cast.kyara
    kyara decide apart --group 3 --group 5 --library cast.kyara
    kyara decide apart Yang --group 8 --library cast.kyara
"""


@click.command("apart", epilog=APART_EXAMPLE)
@click.argument("characters", nargs=-1)
@groups_option("A group of `kyara group`, beside CHARACTERS or other groups.")
@library_option
@json_option
def apart(
    characters: tuple[str, ...], groups: tuple[int, ...], library: Path, as_json: bool
) -> None:
    """CHARACTERS, and groups, are different characters, however alike they look.

    `kyara suggest` does not ask again whether they are one, also when the groups have changed.
    """
    from kyara.library import spoken
    from kyara.library.store import Library

    with Library.open(library, write=True) as opened:
        say(spoken.apart(opened, characters, groups), as_json)


DISTINCT_EXAMPLE = """
\b
Example:
    kyara decide distinct smile.png frown.png --library cast.kyara
"""


@click.command("distinct", epilog=DISTINCT_EXAMPLE)
@pictures_argument
@library_option
@json_option
def distinct(pictures: tuple[Path, ...], library: Path, as_json: bool) -> int:
    """No two of the PICTURES are copies of one: `kyara suggest` does not ask again."""
    from kyara.library import spoken
    from kyara.library.store import Library

    paths = named(pictures, None)
    with Library.open(library, write=True) as opened:
        said = spoken.distinct(opened, paths)
    return report(said, as_json)
