"""`kyara calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.options import LIBRARY, PATH, ModelOptions, model_options, report_skipped
from kyara.cli.references import JudgeName, ReferenceOptions, say_notes

if TYPE_CHECKING:
    from kyara.identify.own import Expectation, OwnCalibration

EXAMPLE = """
\b
Example:
    kyara calibrate cast --out cast.json
    kyara calibrate --library cast.kyara --out cast.json
    kyara sort inbox --refs cast --out sorted --calibration cast.json --at-fpr 5%
"""


@click.command("calibrate", epilog=EXAMPLE)
@click.argument("cast", type=PATH, required=False)
@click.option(
    "--library",
    metavar="FILE",
    envvar="KYARA_LIBRARY",
    type=LIBRARY,
    help="Instead of CAST: the references of a library (see `kyara library`).",
)
@click.option("--out", metavar="FILE", type=PATH, help="Where the thresholds are written, as JSON.")
@click.option(
    "--mode",
    type=JudgeName(),
    help="As for `kyara sort`, and kept in the file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what is written instead of words.")
@model_options
def command(
    cast: Path | None,
    library: Path | None,
    out: Path | None,
    mode: str | None,
    as_json: bool,
    model: ModelOptions,
) -> int:
    """Fit the thresholds to your own characters, and say how often to expect errors.

    CAST is what `kyara sort` takes as --refs. Every reference is asked for as if it were new:
    once beside the others of its character, once as a stranger, without its character. An
    earlier FILE of this command is replaced, another file is not.
    """
    import msgspec

    from kyara.identify.own import calibrate_own, check_own_place, save_own

    if out is not None:
        check_own_place(out)
    references = ReferenceOptions(cast, library, mode)
    with references.opened(model) as (named, encoder), model.cache() as cache:
        judge = references.rule(encoder).judge
        known = named.embedded(encoder, cache, progress)
    say_notes(known.notes)
    calibration = calibrate_own(known.in_memory, judge)
    if out is not None:
        save_own(calibration, out)
    if as_json:
        click.echo(msgspec.json.encode(calibration).decode())
    else:
        _say(calibration)
    failed = [str(error) for error in known.failed]
    return report_skipped(failed, len(set(known.in_memory.paths)) + len(failed))


def _say(calibration: OwnCalibration) -> None:
    click.echo(
        f"{calibration.references} references of {calibration.characters} characters, each asked "
        "for as if it were new:"
    )
    for rate, point in ((1, calibration.at_1), (5, calibration.at_5), (10, calibration.at_10)):
        click.echo(f"--at-fpr {rate}%: {_in_words(point)}")
    if calibration.asked < calibration.references:
        alone = calibration.references - calibration.asked
        click.echo(f"{alone} could only be asked for as strangers: their character has no other.")
    if calibration.references < 100:
        click.echo("With fewer than 100 references these are rough guesses, above all those at 1%.")


def _in_words(point: Expectation) -> str:
    return (
        f"of 100 pictures of your characters, about {100 * point.right:.0f} get the right name, "
        f"{100 * point.wrong:.0f} a wrong one, {100 * point.unknown:.0f} are `unknown`; "
        f"of 100 strangers, about {100 * point.strangers_named:.0f} get a name"
    )
