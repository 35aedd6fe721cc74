"""What several commands share: the options of the model, the cache, naming what was skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyara.cli.groups import option_group

if TYPE_CHECKING:
    from kyara.detect import Detector
    from kyara.encode.cache import EmbeddingCache
    from kyara.encode.encoder import Encoder
    from kyara.library.store import Library

__all__ = [
    "EXIT_SKIPPED",
    "LIBRARY",
    "PATH",
    "ModelOptions",
    "detect_option",
    "device_option",
    "model_options",
    "open_cache",
    "report_skipped",
]

PATH = click.Path(path_type=Path, readable=False)
"""Any path. Whether it can be read shows when it is: one bad picture does not stop the others."""


class _LibraryPath(click.Path):
    """The file of a library, or a Lance dataset: `lance://PATH` is the dataset at PATH."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from kyara.scale.places import without_scheme

        return super().convert(without_scheme(os.fspath(value)), param, ctx)


LIBRARY = _LibraryPath(path_type=Path, readable=False)
"""A library."""

EXIT_SKIPPED = 3


detect_option = click.option(
    "--detect",
    default=None,
    metavar="auto|none|NAME-OR-DIR",
    help="What finds the figures in a picture: a detector from `kyara plugins` or a plugin "
    "directory; none: every picture is one figure. auto, the default: what Kyara comes with, or "
    "what the library was made with.",
)
"""Hands its value over as `detect`."""

device_option = click.option(
    "--device", default="cpu", show_default=True, metavar="DEVICE", help="cpu, cuda or cuda:N."
)
"""Hands its value over as `device`."""


@dataclass(frozen=True)
class ModelOptions:
    """What `--plugin`, `--detect`, `--device` and `--no-cache` say.

    Attributes:
        plugin: None: the default one, or the one that a library was made with.
    """

    plugin: str | None = None
    detect: str | None = None
    device: str = "cpu"
    no_cache: bool = False

    def encoder(self) -> Encoder:
        """The encoder that they name."""
        from kyara.plugins.discover import DEFAULT_PLUGIN, open_encoder
        from kyara.runtime.device import parse_device

        return open_encoder(self.plugin or DEFAULT_PLUGIN, parse_device(self.device))

    def encoder_of(self, library: Library) -> Encoder:
        """The encoder of a library.

        Raises:
            UsageError: they name another.
            PluginError: only the library names it, and it would run code that was not trusted.
        """
        from kyara.plugins.trust import require_trusted

        if self.plugin is None:
            require_trusted(library.encoder.plugin, library.path)
        encoder = replace(self, plugin=self.plugin or library.encoder.plugin).encoder()
        library.require(encoder)
        return encoder

    def encoder_with(self, identity: str) -> Encoder:
        """The encoder that they name; if they name none, the one of that id as far as it is
        found by its name."""
        from kyara.plugins.discover import is_known_by_name

        name = identity.partition("@")[0]
        known = name if is_known_by_name(name) else None
        return replace(self, plugin=self.plugin or known).encoder()

    def detector(self) -> Detector:
        """The detector that they name."""
        from kyara.plugins.discover import open_detector
        from kyara.runtime.device import parse_device

        return open_detector(self.detect or "auto", parse_device(self.device))

    def chosen_detector(self) -> Detector | None:
        """The same, but None where it is left to a library."""
        return None if self.detect in (None, "auto") else self.detector()

    def cache(self) -> AbstractContextManager[EmbeddingCache | None]:
        """The user's cache, or None where it is not wanted or cannot be used."""
        return open_cache(self.no_cache)


def _set_memory(_context: click.Context, _option: click.Parameter, megabytes: int | None) -> None:
    if megabytes is not None:
        from kyara.pictures.memory import BUDGET

        BUDGET.limit = megabytes * 1_000_000


model_options = option_group(
    "model",
    ModelOptions,
    click.option(
        "--plugin",
        default=None,
        metavar="NAME-OR-DIR",
        help="The model: a name from `kyara plugins`, or a plugin directory.",
    ),
    detect_option,
    device_option,
    click.option(
        "--memory",
        type=click.IntRange(min=16),
        metavar="MB",
        envvar="KYARA_MEMORY",
        expose_value=False,
        callback=_set_memory,
        help="Memory for pictures while they are decoded, all at once; default: 1000.",
    ),
    click.option(
        "--no-cache", is_flag=True, help="Neither use nor keep embeddings of earlier runs."
    ),
)
"""Hands `ModelOptions` over as `model`."""


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
