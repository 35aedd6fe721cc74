"""`kyara evaluate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.options import open_encoder_for, report_skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kyara.encode.encoder import Encoder
    from kyara.evaluate.dataset import Dataset
    from kyara.evaluate.report import Report
    from kyara.evaluate.suite import EmbeddedDataset

EXAMPLE = """
\b
How good is it on my characters? Put their pictures into a folder each, then:
    kyara evaluate my-characters --baseline histogram

\b
More examples:
    kyara evaluate dev.csv --plugin res18_single --plugin runs/new --json new.json
    kyara evaluate dev.csv --plugin my-plugin --calibrate my-plugin

\b
DATASET is a folder with a folder of pictures per character, or a CSV manifest with the
columns character and file, and if known source, kind and picture (what it was cut from).
"""


@click.command("evaluate", epilog=EXAMPLE)
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME-OR-DIR",
    help="A model to measure; may be given repeatedly. The default one if neither this "
    "nor --baseline is given.",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="NAME",
    help="histogram (of colours) or imagenet (features of a network that knows no "
    "characters); may be given repeatedly.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="Only this part of the data set; may be given repeatedly.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write everything that was measured as JSON.",
)
@click.option(
    "--markdown",
    "markdown_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the tables to a file too.",
)
@click.option(
    "--plots",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Draw the error curves (DET), one PNG per source.",
)
@click.option(
    "--calibrate",
    "calibrated",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Fit what this plugin's scores mean, and write it into its plugin.toml.",
)
@click.option(
    "--bootstrap",
    default=200,
    show_default=True,
    type=click.IntRange(min=0),
    help="Samples for the 95 % intervals; 0 for none.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of all chance; the same seed gives the same numbers.",
)
@click.option(
    "--device", default="cpu", show_default=True, metavar="DEVICE", help="cpu, cuda or cuda:N."
)
def command(
    dataset: Path,
    plugins: tuple[str, ...],
    baselines: tuple[str, ...],
    sources: tuple[str, ...],
    json_file: Path | None,
    markdown_file: Path | None,
    plots: Path | None,
    calibrated: Path | None,
    bootstrap: int,
    seed: int,
    device: str,
) -> int:
    """Measure how good a model is on labelled pictures.

    Verification (same or different, every pair), retrieval (is the nearest picture the same
    character?) and enrolment (1, 5 or 10 references of each character, who is the rest?), per
    source and on average. Needs the extra `evaluate`.
    """
    from kyara.evaluate.extras import optional
    from kyara.evaluate.protocols import standard_protocols
    from kyara.evaluate.suite import measure

    optional("sklearn")  # now rather than after an hour of work
    if plots is not None:
        optional("matplotlib")
    labelled = _load(dataset, sources)
    encoders = _open(plugins, baselines, calibrated, device)
    embedded = [(encoder, _embed(encoder, labelled)) for encoder in encoders]
    report = measure(
        embedded, labelled, standard_protocols(bootstrap), name=dataset.stem, seed=seed
    )
    _hand_over(report, json_file, markdown_file, plots)
    if calibrated is not None:
        # _open puts it first.
        _calibrate(calibrated, *embedded[0], name=dataset.stem, seed=seed)
    return _report_skipped(embedded, len(labelled.pictures))


def _load(path: Path, sources: Sequence[str]) -> Dataset:
    from kyara.errors import UsageError
    from kyara.evaluate.dataset import Dataset, load_dataset

    dataset = load_dataset(path)
    unknown = sorted(set(sources) - set(dataset.sources))
    if unknown:
        known = ", ".join(dataset.sources)
        raise UsageError(f"no source {', '.join(unknown)}", where=path, hint=f"there are: {known}")
    if not sources:
        return dataset
    return Dataset(tuple(p for p in dataset.pictures if p.source in sources))


def _open(
    plugins: Sequence[str], baselines: Sequence[str], calibrated: Path | None, device: str
) -> list[Encoder]:
    """The encoders to measure; the one to calibrate is the first."""
    from kyara.encode.device import parse_device
    from kyara.evaluate.baselines import baseline
    from kyara.plugins.discover import DEFAULT_PLUGIN, plugin_directory
    from kyara.plugins.manifest import load_manifest

    names = list(plugins)
    if calibrated is not None:
        load_manifest(calibrated)  # a name, or a folder that is no plugin, is refused here
        names.insert(0, os.fspath(calibrated))
    if not names and not baselines:
        names = [DEFAULT_PLUGIN]
    by_directory: dict[Path, str] = {}
    for name in names:
        by_directory.setdefault(plugin_directory(name).resolve(), name)
    opened = [open_encoder_for(os.fspath(directory), device) for directory in by_directory]
    chosen = parse_device(device)
    return opened + [baseline(name, chosen) for name in dict.fromkeys(baselines)]


def _embed(encoder: Encoder, dataset: Dataset) -> EmbeddedDataset:
    from kyara.evaluate.suite import embed_dataset

    with progress(encoder.name, len(dataset.pictures)) as tick:
        return embed_dataset(encoder, dataset, on_done=tick)


def _hand_over(
    report: Report, json_file: Path | None, markdown_file: Path | None, plots: Path | None
) -> None:
    from kyara.evaluate.report import markdown, save_markdown, save_report

    click.echo(markdown(report), nl=False)
    if json_file is not None:
        save_report(report, json_file)
    if markdown_file is not None:
        save_markdown(report, markdown_file)
    if plots is not None:
        from kyara.evaluate.plots import save_plots

        click.echo(f"kyara: {len(save_plots(report, plots))} plots in {plots}", err=True)


def _calibrate(
    directory: Path, encoder: Encoder, embedded: EmbeddedDataset, *, name: str, seed: int
) -> None:
    import msgspec

    from kyara.errors import OutputError
    from kyara.evaluate.calibrate import calibrate
    from kyara.plugins.manifest import load_manifest, save_manifest

    spec = calibrate(embedded.sources, encoder.similarity, name=name, seed=seed)
    manifest = msgspec.structs.replace(load_manifest(directory), calibration=spec)
    try:
        save_manifest(manifest, directory)
    except OSError as error:
        raise OutputError(f"cannot write it: {error.strerror}", where=directory) from error
    click.echo(
        f"kyara: calibrated {encoder.name} on {spec.data}; thresholds: pair {spec.pair.threshold}, "
        f"any {spec.any.threshold}, avg {spec.avg.threshold}",
        err=True,
    )


def _report_skipped(embedded: Sequence[tuple[Encoder, EmbeddedDataset]], total: int) -> int:
    # The same pictures for every encoder: each is named once.
    return report_skipped(list(dict.fromkeys(s for _, d in embedded for s in d.skipped)), total)
