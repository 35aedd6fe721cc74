"""`kyara export`."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.extras import require_extra

if TYPE_CHECKING:
    from kyara.manifest import PluginSpec
    from kyara.train.look import Look

EXAMPLE = """
\b
Example:
    kyara export runs/first --out my-plugin --name first --int8 --data train.csv
    kyara evaluate dev.csv --plugin my-plugin --calibrate my-plugin
"""
WEIGHTS = "model.onnx"
DETECTOR_SIZE = 640
RANGE_PICTURES = 512
WHITENING_PICTURES = 12_000


@click.command("export", epilog=EXAMPLE)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The plugin directory to make; it must not exist.",
)
@click.option("--name", help="The plugin's name; default: that of the directory.")
@click.option("--version", default="1", show_default=True, help="The plugin's version.")
@click.option("--description", default="", help="One line for `kyara plugins`.")
@click.option("--licence", default="", help="The licence of the weights, as you would say it.")
@click.option(
    "--size",
    type=click.IntRange(32, 2048),
    help="Side of a crop in pixels; default: the largest --look, or that of the end of the "
    "training. Of a detector the longer side of a picture; default: 640.",
)
@click.option(
    "--int8",
    is_flag=True,
    help="8-bit weights and activations: a quarter of the "
    "size, about three times as fast. Needs --data.",
)
@click.option(
    "--half",
    is_flag=True,
    help="Weights stored as 16-bit floats: half the size, the same speed and answers.",
)
@click.option(
    "--whiten",
    is_flag=True,
    help="Fit the projection anew, so that what differs within a character counts less "
    "(within-class covariance normalisation). Needs --data.",
)
@click.option(
    "--palette",
    is_flag=True,
    help="With --whiten: let the colours of a crop count beside what the network sees.",
)
@click.option(
    "--dimension",
    type=click.IntRange(min=1),
    help="With --whiten: of an embedding; default: that of the training.",
)
@click.option(
    "--mean-with",
    "others",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Another run of the same network: the mean of their weights is exported. May be given "
    "repeatedly.",
)
@click.option(
    "--look",
    "looks",
    multiple=True,
    metavar="SIZE[:mirrored]",
    help="Look at each crop at this size, or so at its mirror image. May be given repeatedly: "
    "the mean counts, which gives better answers and takes the time of all.",
)
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Labelled pictures for --int8 and --whiten: the training data. May be given repeatedly.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: Path,
    out: Path,
    name: str | None,
    version: str,
    description: str,
    licence: str,
    size: int | None,
    int8: bool,
    half: bool,
    whiten: bool,
    palette: bool,
    dimension: int | None,
    others: tuple[Path, ...],
    looks: tuple[str, ...],
    data: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Turn the training run in RUN into a plugin directory.

    The network becomes ONNX; that it gives the same embeddings, or scores and boxes, as torch is
    checked before anything is written.
    """
    require_extra("train")
    from kyara.errors import UsageError
    from kyara.manifest import PluginSpec
    from kyara.train.look import Look
    from kyara.train.run import record_of

    if out.exists():
        raise UsageError("this exists already", where=out, hint="choose another directory")
    task = record_of(run)["config"].get("task")
    plugin = PluginSpec(
        kind="detector" if task == "detect" else "encoder",
        name=name or out.name,
        version=version,
        description=description,
        licence=licence,
    )
    cosine = None
    if task == "detect":
        if int8 or whiten or palette or dimension or others or looks or data:
            raise click.UsageError("a detector goes with --size and --half only")
        _export_detector(run, out, plugin, size or DETECTOR_SIZE, half)
    else:
        if (int8 or whiten) and not data:
            raise click.UsageError("--int8 and --whiten need --data")
        if int8 and half:
            raise click.UsageError("--int8 and --half exclude each other")
        if (palette or dimension) and not whiten:
            raise click.UsageError("--palette and --dimension need --whiten")
        ways = _Ways(size, int8, half, whiten, palette, dimension, tuple(map(Look.parse, looks)))
        cosine = _export_encoder((run, *others), out, plugin, ways, data)
    size_in_bytes = (out / WEIGHTS).stat().st_size
    summary = {
        "plugin": os.fspath(out),
        "bytes": size_in_bytes,
        "int8_mean_cosine": cosine,
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo(f"{out}: {size_in_bytes / 1e6:.1f} MB")
        if cosine is not None:
            click.echo(f"mean cosine between the exact and the 8-bit embeddings: {cosine:.4f}")


@dataclass(frozen=True)
class _Ways:
    """How an encoder is exported, as the options say."""

    size: int | None
    int8: bool
    half: bool
    whiten: bool
    palette: bool
    dimension: int | None
    looks: tuple[Look, ...]


def _export_encoder(
    runs: tuple[Path, ...],
    out: Path,
    plugin: PluginSpec,
    ways: _Ways,
    data: tuple[Path, ...],
) -> float | None:
    """Write the plugin; returns the mean cosine of the 8-bit embeddings, if there are any."""
    import numpy as np

    from kyara.evaluate.dataset import load_datasets
    from kyara.manifest import InputSpec, TrainingSpec
    from kyara.plugins.new import new_plugin
    from kyara.train.loop import load_trained, training_data
    from kyara.train.package import export_onnx, halve, load_crops, quantise, today, write_plugin
    from kyara.train.whiten import whiten as fit_projection

    net, config = load_trained(*runs)
    looked_at = [look.size for look in ways.looks if look.size is not None]
    size = ways.size or max(looked_at, default=config.sizes[-1].size)
    spec = InputSpec(size=size, dtype="uint8", layout="NHWC")
    dataset = load_datasets(data) if data else None
    net.looks = ways.looks or net.looks
    if ways.whiten and dataset is not None:
        crops, labels = load_crops(dataset, WHITENING_PICTURES, spec)
        of_character = np.unique([key[0] for key in dataset.by_identity], return_inverse=True)[1]
        fit_projection(
            net,
            crops,
            labels,
            of_character[labels],
            palette=ways.palette,
            dimension=ways.dimension,
        )
    cosine = None
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        export_onnx(net, spec.size, model)
        if ways.int8 and dataset is not None:
            crops, _ = load_crops(dataset, RANGE_PICTURES, spec)
            exact, model = model, Path(folder) / "int8.onnx"
            cosine = quantise(exact, crops, model)
        if ways.half:
            exact, model = model, Path(folder) / "half.onnx"
            halve(exact, model)
        config_name = " + ".join(run.name for run in runs)
        training = TrainingSpec(data=training_data(runs[-1]), date=today(), config=config_name)
        with new_plugin(out) as made:
            write_plugin(
                model,
                made,
                plugin=plugin,
                input_spec=spec,
                dimension=net.projection.out_features,
                training=training,
            )
    return cosine


def _export_detector(run: Path, out: Path, plugin: PluginSpec, size: int, half: bool) -> None:
    from kyara.manifest import TrainingSpec
    from kyara.plugins.new import new_plugin
    from kyara.train.heads.loop import load_trained_detector, trained_on
    from kyara.train.heads.package import export_detector, write_detector
    from kyara.train.package import halve, today

    net, _ = load_trained_detector(run)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        export_detector(net, model)
        if half:
            exact, model = model, Path(folder) / "half.onnx"
            halve(exact, model)
        training = TrainingSpec(data=trained_on(run), date=today(), config=run.name)
        with new_plugin(out) as made:
            write_detector(model, made, plugin=plugin, size=size, training=training)
