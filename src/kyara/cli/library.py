"""`kyara library`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kyara.cli.console import print_table, progress
from kyara.cli.options import (
    PATH,
    encoder_options,
    open_cache,
    open_encoder_for,
    open_encoder_of,
    report_skipped,
)
from kyara.cli.updated import report_updated
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.library.store import Library, Root

F = TypeVar("F", bound=Callable[..., Any])

EXAMPLE = """
\b
Examples:
    kyara library create cast.kyara
    kyara library add cast.kyara references --cast
    kyara library update cast.kyara
    kyara sort inbox --library cast.kyara --out sorted
"""


@click.group("library", epilog=EXAMPLE)
def command() -> None:
    """Remember pictures, characters and what you decided, in one file.

    A library embeds each picture once, knows it again wherever it is moved, and never forgets
    what a person said of it (see `kyara decide`). It can be used without the pictures.
    """


def _file(function: F) -> F:
    return click.argument("library", metavar="FILE", type=PATH)(function)


def _json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


CREATE_EXAMPLE = """
\b
Example:
    kyara library create cast.kyara
"""


@command.command("create", epilog=CREATE_EXAMPLE)
@_file
@_json
@click.option(
    "--plugin",
    metavar="NAME-OR-DIR",
    help="The model: a name from `kyara plugins`, or a plugin directory.",
)
def create(library: Path, as_json: bool, plugin: str | None) -> None:
    """Make a new library FILE, with nothing in it.

    It holds the embeddings of one model; `update --re-embed` changes to another.
    """
    from kyara.library.store import Library
    from kyara.plugins.discover import DEFAULT_PLUGIN

    encoder = open_encoder_for(plugin, "cpu")
    Library.create(library, encoder, plugin or DEFAULT_PLUGIN).close()
    if as_json:
        click.echo(json.dumps({"file": os.fspath(library), "encoder": encoder.id}))
    else:
        click.echo(f"{printable(str(library))} is ready, for the model {encoder.name}.")


ADD_EXAMPLE = """
\b
Examples:
    kyara library add cast.kyara yang-1.png yang-2.png --character Yang_Wenli
    kyara library add cast.kyara references --cast
    kyara library add cast.kyara inbox
"""


@command.command("add", epilog=ADD_EXAMPLE)
@_file
@click.argument("pictures", nargs=-1, required=True, type=PATH)
@click.option("--character", metavar="NAME", help="Whom all of the pictures show.")
@click.option(
    "--cast",
    is_flag=True,
    help="Each folder in PICTURES is named after the character that its pictures show.",
)
@_json
@encoder_options
def add(
    library: Path,
    pictures: tuple[Path, ...],
    character: str | None,
    cast: bool,
    as_json: bool,
    plugin: str | None,
    device: str,
    no_cache: bool,
) -> int:
    """Add PICTURES (files or folders): as references of a character, of a cast, or unnamed.

    With --cast, PICTURES may also be a JSON file, as for `kyara sort`. What was decided of a
    picture before stays as it is. Folders are remembered: `update` looks into them again.
    """
    from kyara.errors import UsageError
    from kyara.library.update import add as add_roots

    if cast and character is not None:
        raise click.UsageError("--character and --cast exclude each other")
    roots = [root for path in pictures for root in _roots(path, character, cast)]
    for root in roots:
        if not os.path.lexists(root.path):
            raise UsageError("there is no such file or folder", where=root.path)
    with _writing(library) as opened, open_cache(no_cache) as cache:
        encoder = open_encoder_of(opened, plugin, device)
        result = add_roots(opened, roots, encoder, cache=cache, progress=progress)
    return report_updated(result, as_json)


def _roots(path: Path, character: str | None, cast: bool) -> list[Root]:
    from kyara.library.cast import read_cast
    from kyara.library.store import Root, RootKind

    if not cast:
        kind = RootKind.PICTURES if character is None else RootKind.CHARACTER
        return [Root(path.absolute(), kind, character)]
    folders = read_cast(path)
    if os.path.isdir(path):  # noqa: PTH112 (see find_pictures)
        return [Root(path.absolute(), RootKind.CAST)]
    return [Root(one.folder.absolute(), RootKind.CHARACTER, one.name) for one in folders]


UPDATE_EXAMPLE = """
\b
Examples:
    kyara library update cast.kyara
    kyara library update cast.kyara --re-embed --plugin my-model
"""


@command.command("update", epilog=UPDATE_EXAMPLE)
@_file
@click.option(
    "--read-all", is_flag=True, help="Read every file, also where nothing seems to have changed."
)
@click.option("--re-embed", is_flag=True, help="Change to the model that --plugin names.")
@_json
@encoder_options
def update(
    library: Path,
    read_all: bool,
    re_embed: bool,
    as_json: bool,
    plugin: str | None,
    device: str,
    no_cache: bool,
) -> int:
    """Look again at everything that was added: what is new, changed, moved or gone?

    Pictures are known by their content, so one that was moved keeps all that is known of it,
    and so does one that is gone, until `remove`.
    """
    from kyara.library.update import embed_again
    from kyara.library.update import update as update_all

    with _writing(library) as opened, open_cache(no_cache) as cache:
        if re_embed:
            chosen = plugin or opened.encoder.plugin
            encoder = open_encoder_for(chosen, device)
            result = embed_again(opened, encoder, chosen, cache=cache, progress=progress)
        else:
            encoder = open_encoder_of(opened, plugin, device)
            result = update_all(opened, encoder, cache=cache, progress=progress, read_all=read_all)
    return report_updated(result, as_json)


REMOVE_EXAMPLE = """
\b
Examples:
    kyara library remove cast.kyara references/yang/blurred.png
    kyara library remove cast.kyara --character Yang_Wenli
    kyara library remove cast.kyara --gone
