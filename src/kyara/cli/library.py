"""`kyara library`."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.library_file import check, export, info, json_option, library_file
from kyara.cli.library_index import index
from kyara.cli.options import (
    LIBRARY,
    PATH,
    ModelOptions,
    detect_option,
    model_options,
    report_skipped,
)
from kyara.cli.references import say_notes
from kyara.cli.updated import report_updated
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.library.store import Library

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


for _reading in (info, check, export, index):
    command.add_command(_reading)


CREATE_EXAMPLE = """
\b
Example:
    kyara library create cast.kyara
"""


@command.command("create", epilog=CREATE_EXAMPLE)
@library_file
@json_option
@click.option(
    "--plugin",
    metavar="NAME-OR-DIR",
    help="The model: a name from `kyara plugins`, or a plugin directory.",
)
@detect_option
def create(library: Path, as_json: bool, plugin: str | None, detect: str | None) -> None:
    """Make a new library FILE, with nothing in it.

    It holds the embeddings of one model, of what one detector found; `update --re-embed` changes
    to others.
    """
    from kyara.library.store import Library
    from kyara.plugins.discover import DEFAULT_PLUGIN

    model = ModelOptions(plugin, detect)
    encoder = model.encoder()
    Library.create(library, encoder, plugin or DEFAULT_PLUGIN, model.detector()).close()
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
@library_file
@click.argument("pictures", nargs=-1, required=True, type=PATH)
@click.option("--character", metavar="NAME", help="Whom all of the pictures show.")
@click.option("--new", is_flag=True, help="A new one, though the name is nearly another's.")
@click.option(
    "--cast",
    is_flag=True,
    help="Each folder in PICTURES is named after the character that its pictures show.",
)
@json_option
@model_options
def add(
    library: Path,
    pictures: tuple[Path, ...],
    character: str | None,
    new: bool,
    cast: bool,
    as_json: bool,
    model: ModelOptions,
) -> int:
    """Add PICTURES (files or folders): as references of a character, of a cast, or unnamed.

    With --cast, PICTURES may also be a JSON file, as for `kyara sort`. What was decided of a
    picture before stays as it is. Folders are remembered: `update` looks into them again.
    """
    from kyara.library.cast import remarks_on
    from kyara.library.roots import roots_at
    from kyara.library.update import add as add_roots

    if cast and character is not None:
        raise click.UsageError("--character and --cast exclude each other")
    roots = [r for path in pictures for r in roots_at(path, character=character, cast=cast)]
    if cast:
        say_notes(remark for path in pictures for remark in remarks_on(path))
    with _writing(library) as opened, model.cache() as cache:
        if character is not None and not new:
            opened.decisions.require_meant(character)
        encoder, finder = model.encoder_of(opened), model.chosen_detector()
        result = add_roots(opened, roots, encoder, detector=finder, cache=cache, progress=progress)
    return report_updated(result, as_json)


UPDATE_EXAMPLE = """
\b
Examples:
    kyara library update cast.kyara
    kyara library update cast.kyara --re-embed --plugin my-model
"""


@command.command("update", epilog=UPDATE_EXAMPLE)
@library_file
@click.option(
    "--read-all", is_flag=True, help="Read every file, also where nothing seems to have changed."
)
@click.option(
    "--re-embed",
    is_flag=True,
    help="Change to the --plugin and the --detect that are given.",
)
@json_option
@model_options
def update(
    library: Path,
    read_all: bool,
    re_embed: bool,
    as_json: bool,
    model: ModelOptions,
) -> int:
    """Look again at everything that was added: what is new, changed, moved or gone?

    Pictures are known by their content, so one that was moved keeps all that is known of it,
    and so does one that is gone, until `remove`.
    """
    from kyara.library.update import embed_again
    from kyara.library.update import update as update_all

    with _writing(library) as opened, model.cache() as cache:
        finder = model.chosen_detector()
        if re_embed:
            chosen = model.plugin or opened.encoder.plugin
            encoder = replace(model, plugin=chosen).encoder()
            change = partial(embed_again, opened, encoder, chosen)
        else:
            encoder = model.encoder_of(opened)
            change = partial(update_all, opened, encoder, read_all=read_all)
        result = change(detector=finder, cache=cache, progress=progress)
    return report_updated(result, as_json)


REMOVE_EXAMPLE = """
\b
Examples:
    kyara library remove cast.kyara references/yang/blurred.png
    kyara library remove cast.kyara --character Yang_Wenli
    kyara library remove cast.kyara --gone
"""


@command.command("remove", epilog=REMOVE_EXAMPLE)
@library_file
@click.argument("pictures", nargs=-1, type=PATH)
@click.option("--character", metavar="NAME", help="All references of this character.")
@click.option("--gone", is_flag=True, help="All pictures whose files are no longer there.")
@json_option
def remove(
    library: Path,
    pictures: tuple[Path, ...],
    character: str | None,
    gone: bool,
    as_json: bool,
) -> int:
    """Forget PICTURES (files or folders), or those that the options name.

    Your files are not touched. What was removed does not become a reference again by `update`; a
    folder does when it is added again, single pictures only by `kyara decide confirm`. What you
    said of a picture stands.
    """
    from kyara.library.forget import forget

    if not pictures and character is None and not gone:
        raise click.UsageError("name pictures, or give --character or --gone")
    with _writing(library) as opened:
        result = forget(opened, pictures, character=character, gone=gone)
    if as_json:
        click.echo(json.dumps({"removed": result.removed}))
    else:
        click.echo(f"{result.removed} pictures were removed.")
    unknown = [f"{printable(str(path))}: it is not in the library" for path in result.unknown]
    return report_skipped(unknown, len(pictures))


IMPORT_EXAMPLE = """
\b
Examples:
    kyara library create mine.kyara
    kyara library import mine.kyara cast.zip
    kyara library import mine.kyara cast.lance
"""


@command.command("import", epilog=IMPORT_EXAMPLE)
@library_file
@click.argument("exported", metavar="EXPORTED", type=LIBRARY)
@json_option
def import_(library: Path, exported: Path, as_json: bool) -> None:
    """Take over the references that `kyara library export` wrote. What you decided stands."""
    from kyara.library.dataset import import_dataset
    from kyara.library.portable import import_references
    from kyara.scale.places import is_dataset

    taking = import_dataset if is_dataset(exported) else import_references
    with _writing(library) as opened:
        result = taking(opened, exported)
    if as_json:
        click.echo(json.dumps({"references": result.references, "named": result.named}))
    else:
        click.echo(f"{result.references} references, {result.named} of them new.")


def _writing(path: Path) -> Library:
    from kyara.library.store import Library

    return Library.open(path, write=True)
