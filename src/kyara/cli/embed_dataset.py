"""`kyara embed --out DATASET.lance`: more than one run, or one machine, can do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import EXIT_SKIPPED, ModelOptions
from kyara.errors import UsageError, printable
from kyara.extras import require_extra
from kyara.files import is_folder

if TYPE_CHECKING:
    from kyara.detect import Detector
    from kyara.encode.encoder import Encoder
    from kyara.scale.dataset import Ids
    from kyara.scale.engine import Engine
    from kyara.scale.worker import Job
    from kyara.scale.writer import Writer


@dataclass(frozen=True)
class EngineOptions:
    """What `--engine`, `--address` and `--workers` say.

    Raises:
        UsageError: they do not go together.
    """

    name: str
    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.name == "local" and self.address:
            raise UsageError("--address is of a cluster of Ray", hint="--engine ray")


def embed_into_dataset(
    pictures: Iterable[str], out: Path, options: EngineOptions, model: ModelOptions, as_json: bool
) -> int:
    """Embed what the dataset `out` does not hold yet; returns the exit code.

    Args:
        pictures: paths and URLs of files, folders and archives.

    Raises:
        UsageError: the extra is missing, or the dataset is another's.
        OutputError: it cannot be written; what was appended before stays.
    """
    require_extra("scale")
    from kyara.scale.dataset import EmbeddingDataset, Ids
    from kyara.scale.named import files_named
    from kyara.scale.writer import Writer

    if not is_folder(out.parent):
        raise UsageError("there is no such folder", where=out.parent)
    # It is the workers that need the device.
    opened = replace(model, device="cpu") if options.name == "ray" else model
    encoder, finder = opened.encoder(), opened.detector()
    ids = Ids.of(encoder, finder)
    dataset = EmbeddingDataset(out, ids)
    names = files_named(pictures)
    writer = Writer(dataset, _name_skipped)
    with dataset.writing(), _engine(options, model, encoder, finder) as engine:
        dataset.forget_errors()
        known = dataset.digests()
        try:
            with closing(engine.tables(names, known)) as tables:
                for table in tables:
                    writer.add(table)
        except KeyboardInterrupt:
            return _interrupted(writer, out)
        finally:
            writer.flush()
        rows = dataset.finish()
    if as_json:
        summary = {"dataset": os.fspath(out), "rows": rows, "added": writer.added}
        summary |= {"failed": writer.failed, "known": len(known), "dimension": ids.dimension}
        click.echo(json.dumps({**summary, "encoder": ids.encoder, "detector": ids.detector}))
    else:
        click.echo(f"{writer.added} rows added to {printable(str(out))}, which has {rows}")
    return EXIT_SKIPPED if writer.failed else 0


def _name_skipped(uri: str, error: str) -> None:
    click.echo(f"kyara: skipped {printable(uri)}: {printable(error)}", err=True)


def _interrupted(writer: Writer, out: Path) -> int:
    writer.flush()
    what = f"interrupted; {writer.added} rows were added to {printable(str(out))}"
    click.echo(f"kyara: {what}, run it again to go on", err=True)
    return EXIT_INTERRUPTED


@contextmanager
def _engine(
    options: EngineOptions, model: ModelOptions, encoder: Encoder, detector: Detector
) -> Iterator[Engine]:
    if options.name == "ray":
        from kyara.scale.dataset import Ids
        from kyara.scale.spread import OnRay

        job = _job(model, Ids.of(encoder, detector))
        yield OnRay(job, options.address, options.workers, bars=sys.stderr.isatty())
        return
    from kyara.scale.engine import Local

    with model.cache() as cache:
        yield Local(encoder, detector, cache, progress, options.workers)


def _job(model: ModelOptions, ids: Ids) -> Job:
    from kyara.detect import WHOLE
    from kyara.pictures.memory import BUDGET
    from kyara.plugins.discover import DEFAULT_PLUGIN
    from kyara.scale.worker import Job

    if model.device.startswith("cuda:"):
        raise UsageError("Ray gives each worker a GPU of its own", hint="--device cuda")
    plugin = model.plugin or DEFAULT_PLUGIN
    detect = "none" if ids.detector == WHOLE else model.detect or "auto"
    return Job(_findable(plugin), _findable(detect), model.device, ids, BUDGET.limit)


def _findable(plugin: str) -> str:
    """The name of a plugin; its directory so that it is found from any other."""
    return os.path.abspath(plugin) if is_folder(plugin) else plugin
