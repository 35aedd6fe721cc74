"""`kyara train`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.extras import require_extra

if TYPE_CHECKING:
    from kyara.train.run import StepRecord

EXAMPLE = """
\b
Examples:
    kyara train configs/res18_single-first.toml --data train.csv --out runs/first
    kyara export runs/first --out my-plugin --data train.csv

\b
DATA is a folder with a folder of pictures per character, or a CSV manifest with the columns
source, character, file (see the how-to on training); for a detector, a CSV of boxes. Stop with
Ctrl-C at any time; the same command goes on from the last checkpoint.
"""


@click.command("train", epilog=EXAMPLE)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    multiple=True,
    metavar="DATA",
    type=click.Path(path_type=Path),
    help="Labelled pictures; may be given repeatedly.",
)
@click.option(
    "--out",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where checkpoints, the curve and the record of the run are kept.",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device: cpu, cuda:0.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads of the network; default: torch's own choice.",
)
@click.option(
    "--init",
    "begin_from",
    metavar="RUN-OR-PLUGIN",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Begin with the weights of another run, or of a plugin that `kyara export` made; of "
    "an encoder's runs several may be given: the mean of their weights.",
)
@click.option(
    "--until",
    type=click.IntRange(min=1),
    metavar="STEP",
    help="Stop at this step; the same command without it goes on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON per record.")
def command(
    config: Path,
    data: tuple[Path, ...],
    folder: Path,
    device: str,
    threads: int | None,
    begin_from: tuple[Path, ...],
    until: int | None,
    as_json: bool,
) -> None:
    """Train an encoder, or with `task = "detect"` a detector, as CONFIG says.

    Needs the extra `train`.
    """
    require_extra("train")
    import torch

    from kyara.train.config import task_of

    if threads is not None:
        torch.set_num_threads(threads)
    begin = _begin_detector if task_of(config) == "detect" else _begin_encoder
    run, steps = begin(config, data, folder, begin_from)
    last = min(until or steps, steps)
    with progress("steps", last) as tick:
        done = 0

        def show(record: StepRecord) -> None:
            nonlocal done
            tick(record.step - done)
            done = record.step
            _print_record(record, as_json)

        run(device=device, until=until, on_record=show)
    _say(f"next: kyara export {os.fspath(folder)} --out my-plugin")


def _begin_encoder(
    config: Path, data: tuple[Path, ...], folder: Path, begin_from: tuple[Path, ...]
) -> tuple[Callable[..., object], int]:
    """What trains, and for how many steps."""
    from kyara.evaluate.dataset import load_datasets
    from kyara.train.config import load_config
    from kyara.train.loop import train

    settings = load_config(config)
    dataset = load_datasets(data)
    _say(f"{len(dataset.pictures)} pictures of {len(dataset.by_identity)} characters")
    return partial(train, settings, dataset, folder, begin_from=begin_from), settings.steps


def _begin_detector(
    config: Path, data: tuple[Path, ...], folder: Path, begin_from: tuple[Path, ...]
) -> tuple[Callable[..., object], int]:
    """What trains, and for how many steps."""
    from kyara.evaluate.boxes import load_boxes
    from kyara.train.heads.config import load_detect_config
    from kyara.train.heads.loop import train_detector

    if len(begin_from) > 1:
        raise click.UsageError("a detector begins with one run: give --init once")
    settings = load_detect_config(config)
    pictures = [picture for path in data for picture in load_boxes(path)]
    _say(f"{len(pictures)} pictures with {sum(len(p.boxes) for p in pictures)} heads")
    run = partial(
        train_detector,
        settings,
        pictures,
        folder,
        beside=config.parent,
        begin_from=begin_from[0] if begin_from else None,
    )
    return run, settings.steps


def _print_record(record: object, as_json: bool) -> None:
    from dataclasses import asdict

    values = asdict(record)  # type: ignore[call-overload]
    if as_json:
        click.echo(json.dumps(values))
    else:
        click.echo(
            "step {step:>7}  loss {loss:7.3f}  rate {learning_rate:.2e}  {size} px"
            "  {pictures_per_second:.0f} pictures/s".format(**values)
        )


def _say(line: str) -> None:
    if os.environ.get("RANK", "0") == "0":  # of the processes that torchrun starts, the first
        click.echo(f"kyara: {line}", err=True)
