"""`kyara fit`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.options import ModelOptions, device_option, report_skipped

if TYPE_CHECKING:
    from kyara.encode.encoder import Encoder
    from kyara.evaluate.dataset import Dataset
    from kyara.evaluate.embed import EmbeddedDataset
    from kyara.identify.plda import PldaModel

EXAMPLE = """
\b
Example:
    kyara fit my-plugin --on train.csv --calibrate dev.csv --json open-set.json

\b
TRAIN and DEV are data sets as `kyara evaluate` takes them, without a character in common.
"""


@click.command("fit", epilog=EXAMPLE)
@click.argument("plugin", metavar="PLUGIN", type=click.Path(path_type=Path))
@click.option(
    "--on",
    "train",
    required=True,
    multiple=True,
    metavar="TRAIN",
    type=click.Path(path_type=Path),
    help="Labelled pictures to learn from how characters differ. May be given repeatedly.",
)
@click.option(
    "--calibrate",
    "dev",
    required=True,
    metavar="DEV",
    type=click.Path(path_type=Path),
    help="Other characters, to find out what the scores mean.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also measure open-set identification and inboxes on DEV, and write it as JSON. What "
    "adapted scores mean is fitted without the source that it is measured on.",
)
@click.option(
    "--bootstrap",
    default=200,
    show_default=True,
    type=click.IntRange(min=0),
    help="Samples for the 95 % intervals; 0 for none.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of chance.")
@device_option
def command(
    plugin: Path,
    train: tuple[Path, ...],
    dev: Path,
    json_file: Path | None,
    bootstrap: int,
    seed: int,
    device: str,
) -> int:
    """Fit the open-set judge of the plugin in the directory PLUGIN.

    It decides who is unknown better than a threshold on similarities. Written are its
    parameters (backend-DIGEST.npz) and the table [open_set] of plugin.toml, in place of earlier
    ones.
    Needs the extra `evaluate`.
    """
    from kyara.errors import UsageError
    from kyara.evaluate.dataset import load_datasets
    from kyara.evaluate.open_set_fit import calibrate_plda, fit_on
    from kyara.extras import optional
    from kyara.manifest import load_manifest
    from kyara.plugins.write import write_open_set

    optional("sklearn")
    if load_manifest(plugin).embedding.similarity != "cosine":
        what = "an open-set judge is for a model that compares by the cosine"
        raise UsageError(what, where=plugin)
    encoder = ModelOptions(os.fspath(plugin.resolve()), device=device).encoder()
    others, labelled = load_datasets(train), load_datasets([dev])
    learnt, judged = _embed(encoder, others), _embed(encoder, labelled)
    plda = fit_on(learnt.sources)
    spec = calibrate_plda(
        plda,
        encoder,
        judged.sources,
        fitted_on=_described(others, *train),
        calibrated_on=_described(labelled, dev),
        seed=seed,
    )
    write_open_set(plugin, spec, plda.to_bytes())
    click.echo(
        f"kyara: {encoder.name} has an open-set judge; log-odds from which on a picture is known: "
        f"{spec.at_1} (1 % of the strangers get a name), {spec.at_5} (5 %), {spec.at_10} (10 %)",
        err=True,
    )
    if json_file is not None:
        _measure(plugin, device, labelled, judged, plda, dev.stem, bootstrap, seed, json_file)
    skipped = [*learnt.skipped, *judged.skipped]
    return report_skipped(skipped, len(others.pictures) + len(labelled.pictures))


def _embed(encoder: Encoder, dataset: Dataset) -> EmbeddedDataset:
    from kyara.evaluate.embed import embed_dataset

    with progress(encoder.name, len(dataset.pictures)) as tick:
        return embed_dataset(encoder, dataset, on_done=tick)


def _described(dataset: Dataset, *paths: Path) -> str:
    pictures, characters = len(dataset.pictures), len(dataset.by_identity)
    names = " and ".join(path.stem for path in paths)
    return f"{names}: {pictures} pictures of {characters} characters"


def _measure(
    plugin: Path,
    device: str,
    dataset: Dataset,
    embedded: EmbeddedDataset,
    plda: PldaModel,
    name: str,
    bootstrap: int,
    seed: int,
    path: Path,
) -> None:
    from kyara.evaluate.open_set_fit import fit_adapted_without_each
    from kyara.evaluate.protocols import PROTOCOLS, Inboxes
    from kyara.evaluate.report import save_report
    from kyara.evaluate.suite import measure
    from kyara.identify.judge import Plda

    # As users get it now.
    fitted = ModelOptions(os.fspath(plugin.resolve()), device=device).encoder()
    without = fit_adapted_without_each(Plda(fitted, plda), embedded.sources, seed=seed)
    by_source = {id(one): without.get(source) for source, one in embedded.sources.items()}
    protocols = [
        PROTOCOLS["open_set"](bootstrap),
        Inboxes(bootstrap=bootstrap, spec_of=lambda one: by_source[id(one)]),
    ]
    save_report(measure([(fitted, embedded)], dataset, protocols, name=name, seed=seed), path)
