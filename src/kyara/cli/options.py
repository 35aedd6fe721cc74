"""Options that several commands share, and opening what they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kyara.cli.judging import judge_options

if TYPE_CHECKING:
    from kyara.encode.cache import EmbeddingCache
    from kyara.encode.encoder import Encoder
    from kyara.identify.references import References
    from kyara.library.store import Library

__all__ = [
    "CAST_HELP",
    "EXIT_SKIPPED",
    "PATH",
    "encoder_options",
    "gallery_options",
    "open_cache",
    "open_encoder_for",
    "open_encoder_of",
    "open_references",
    "report_skipped",
]

PATH = click.Path(path_type=Path, readable=False)
"""Any path. Whether it can be read shows when it is: one bad picture does not stop the others."""

CAST_HELP = """
\b
CAST is a folder with a folder of pictures per character, or a JSON file:
    {"Yang_Wenli": "references/yang", "Reinhard": "references/reinhard"}
"""

F = TypeVar("F", bound=Callable[..., Any])

EXIT_SKIPPED = 3


def encoder_options(function: F) -> F:
    """`--plugin`, `--device` and `--no-cache`."""
    for option in (
        click.option(
            "--no-cache", is_flag=True, help="Neither use nor keep embeddings of earlier runs."
        ),
        click.option(
            "--device",
            default="cpu",
            show_default=True,
            metavar="DEVICE",
            help="cpu, cuda or cuda:N.",
        ),
        click.option(
            "--plugin",
            default=None,
            metavar="NAME-OR-DIR",
            help="The model: a name from `kyara plugins`, or a plugin directory.",
        ),
    ):
        function = option(function)
    return function


def gallery_options(function: F) -> F:
    """`--refs`, `--library`, and the options of `kyara.cli.judging`."""
    function = judge_options(function)
    for option in (
        click.option(
            "--library",
            metavar="FILE",
            envvar="KYARA_LIBRARY",
            type=PATH,
            help="Instead: a library (see `kyara library`). Or set KYARA_LIBRARY.",
        ),
        click.option(
            "--refs",
            "cast",
            metavar="CAST",
            type=PATH,
            help="The characters and their reference pictures.",
        ),
    ):
        function = option(function)
    return function


def open_encoder_for(plugin: str | None, device: str) -> Encoder:
    """The encoder that the options name."""
    from kyara.encode.device import parse_device
    from kyara.plugins.discover import DEFAULT_PLUGIN, open_encoder

    return open_encoder(plugin or DEFAULT_PLUGIN, parse_device(device))


def open_encoder_of(library: Library, plugin: str | None, device: str) -> Encoder:
    """The encoder of a library; if the options name another, that is an error.

    Raises:
        UsageError: it is not the one that the library was made with.
    """
    encoder = open_encoder_for(plugin or library.encoder.plugin, device)
    library.require(encoder)
    return encoder


@contextmanager
def open_references(
    cast: Path | None, library: Path | None, plugin: str | None, device: str
) -> Iterator[tuple[References, Encoder]]:
    """The references that `--refs` or `--library` names, and the encoder that goes with them.

    Raises:
        click.UsageError: neither is given.
    """
    from kyara.identify.references import CastReferences, LibraryReferences
    from kyara.library.cast import read_cast
    from kyara.library.store import Library

    if cast is not None:  # also where KYARA_LIBRARY names a library: the option is nearer
        encoder = open_encoder_for(plugin, device)
        yield CastReferences(read_cast(cast)), encoder
    elif library is not None:
        with Library.open(library) as opened:
            yield LibraryReferences(opened), open_encoder_of(opened, plugin, device)
    else:
        raise click.UsageError("give the references: --refs CAST or --library FILE")


@contextmanager
def open_cache(no_cache: bool) -> Iterator[EmbeddingCache | None]:
    """The user's cache, or None where it is not wanted or cannot be used."""
    from kyara.encode.cache import EmbeddingCache, default_cache_path
    from kyara.errors import DataError

    cache = None
    if not no_cache:
        try:
            cache = EmbeddingCache(default_cache_path())
        except DataError as error:
            click.echo(f"kyara: {error}; going on without it", err=True)
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()
            if cache.failure is not None:
                click.echo(f"kyara: {cache.failure}; went on without it", err=True)


def report_skipped(messages: list[str], total: int) -> int:
    """Name what was skipped on stderr; returns the exit code."""
    for message in messages:
        click.echo(f"kyara: skipped {message}", err=True)
    if not messages:
        return 0
    click.echo(f"kyara: {len(messages)} of {total} were skipped", err=True)
    return EXIT_SKIPPED
