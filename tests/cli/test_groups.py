"""Options that belong together reach a command as one value."""

from __future__ import annotations

from dataclasses import dataclass

import click
from click.testing import CliRunner

from kyara.cli.groups import option_group


@dataclass(frozen=True)
class Size:
    width: int = 1
    height: int = 1


sized = option_group(
    "size",
    Size,
    click.option("--width", type=int, default=2),
    click.option("--height", type=int, default=3),
)


@click.command()
@click.option("--before")
@sized
@click.option("--after")
def shown(before: str | None, size: Size, after: str | None) -> None:
    """Shows them."""
    click.echo(repr((before, size, after)))


def test_a_group_is_one_value_and_keeps_its_place() -> None:
    assert [parameter.name for parameter in shown.params] == ["before", "width", "height", "after"]
    ran = CliRunner().invoke(shown, ["--height", "7", "--after", "x"])
    assert ran.output == "(None, Size(width=2, height=7), 'x')\n"
    assert shown.help == "Shows them."


def test_a_group_may_be_used_by_several_commands() -> None:
    again = click.command()(sized(lambda size: click.echo(repr(size))))
    assert CliRunner().invoke(again, ["--width", "5"]).output == "Size(width=5, height=3)\n"
    assert len(again.params) == 2