"""


@command.command("remove", epilog=REMOVE_EXAMPLE)
@_file
@click.argument("pictures", nargs=-1, type=PATH)
@click.option("--character", metavar="NAME", help="All references of this character.")
@click.option("--gone", is_flag=True, help="All pictures whose files are no longer there.")
@_json
def remove(
    library: Path,
    pictures: tuple[Path, ...],
    character: str | None,
    gone: bool,
    as_json: bool,
) -> int:
    """Forget PICTURES (files or folders), or those that the options name.

    Your files are not touched. What was removed does not become a reference again by `add` or
    `update`, only by `kyara decide confirm`.
    """
    if not pictures and character is None and not gone:
        raise click.UsageError("name pictures, or give --character or --gone")
    missing = []
    with _writing(library) as opened:
        digests = opened.gone() if gone else []
        if character is not None:
            digests += opened.decisions.pictures_of(opened.decisions.find(character))
        for path in pictures:
            found = opened.remove_root(path)
            digests += found
            if not found:
                missing.append(f"{printable(str(path))}: it is not in the library")
        removed = opened.remove(digests)
    if as_json:
        click.echo(json.dumps({"removed": removed}))
    else:
        click.echo(f"{removed} pictures were removed.")
    return report_skipped(missing, len(pictures))


INFO_EXAMPLE = """
\b
Examples:
    kyara library info cast.kyara
    kyara library info cast.kyara --json
"""


@command.command("info", epilog=INFO_EXAMPLE)
@_file
@_json
def info(library: Path, as_json: bool) -> None:
    """What is in the library: its model, its characters, how many pictures."""
    from dataclasses import asdict

    from kyara.library.store import Library

    with Library.open(library) as opened:
        encoder, counts = opened.encoder, opened.counts()
        characters, roots = opened.decisions.characters(), opened.roots()
    if as_json:
        summary = {
            "file": os.fspath(library),
            "encoder": encoder.identity,
            "plugin": encoder.plugin,
            **asdict(counts),
            "by_character": {one.name: one.references for one in characters},
            "roots": [os.fspath(root.path) for root in roots],
        }
        click.echo(json.dumps(summary))
        return
    click.echo(f"model       {printable(encoder.plugin)} ({encoder.identity})")
    click.echo(f"pictures    {counts.pictures}, {counts.gone} of them gone")
    click.echo(f"references  {counts.references}")
    click.echo(f"decisions   {counts.decisions}")
    print_table(
        [("character", "left"), ("references", "right")],
        ((printable(one.name), str(one.references)) for one in characters),
    )


CHECK_EXAMPLE = """
\b
Example:
    kyara library check cast.kyara
"""


@command.command("check", epilog=CHECK_EXAMPLE)
@_file
@_json
def check(library: Path, as_json: bool) -> int:
    """Is the file whole? Which pictures are gone, which characters have few references?

    Exit code 1 means that the file is damaged; the rest is for you to judge.
    """
    from kyara.library.check import FEW
    from kyara.library.check import check as look
    from kyara.library.store import Library

    with Library.open(library) as opened, opened.database.snapshot():
        found = look(opened)
    if as_json:
        summary = {
            "problems": found.problems,
            "gone": [os.fspath(path) for path in found.gone],
            "missing": [os.fspath(path) for path in found.missing],
            "weak": found.weak,
        }
        click.echo(json.dumps(summary))
    else:
        for problem in found.problems:
            click.echo(f"problem: {printable(problem)}")
        for path in found.gone:
            click.echo(f"gone: {printable(str(path))}")
        for path in found.missing:
            click.echo(f"not embedded (kyara library update): {printable(str(path))}")
        for name, count in found.weak.items():
            click.echo(f"fewer than {FEW} references: {printable(name)} ({count})")
        click.echo("The file is damaged." if found.problems else "The file is whole.")
    return 1 if found.problems else 0


EXPORT_EXAMPLE = """
\b
Example:
    kyara library export cast.kyara cast.zip
"""


@command.command("export", epilog=EXPORT_EXAMPLE)
@_file
@click.argument("out", metavar="OUT", type=PATH)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@_json
def export(library: Path, out: Path, overwrite: bool, as_json: bool) -> None:
    """Write the references to OUT, a file that others can import and use without the pictures.

    It holds embeddings, names of characters and files, and small thumbnails; no paths.
    """
    from kyara.library.portable import export_references
    from kyara.library.store import Library

    with Library.open(library) as opened, opened.database.snapshot():
        count = export_references(opened, out, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps({"file": os.fspath(out), "references": count}))
    else:
        click.echo(f"{count} references in {printable(str(out))}")


IMPORT_EXAMPLE = """
\b
Example:
    kyara library create mine.kyara
    kyara library import mine.kyara cast.zip
"""


@command.command("import", epilog=IMPORT_EXAMPLE)
@_file
@click.argument("exported", metavar="EXPORTED", type=PATH)
@_json
def import_(library: Path, exported: Path, as_json: bool) -> None:
    """Take over the references that `kyara library export` wrote. What you decided stands."""
    from kyara.library.portable import import_references

    with _writing(library) as opened:
        result = import_references(opened, exported)
    if as_json:
        click.echo(json.dumps({"references": result.references, "named": result.named}))
    else:
        click.echo(f"{result.references} references, {result.named} of them new.")


def _writing(path: Path) -> Library:
    from kyara.library.store import Library

    return Library.open(path, write=True)
