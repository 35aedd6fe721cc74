"""`kyara cache`."""

from __future__ import annotations

import json
import os

import click

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
    recently used go first. KYARA_CACHE names another file.
    """


@command.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(as_json: bool) -> None:
    """Where the cache is and how much is in it."""
    from kyara.encode.cache import EmbeddingCache, default_cache_path

    found = EmbeddingCache(default_cache_path()).info()
    if as_json:
        summary = {
            "file": os.fspath(found.path),
            "pictures": found.pictures,
            "bytes": found.bytes,
            "limit": found.limit,
        }
        click.echo(json.dumps(summary))
    else:
        click.echo(f"{found.path}")
        click.echo(
            f"{found.pictures} pictures, {found.bytes / 1e6:.1f} MB of at most "
            f"{found.limit / 1e6:.0f} MB"
        )


@command.command("clear")
def clear() -> None:
    """Forget all embeddings; they are computed again when needed."""
    from kyara.encode.cache import EmbeddingCache, default_cache_path

    EmbeddingCache(default_cache_path()).clear()
    click.echo("The cache is empty.")
