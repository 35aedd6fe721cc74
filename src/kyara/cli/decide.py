"""`kyara decide`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kyara.cli.console import print_table
from kyara.cli.decided import as_row, cells, in_words
from kyara.cli.options import PATH, ModelOptions, report_skipped
from kyara.errors import printable
from kyara.files import is_folder

if TYPE_CHECKING:
    from kyara.encode.cache import EmbeddingCache
    from kyara.encode.encoder import Encoder
    from kyara.library.log import Decision
    from kyara.library.spoken import Spoken
    from kyara.library.store import Library
    from kyara.types import Box

F = TypeVar("F", bound=Callable[..., Any])

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


def _library(function: F) -> F:
    return click.option(
        "--library",
        metavar="FILE",
        envvar="KYARA_LIBRARY",
        required=True,
        type=PATH,
        help="The library. Or set KYARA_LIBRARY.",
    )(function)


def _json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def _pictures(function: F) -> F:
    return click.argument("pictures", nargs=-1, required=True, type=PATH)(function)


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


def _box(function: F) -> F:
    return click.option(
        "--box",
        callback=_as_box,
        metavar="L,T,R,B",
        help="Only the figure there, in a single picture: left, top, right, bottom in pixels, as "
        "`kyara identify --json` tells them. Otherwise: every figure.",
    )(function)


def _pictures_or_group(function: F) -> F:
    """Hands over paths, or the number of a group in their place."""
    return click.argument("pictures", nargs=-1, type=PATH)(
        click.option(
            "--group",
            metavar="N",
            type=click.IntRange(min=1),
            help="In the place of PICTURES: the figures of a group of `kyara group`.",
        )(function)
    )


CONFIRM_EXAMPLE = """
\b
Examples:
    kyara decide confirm a.png b.png --character Yang_Wenli --library cast.kyara
    kyara decide confirm page.png --box 40,12,210,198 --character Reinhard
    kyara decide confirm --group 3 --character Reinhard
"""


@command.command("confirm", epilog=CONFIRM_EXAMPLE)
@_pictures_or_group
@click.option("--character", metavar="NAME", required=True, help="Whom the pictures show.")
@click.option("--new", is_flag=True, help="A new one, though the name is nearly another's.")
@_box
@_library
@_json
def confirm(
    pictures: tuple[Path, ...],
    group: int | None,
    character: str,
    new: bool,
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

    paths = _named(pictures, box, group)
    if any(map(is_folder, pictures)):
        click.echo(f"kyara: {len(paths)} pictures, all of them {printable(character)}", err=True)
    with Library.open(library, write=True) as opened:
        opening = partial(_encoder_and_cache, opened)
        if group is not None:
            said = spoken.confirm_group(opened, group, character, new=new)
        else:
            said = spoken.confirm(opened, paths, character, opening, box=box, new=new)
    return _report(said, as_json)


REJECT_EXAMPLE = """
\b
Example:
    kyara decide reject a.png --character Reinhard --library cast.kyara
"""


@command.command("reject", epilog=REJECT_EXAMPLE)
@_pictures_or_group
@click.option("--character", metavar="NAME", required=True, help="Whom they do not show.")
@_box
@_library
@_json
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

    paths = _named(pictures, box, group)
    with Library.open(library, write=True) as opened:
        if group is not None:
            said = spoken.reject_group(opened, group, character)
        else:
            opening = partial(_encoder_and_cache, opened)
            said = spoken.reject(opened, paths, character, opening, box=box)
    return _report(said, as_json)


IGNORE_EXAMPLE = """
\b
Example:
    kyara decide ignore inbox/screenshot-1.png --library cast.kyara
"""


@command.command("ignore", epilog=IGNORE_EXAMPLE)
@_pictures_or_group
@_box
@_library
@_json
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

    paths = _named(pictures, box, group)
    with Library.open(library, write=True) as opened:
        if group is not None:
            said = spoken.ignore_group(opened, group)
        else:
            said = spoken.ignore(opened, paths, box=box)
    return _report(said, as_json)


RENAME_EXAMPLE = """
\b
Example:
    kyara decide rename Yang "Yang Wenli" --library cast.kyara
"""


@command.command("rename", epilog=RENAME_EXAMPLE)
@click.argument("old")
@click.argument("new")
@_library
@_json
def rename(old: str, new: str, library: Path, as_json: bool) -> None:
    """Call the character OLD by the name NEW. Folders that are named OLD still mean it."""
    from kyara.library.store import Library

    with Library.open(library, write=True) as opened:
        _say(opened.decisions.rename(old, new), as_json)


MERGE_EXAMPLE = """
\b
Example:
    kyara decide merge Yang Wen-li --into "Yang Wenli" --library cast.kyara
"""


@command.command("merge", epilog=MERGE_EXAMPLE)
@click.argument("characters", nargs=-1, required=True)
@click.option("--into", metavar="NAME", required=True, help="Whose name stays.")
@_library
@_json
def merge(characters: tuple[str, ...], into: str, library: Path, as_json: bool) -> None:
    """CHARACTERS are the same as another: their references become its."""
    from kyara.library.store import Library

    with Library.open(library, write=True) as opened:
        _say(opened.decisions.merge(characters, into), as_json)


SPLIT_EXAMPLE = """
\b
Example:
    kyara decide split Yang young-1.png young-2.png --into "Young Yang" --library cast.kyara
"""


@command.command("split", epilog=SPLIT_EXAMPLE)
@click.argument("character")
@_pictures
@click.option("--into", metavar="NAME", required=True, help="The new character.")
@_box
@_library
@_json
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

    paths = _named(pictures, box)
    with Library.open(library, write=True) as opened:
        said = spoken.split(opened, character, paths, into, box=box)
    return _report(said, as_json)


UNDO_EXAMPLE = """
\b
Examples:
    kyara decide undo --library cast.kyara
    kyara decide undo 12 --library cast.kyara
"""


@command.command("undo", epilog=UNDO_EXAMPLE)
@click.argument("decision", required=False, type=int)
@_library
@_json
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
@_library
@_json
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


def _named(pictures: Sequence[Path], box: Box | None, group: int | None = None) -> list[Path]:
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


@contextlib.contextmanager
def _encoder_and_cache(library: Library) -> Iterator[tuple[Encoder, EmbeddingCache | None]]:
    model = ModelOptions()
    with model.cache() as cache:
        yield model.encoder_of(library), cache


def _report(spoken: Spoken, as_json: bool) -> int:
    from kyara.errors import UsageError

    if spoken.decision is not None:
        _say(spoken.decision, as_json)
    skipped = [str(error) for error in spoken.failed]
    code = report_skipped(skipped, spoken.pictures + len(skipped))
    if spoken.decision is None:
        raise UsageError("none of the pictures can be used", hint="nothing was decided")
    return code


def _say(decision: Decision, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_row(decision)))
    else:
        click.echo(f"Noted as {decision.id}: {in_words(decision.payload)}.")
