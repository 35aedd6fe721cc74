"""`kyara cache`."""

from __future__ import annotations

import json
import os
from contextlib import closing

import click

from kyara.errors import printable

EXAMPLE = """
\b
Examples:
    kyara cache info
    kyara cache clear
"""


@click.group("cache", epilog=EXAMPLE)
def command() -> None:
    """Look at, or clear, the embeddings that are kept between runs.

    They are kept by the content of the pictures, in one file, up to 1 GiB; the least
    recently used go first. KYARA_CACHE names another file. Beside it lie the small pictures that
    `kyara review` shows, up to 0.5 GiB.
    """


INFO_EXAMPLE = """
\b
Examples:
    kyara cache info
    kyara cache info --json
"""
CLEAR_EXAMPLE = """
\b
Example:
    kyara cache clear
"""


@command.command("info", epilog=INFO_EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(as_json: bool) -> None:
    """Where the cache is and how much is in it."""
    from kyara.encode.cache import EmbeddingCache, default_cache_path

    with closing(EmbeddingCache(default_cache_path())) as cache:
        found = cache.info()
    if as_json:
        summary = {
            "file": os.fspath(found.path),
            "pictures": found.pictures,
            "bytes": found.bytes,
            "limit": found.limit,
        }
        click.echo(json.dumps(summary))
    else:
        click.echo(printable(str(found.path)))
        click.echo(
            f"{found.pictures} pictures, {found.bytes / 1e6:.1f} MB of at most "
            f"{found.limit / 1e6:.0f} MB"
        )


@command.command("clear", epilog=CLEAR_EXAMPLE)
def clear() -> None:
    """Forget all embeddings and small pictures; they are made again when needed."""
    from kyara.encode.cache import EmbeddingCache, default_cache_path
    from kyara.web.thumbnails import clear_thumbnails, thumbnail_folder

    with closing(EmbeddingCache(default_cache_path())) as cache:
        cache.clear()
    clear_thumbnails(thumbnail_folder())
    click.echo("The cache is empty.")
