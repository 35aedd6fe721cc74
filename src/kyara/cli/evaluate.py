"""`kyara evaluate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.evaluate_detector import DetectorEvaluation, has_boxes, load_labelled
from kyara.cli.options import ModelOptions, device_option, report_skipped
from kyara.cli.references import JudgeName
from kyara.cli.shape import ShapeType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kyara.encode.encoder import Encoder
    from kyara.evaluate.embed import EmbeddedDataset
    from kyara.evaluate.inboxes import InboxShape
    from kyara.evaluate.protocols import EvaluationProtocol
    from kyara.evaluate.report import Report
    from kyara.evaluate.suite import Seen

EXAMPLE = """
\b
How good is it on my characters? Put their pictures into a folder each, then:
    kyara evaluate my-characters --baseline histogram

\b
More examples:
    kyara evaluate dev.csv --plugin res18_single --plugin runs/new --json new.json
    kyara evaluate dev.csv --plugin my-plugin --calibrate my-plugin
    kyara evaluate boxes.csv --detector my-detector --json heads.json
    kyara evaluate dev.csv --source popular --detector my-detector

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
    "--detector",
    "detectors",
    multiple=True,
    metavar="NAME-OR-DIR",
    help="Measure this detector: how well it finds heads, where DATASET is a CSV of boxes; "
    "otherwise what it is worth for who is who. May be given repeatedly.",
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    type=click.FloatRange(min=0.0, max=2.0),
    metavar="SHARE",
    help="With --detector: also crops with this margin; may be given repeatedly. By default the "
    "detector's own.",
)
@click.option(
    "--composed",
    default=100,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="With --detector: pictures to put together of two to five characters, of each source.",
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
    "--protocol",
    "protocols",
    multiple=True,
    metavar="NAME",
    help="Only this way of measuring: verification, hard_pairs, retrieval, enrolment, tiers, "
    "open_set, inboxes, learning, clustering, grouping or robustness; may be given repeatedly. All "
    "of them by default.",
)
@click.option(
    "--judge",
    "judges",
    multiple=True,
    type=JudgeName(),
    help="Measure this judge, as --mode of `kyara sort` names them; may be given repeatedly. By "
    "default the one that `kyara sort` uses with the model. any and avg are always measured: all "
    "models have them.",
)
@click.option(
    "--inbox",
    "inboxes",
    multiple=True,
    type=ShapeType(),
    help="For inboxes: PICTURES:STRANGERS:REFERENCES:CHARACTERS, as in 200:50%:5:20; may be given "
    "repeatedly. By default that one, and what differs from it in one thing.",
)
@click.option(
    "--miner",
    default="histogram",
    show_default=True,
    metavar="NAME-OR-DIR",
    help="The baseline or model that names the hard pairs; it is not measured by them itself.",
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
    "--failures",
    "failures_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="For inboxes: write how each picture fared as JSON Lines, those that failed most first.",
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
    help="Draw the curves, a PNG per protocol, kind and source.",
)
@click.option(
    "--calibrate",
    "calibrated",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Fit what this plugin's scores mean, and write it into its plugin.toml. With --detector: "
    "of a detector.",
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
@device_option
def command(
    dataset: Path,
    plugins: tuple[str, ...],
    detectors: tuple[str, ...],
    margins: tuple[float, ...],
    composed: int,
    baselines: tuple[str, ...],
    protocols: tuple[str, ...],
    judges: tuple[str, ...],
    inboxes: tuple[InboxShape, ...],
    miner: str,
    sources: tuple[str, ...],
    json_file: Path | None,
    failures_file: Path | None,
    markdown_file: Path | None,
    plots: Path | None,
    calibrated: Path | None,
    bootstrap: int,
    seed: int,
    device: str,
) -> int:
    """Measure how good a model is on labelled pictures.

    Verification (same or different: every pair, and the hard ones), retrieval (are the nearest
    pictures of the same character?), enrolment (1, 5 or 10 references of each character, who is
    the rest?), tiers (the same with all references that there are), open_set (half of the
    characters are strangers: who is unknown?), inboxes (the same as `kyara sort` does it, adapted
    to inboxes of several shapes and not), learning (a library before and after it is told whom
    some pictures show), clustering (unnamed pictures in groups), grouping (the same as
    `kyara group` does it, and in two other ways) and robustness (one of two pictures altered), per
    source and on average. Who is who is judged by the same code as in `kyara identify`. Needs
    the extra `evaluate`.

    Of a detector on boxes: average precision at an overlap of one half, recall at 0.1 and 1 false
    boxes a picture, by source and by the size of a head, and pictures a second. On pictures of
    characters: the same measures as above for each picture as a whole, by the figure that is
    found in it, and by both together; and who is named in pictures composed of several.
    """
    from kyara.evaluate.report import check_report_places

    check_report_places(json_file, markdown_file)
    if detectors:
        if baselines or protocols or judges or plots or failures_file:
            raise click.UsageError(
                "--detector goes with --source, --json, --markdown, --calibrate and --bootstrap; "
                "for a data set of characters also with one --plugin, --margin and --composed"
            )
        asked = DetectorEvaluation(
            dataset, detectors, sources, json_file, markdown_file, bootstrap, seed, device
        )
        if has_boxes(dataset):
            return asked.boxes(calibrated)
        return asked.characters(plugins, margins, composed)
    from kyara.evaluate.suite import check_judges, measure, see
    from kyara.extras import optional

    optional("sklearn")  # now rather than after an hour of work
    if plots is not None:
        optional("matplotlib")
    chosen = _protocols(protocols, bootstrap, inboxes)
    labelled = load_labelled(dataset, sources)
    encoders = _open(plugins, baselines, calibrated, device)
    check_judges(encoders, judges)
    mining = _open_miner(miner, device) if "hard_pairs" in {p.name for p in chosen} else None
    seen = see(encoders, labelled, chosen, miner=mining, seed=seed, progress=progress)
    report = measure(seen, labelled, chosen, judges=judges, name=dataset.stem, seed=seed)
    _hand_over(report, json_file, markdown_file, plots)
    if failures_file is not None:
        _write_failures(seen, inboxes, seed, failures_file)
    if calibrated is not None:
        # _open puts it first.
        _calibrate(calibrated, *seen[0], name=dataset.stem, seed=seed)
    return _report_skipped(seen, len(labelled.pictures))


def _open(
    plugins: Sequence[str], baselines: Sequence[str], calibrated: Path | None, device: str
) -> list[Encoder]:
    """The encoders to measure; the one to calibrate is the first."""
    from kyara.evaluate.baselines import baseline
    from kyara.manifest import load_manifest
    from kyara.plugins.discover import DEFAULT_PLUGIN, plugin_directory
    from kyara.runtime.device import parse_device

    names = list(plugins)
    if calibrated is not None:
        load_manifest(calibrated)  # a name, or a folder that is no plugin, is refused here
        names.insert(0, os.fspath(calibrated))
    if not names and not baselines:
        names = [DEFAULT_PLUGIN]
    by_directory: dict[Path, str] = {}
    for name in names:
        by_directory.setdefault(plugin_directory(name).resolve(), name)
    opened = [ModelOptions(os.fspath(place), device=device).encoder() for place in by_directory]
    chosen = parse_device(device)
    return opened + [baseline(name, chosen) for name in dict.fromkeys(baselines)]


def _protocols(
    names: Sequence[str], bootstrap: int, shapes: Sequence[InboxShape]
) -> list[EvaluationProtocol]:
    from kyara.errors import UsageError
    from kyara.evaluate.protocols import PROTOCOLS, Inboxes

    for name in names:
        if name not in PROTOCOLS:
            hint = f"there are: {', '.join(PROTOCOLS)}"
            raise UsageError(f"there is no protocol {name!r}", hint=hint)
    makers = dict(PROTOCOLS)
    if shapes:
        distinct = tuple(dict.fromkeys(shapes))
        makers[Inboxes.name] = lambda samples: Inboxes(distinct, bootstrap=samples)
    return [make(bootstrap) for name, make in makers.items() if not names or name in names]


def _open_miner(name: str, device: str) -> Encoder:
    from kyara.evaluate.baselines import BASELINES, baseline
    from kyara.runtime.device import parse_device

    if name in BASELINES:
        return baseline(name, parse_device(device))
    return ModelOptions(name, device=device).encoder()


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


def _write_failures(seen: Seen, shapes: Sequence[InboxShape], seed: int, path: Path) -> None:
    from kyara.evaluate.failures import pictures_in_inboxes, save_fates

    fates = [
        fate
        for encoder, data in seen
        for fate in pictures_in_inboxes(encoder, data, *shapes[:1], seed=seed)
    ]
    save_fates(fates, path)


def _calibrate(
    directory: Path, encoder: Encoder, embedded: EmbeddedDataset, *, name: str, seed: int
) -> None:
    from kyara.evaluate.calibrate import calibrate
    from kyara.plugins.write import write_calibration

    spec = calibrate(embedded.sources, encoder, name=name, seed=seed)
    write_calibration(directory, spec)
    click.echo(
        f"kyara: calibrated {encoder.name} on {spec.data}; thresholds: pair {spec.pair.threshold}, "
        f"any {spec.any.threshold}, avg {spec.avg.threshold}",
        err=True,
    )


def _report_skipped(seen: Seen, total: int) -> int:
    # The same pictures for every encoder: each is named once.
    return report_skipped(list(dict.fromkeys(s for _, d in seen for s in d.skipped)), total)
