"""`kyara decide`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import print_table
from kyara.cli.decide_apart import apart, distinct, groups_option
from kyara.cli.deciding import (
    box_option,
    json_option,
    library_option,
    named,
    pictures_argument,
    pictures_or_group,
    report,
    say,
)
from kyara.cli.options import ModelOptions
from kyara.errors import printable
from kyara.files import is_folder
from kyara.results.decided import as_row, cells, in_words

if TYPE_CHECKING:
    from kyara.encode.cache import EmbeddingCache
    from kyara.encode.encoder import Encoder
    from kyara.library.store import Library
    from kyara.types import Box

EXAMPLE = """
\b
Examples:
    export KYARA_LIBRARY=cast.kyara
    kyara decide confirm sorted/unknown/pic-7.png --character Yang_Wenli
    kyara decide reject sorted/Reinhard/pic-9.png --character Reinhard
    kyara decide undo
"""


@click.group("decide", epilog=EXAMPLE)
def command() -> None:
    """Say who is in a picture, and take it back.

    What you say is kept in a library for ever, with the time. It outranks the model and the
    folders that were added, whatever is run again, and every word of it can be undone.
    """


command.add_command(apart)
command.add_command(distinct)


CONFIRM_EXAMPLE = """
\b
Examples:
    kyara decide confirm a.png b.png --character Yang_Wenli --library cast.kyara
    kyara decide confirm page.png --box 40,12,210,198 --character Reinhard
    kyara decide confirm --group 3 --character Reinhard
    kyara decide confirm odd-1.png --character Reinhard --sure
"""


@command.command("confirm", epilog=CONFIRM_EXAMPLE)
@pictures_or_group
@click.option("--character", metavar="NAME", required=True, help="Whom the pictures show.")
@click.option("--new", is_flag=True, help="A new one, though the name is nearly another's.")
@click.option("--sure", is_flag=True, help="However odd: `kyara suggest` is not to ask again.")
@box_option
@library_option
@json_option
def confirm(
    pictures: tuple[Path, ...],
    group: int | None,
    character: str,
    new: bool,
    sure: bool,
    box: Box | None,
    library: Path,
    as_json: bool,
) -> int:
    """PICTURES show this character. They become its references.

    A character that nobody has heard of is a new one; a name that is nearly another's wants
    --new. Of a picture with several figures --box says which one it is. Of a group, what was
    spoken of otherwise since is left out.
    """
    from kyara.library import spoken
    from kyara.library.store import Library

    paths = named(pictures, box, group)
    if sure and group is not None:
        raise click.UsageError("--sure is about PICTURES, not about a --group")
    if any(map(is_folder, pictures)):
        click.echo(f"kyara: {len(paths)} pictures, all of them {printable(character)}", err=True)
    with Library.open(library, write=True) as opened:
        opening = partial(_encoder_and_cache, opened)
        if group is not None:
            said = spoken.confirm_group(opened, group, character, new=new)
        else:
            said = spoken.confirm(opened, paths, character, opening, box=box, new=new, sure=sure)
    return report(said, as_json)


REJECT_EXAMPLE = """
\b
Example:
    kyara decide reject a.png --character Reinhard --library cast.kyara
"""


@command.command("reject", epilog=REJECT_EXAMPLE)
@pictures_or_group
@click.option("--character", metavar="NAME", required=True, help="Whom they do not show.")
@box_option
@library_option
@json_option
def reject(
    pictures: tuple[Path, ...],
    group: int | None,
    character: str,
    box: Box | None,
    library: Path,
    as_json: bool,
) -> int:
    """PICTURES do not show this character, whatever a model finds, now and later.

    Pictures like them are taken for the character more seldom, too.
    """
    from kyara.library import spoken
    from kyara.library.store import Library

    paths = named(pictures, box, group)
    with Library.open(library, write=True) as opened:
        if group is not None:
            said = spoken.reject_group(opened, group, character)
        else:
            opening = partial(_encoder_and_cache, opened)
            said = spoken.reject(opened, paths, character, opening, box=box)
    return report(said, as_json)


IGNORE_EXAMPLE = """
\b
Example:
    kyara decide ignore inbox/screenshot-1.png --library cast.kyara
"""


@command.command("ignore", epilog=IGNORE_EXAMPLE)
@pictures_or_group
@box_option
@library_option
@json_option
def ignore(
    pictures: tuple[Path, ...],
    group: int | None,
    box: Box | None,
    library: Path,
    as_json: bool,
) -> int:
    """Leave PICTURES alone: they are no references, and `sort` does not touch them.

    Of a picture in which one figure is ignored, `sort` still goes by the others.
    """
    from kyara.library import spoken
    from kyara.library.store import Library

    paths = named(pictures, box, group)
    with Library.open(library, write=True) as opened:
        if group is not None:
            said = spoken.ignore_group(opened, group)
        else:
            said = spoken.ignore(opened, paths, box=box)
    return report(said, as_json)


RENAME_EXAMPLE = """
\b
Example:
    kyara decide rename Yang "Yang Wenli" --library cast.kyara
