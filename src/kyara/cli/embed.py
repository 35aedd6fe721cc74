"""`kyara embed`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kyara.cli.console import progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import PATH, ModelOptions, model_options, report_skipped

if TYPE_CHECKING:
    from kyara.encode.encoder import Encoder
    from kyara.encode.pipeline import EmbeddedPicture

EXAMPLE = """
\b
Example:
    kyara embed pictures --out pictures.npz
    kyara embed pictures shards/*.tar --out pictures.lance
    kyara embed pictures --out pictures.lance --engine ray --workers 2
    python -c "import numpy; print(numpy.load('pictures.npz')['embeddings'].shape)"
"""


@click.command("embed", epilog=EXAMPLE)
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=str, readable=False))
@click.option(
    "--out",
    required=True,
    metavar="FILE.npz|DATASET.lance",
    type=PATH,
    help="The file to write, which must not exist yet; or a Lance dataset, which goes on where it "
    "ended.",
)
@click.option("-0", "--null", "nul", is_flag=True, help="Names on stdin end with NUL, not lines.")
@click.option("--overwrite", is_flag=True, help="Replace FILE.npz if it exists.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="For a dataset: this process, or workers of Ray, on this machine or on others.",
)
@click.option(
    "--address",
    metavar="auto|HOST:PORT",
    help="With --engine ray: the cluster; by default one is started here, and ended.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="For a dataset: how many work at once, threads or, with --engine ray, processes that each "
    "have the model; by default one for each processor, or GPU.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@model_options
def command(
    pictures: tuple[str, ...],
    out: Path,
    nul: bool,
    overwrite: bool,
    engine: Literal["local", "ray"],
    address: str | None,
    workers: int | None,
    as_json: bool,
    model: ModelOptions,
) -> int:
    """Write the embeddings of PICTURES (files, folders, archives) for tools of your own.

    A dataset (needs 'kyara[scale]') is for more pictures than one run, or one machine, can do: it
    has a row per figure, and one with the error for a picture that cannot be read. Pictures that
    are in it are known by their content and not done again. PICTURES may be URLs then (s3://, gs://,
    https:// and others that fsspec opens).

    `-` stands for a list on stdin, one path or URL per line.

    \b
    FILE.npz holds numpy arrays, one row per figure:
      paths       (n,)    the pictures, as given (text; undecodable bytes as surrogates)
      boxes       (n, 4)  left, top, right, bottom in pixels of the upright picture
      kinds       (n,)    head, figure or whole
      scores      (n,)    of the detector, 0 to 1
      embeddings  (n, d)  float32, of unit length
      encoder     ()      id of the encoder; never mix embeddings of two
      detector    ()      id of what found the boxes
    """
    from kyara.cli.incoming import names_in
    from kyara.encode.pipeline import embed_pictures
    from kyara.errors import UsageError
    from kyara.files import is_folder
    from kyara.pictures.find import find_pictures
    from kyara.pictures.urls import is_url

    named = names_in(pictures, nul=nul)
    if out.suffix.lower() == ".lance":
        from kyara.cli.embed_dataset import EngineOptions, embed_into_dataset

        options = EngineOptions(engine, address, workers)
        return embed_into_dataset(named, out, options, model, as_json)
    if any(map(is_url, named)):
        raise UsageError("URLs are for a dataset", where=out, hint="--out DATASET.lance")
    if engine == "ray" or address or workers:
        raise UsageError("an engine writes a dataset", where=out, hint="--out DATASET.lance")
    if os.path.lexists(out) and not overwrite:
        raise UsageError("this file exists", where=out, hint="choose another, or --overwrite")
    if not is_folder(out.parent):
        raise UsageError("there is no such folder", where=out.parent)
    encoder, finder = model.encoder(), model.detector()
    paths = find_pictures(named)
    embedded = []
    with model.cache() as cache:
        try:
            with progress("pictures", len(paths)) as tick:
                for picture in embed_pictures(paths, encoder, detector=finder, cache=cache):
                    embedded.append(picture)
                    tick()
        except KeyboardInterrupt:
            click.echo("kyara: interrupted; nothing was written", err=True)
            return EXIT_INTERRUPTED
    failed = [str(picture.error) for picture in embedded if picture.error is not None]
    if len(failed) == len(paths):
        report_skipped(failed, len(paths))
        raise UsageError("there is no usable picture", hint="nothing was written")
    rows = _write(out, embedded, encoder)
    _say(out, rows, encoder, as_json)
    return report_skipped(failed, len(paths))


def _write(out: Path, pictures: list[EmbeddedPicture], encoder: Encoder) -> int:
    import numpy as np

    from kyara.files import replaced, writing

    paths = [os.fspath(p.path) for p in pictures for _ in p.detections]
    found = [detection for picture in pictures for detection in picture.detections]
    with writing(out), replaced(out) as part, part.open("wb") as stream:
        np.savez(
            stream,
            paths=np.asarray(paths, dtype=np.str_),
            boxes=np.asarray([d.box.as_tuple() for d in found], dtype=np.float32),
            kinds=np.asarray([d.kind for d in found], dtype=np.str_),
            scores=np.asarray([d.score for d in found], dtype=np.float32),
            embeddings=np.concatenate([p.embeddings for p in pictures]),
            encoder=np.asarray(encoder.id),
            detector=np.asarray(pictures[0].detector),
        )
    return len(paths)


def _say(out: Path, rows: int, encoder: Encoder, as_json: bool) -> None:
    import json

    from kyara.errors import printable

    if as_json:
        summary = {
            "file": os.fspath(out),
            "rows": rows,
            "dimension": encoder.dimension,
            "encoder": encoder.id,
        }
        click.echo(json.dumps(summary))
    else:
        click.echo(f"{rows} embeddings of {encoder.dimension} numbers in {printable(str(out))}")