"""


@command.command("rename", epilog=RENAME_EXAMPLE)
@click.argument("old")
@click.argument("new")
@library_option
@json_option
def rename(old: str, new: str, library: Path, as_json: bool) -> None:
    """Call the character OLD by the name NEW. Folders that are named OLD still mean it."""
    from kyara.library.store import Library

    with Library.open(library, write=True) as opened:
        say(opened.decisions.rename(old, new), as_json)


MERGE_EXAMPLE = """
\b
Examples:
    kyara decide merge Yang Wen-li --into "Yang Wenli" --library cast.kyara
    kyara decide merge --group 3 --group 5 --library cast.kyara
"""


@command.command("merge", epilog=MERGE_EXAMPLE)
@click.argument("characters", nargs=-1)
@click.option("--into", metavar="NAME", help="Whose name stays.")
@groups_option("In the place of CHARACTERS: groups that show one character. Name two or more.")
@library_option
@json_option
def merge(
    characters: tuple[str, ...],
    into: str | None,
    groups: tuple[int, ...],
    library: Path,
    as_json: bool,
) -> None:
    """CHARACTERS are the same as another: their references become its.

    Groups of `kyara group` become one group, which can be named at once.
    """
    from kyara.library import spoken
    from kyara.library.store import Library

    if groups and (characters or into is not None):
        hint = "kyara decide confirm --group N --character NAME names a group"
        raise click.UsageError(f"--group stands in the place of CHARACTERS and --into; {hint}")
    if not groups and (not characters or into is None):
        raise click.UsageError("name CHARACTERS and --into, or groups: --group N --group M")
    with Library.open(library, write=True) as opened:
        if into is None:
            say(spoken.join_groups(opened, groups), as_json)
        else:
            say(opened.decisions.merge(characters, into), as_json)


SPLIT_EXAMPLE = """
\b
Example:
    kyara decide split Yang young-1.png young-2.png --into "Young Yang" --library cast.kyara
"""


@command.command("split", epilog=SPLIT_EXAMPLE)
@click.argument("character")
@pictures_argument
@click.option("--into", metavar="NAME", required=True, help="The new character.")
@box_option
@library_option
@json_option
def split(
    character: str,
    pictures: tuple[Path, ...],
    into: str,
    box: Box | None,
    library: Path,
    as_json: bool,
) -> int:
    """Some PICTURES of CHARACTER show somebody else, who is new."""
    from kyara.library import spoken
    from kyara.library.store import Library

    paths = named(pictures, box)
    with Library.open(library, write=True) as opened:
        said = spoken.split(opened, character, paths, into, box=box)
    return report(said, as_json)


UNDO_EXAMPLE = """
\b
Examples:
    kyara decide undo --library cast.kyara
    kyara decide undo 12 --library cast.kyara
"""


@command.command("undo", epilog=UNDO_EXAMPLE)
@click.argument("decision", required=False, type=int)
@library_option
@json_option
def undo(decision: int | None, library: Path, as_json: bool) -> None:
    """Take back your last decision, or the one with that number in the log.

    Undoing an undo brings the decision again. The log keeps all of it.
    """
    from kyara.library.store import Library

    with Library.open(library, write=True) as opened:
        target, made = opened.decisions.undo(decision)
    if as_json:
        click.echo(json.dumps(as_row(made)))
    else:
        click.echo(f"Undone: {target.id}, {in_words(target.payload)}.")


LOG_EXAMPLE = """
\b
Examples:
    kyara decide log --library cast.kyara
    kyara decide log --library cast.kyara --json | grep Yang
"""


@command.command("log", epilog=LOG_EXAMPLE)
@library_option
@json_option
def log(library: Path, as_json: bool) -> None:
    """Everything that was decided, by you and by folders that were added; nothing is deleted."""
    from kyara.library.store import Library

    with Library.open(library) as opened:
        decisions = opened.decisions.log()
    if as_json:
        for decision in decisions:
            click.echo(json.dumps(as_row(decision)))
        return
    columns = [("number", "right"), ("time (UTC)", "left"), ("by", "left"), ("decision", "left")]
    print_table(columns, (cells(decision) for decision in decisions))


@contextlib.contextmanager
def _encoder_and_cache(library: Library) -> Iterator[tuple[Encoder, EmbeddingCache | None]]:
    model = ModelOptions()
    with model.cache() as cache:
        yield model.encoder_of(library), cache
