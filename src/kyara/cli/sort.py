"""`kyara sort`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import answer_cell, figure_cell, print_table, probability_cell, progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import PATH, ModelOptions, model_options, report_skipped
from kyara.cli.outputs import OutputOptions, Outputs, output_options
from kyara.cli.references import (
    CAST_HELP,
    ReferenceOptions,
    reference_options,
    say_adapted,
    say_chosen,
    say_notes,
)
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.identify.answer import Answer
    from kyara.organise.plan import Operation
    from kyara.results.rows import PictureRow
    from kyara.sorting import SortResult

EXAMPLE = """
\b
Examples:
    kyara sort inbox --refs cast --out sorted
    kyara sort inbox --refs cast --out sorted --dry-run --csv > answers.csv
    kyara sort inbox --refs cast --out sorted --plan plan.json
    kyara apply plan.json
    kyara undo sorted
    kyara sort inbox --library cast.kyara --out sorted
"""
ROWS_SHOWN = 60


@click.command("sort", epilog=EXAMPLE + CAST_HELP)
@click.argument("inbox", type=PATH)
@reference_options
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=PATH,
    help="Where a folder per character is made.",
)
@click.option("--copy", "action", flag_value="copy", default="copy", help="Copy (the default).")
@click.option("--move", "action", flag_value="move", help="Move instead.")
@click.option("--link", "action", flag_value="link", help="Hard links instead: no more space.")
@click.option("--symlink", "action", flag_value="symlink", help="Symbolic links instead.")
@click.option(
    "--several",
    type=click.Choice(["each", "first", "folder"]),
    default="each",
    show_default=True,
    help="Where a picture of several characters goes: to the folder of each, of the most certain "
    "one only, or to one for the group, such as `Ann + Bo`.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; touch nothing.")
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=PATH,
    help="Write what would be done to FILE, for `kyara apply`; touch nothing else.",
)
@click.option("--json", "form", flag_value="json", help="One JSON object per figure and line.")
@click.option("--csv", "form", flag_value="csv", help="CSV, one row per figure.")
@output_options
@model_options
def command(
    inbox: Path,
    references: ReferenceOptions,
    out: Path,
    action: str,
    several: str,
    dry_run: bool,
    plan_file: Path | None,
    form: str | None,
    outputs: OutputOptions,
    model: ModelOptions,
) -> int:
    """Sort the pictures in INBOX into a folder per character.

    Folders are searched with all below them. Pictures of nobody in the cast go to `unknown`. A
    picture of two characters goes to both; with --move to the more certain one, and a copy to the
    other. --several says otherwise.
    Nothing is ever overwritten, and a second run only does what is new. `kyara undo` puts
    everything back. With --library, what you decided binds: a picture that you confirmed goes
    where you said, never to a character that you rejected for it, and one that you ignored is
    left where it is.
    """
    from kyara.organise.plan import Action
    from kyara.organise.planfile import require_new, save_plan
    from kyara.sorting import Several, SortRequest, sort_pictures

    if plan_file is not None:
        dry_run = True
        require_new(plan_file)
    with references.opened(model) as (known, encoder), model.cache() as cache:
        rule = references.rule(encoder)
        request = SortRequest(
            inbox, known, out, rule, Action(action), Several(several), dry_run=dry_run
        )
        begun = outputs.begin(encoder.id, within=out)
        try:
            result = sort_pictures(request, encoder, cache=cache, progress=progress)
        except KeyboardInterrupt:
            click.echo("kyara: interrupted; no file was touched yet", err=True)
            return EXIT_INTERRUPTED
    say_chosen(result.chosen_references)
    if result.rule is not None:
        say_adapted(result.rule)
    if plan_file is not None:
        save_plan(result.plan, plan_file)
        click.echo(printable(f"kyara: next: kyara apply {plan_file}"), err=True)
    code = report_sorted(result, form, dry_run=dry_run)
    if code == EXIT_INTERRUPTED:
        return code
    for _, group in groupby(result.answers, key=lambda one: one[0].path):
        _hand_over(begun, list(group), dry_run=dry_run)
    finished = begun.finish()
    return code or finished


def _hand_over(
    outputs: Outputs, figures: Sequence[tuple[Answer, Operation | None]], *, dry_run: bool
) -> None:
    """The answers for one picture, with sidecars wherever it lies now."""
    from kyara.organise.plan import Action, Status

    answers = [answer for answer, _ in figures]
    done = dict.fromkeys(o for _, o in figures if o is not None and o.status is not Status.FAILED)
    if dry_run or not done:
        outputs.add(answers, answers[0].path)
        return
    moved = [operation.target for operation in done if operation.action is Action.MOVE]
    home = (moved or [next(iter(done)).target])[0]
    outputs.add(
        answers,
        home,
        sidecars_at=[operation.target for operation in done],
        lie_at=[home if o is None or o not in done else o.target for _, o in figures],
    )


def report_sorted(result: SortResult, output: str | None = None, *, dry_run: bool = False) -> int:
    """Print what was done with each picture; returns the exit code.

    Args:
        output: `json`, `csv`, or None for tables.
    """
    from kyara.results.rows import row_of, write_csv, write_json_lines

    rows = [
        row_of(answer, operation, number)
        for _, group in groupby(result.answers, key=lambda one: one[0].path)
        for number, (answer, operation) in enumerate(group)
    ]
    if output == "json":
        write_json_lines(rows, sys.stdout)
    elif output == "csv":
        write_csv(rows, sys.stdout)
    else:
        _print_tables(rows)
    click.echo(summary(result.operations, dry_run), err=output is not None)
    say_notes(result.notes)
    if result.interrupted:
        click.echo("kyara: interrupted; run the same command again to go on", err=True)
        return EXIT_INTERRUPTED
    # Of two figures by which a picture could not be filed in the same folder, it is said once.
    failed = [printable(f"{row.path}: {row.error}") for row in rows if row.error]
    bad = [str(error) for error in result.bad_references]
    pictures = len({row.path for row in rows})
    return report_skipped(bad + list(dict.fromkeys(failed)), pictures + len(bad))


def _print_tables(rows: Sequence[PictureRow]) -> None:
    if len(rows) <= ROWS_SHOWN:
        columns = [
            ("picture", "left"),
            ("figure", "left"),
            ("character", "left"),
            ("score", "right"),
            ("probability", "right"),
            ("runner-up", "left"),
        ]
        print_table(columns, (_cells(row) for row in rows), one_line=True)
    else:
        click.echo(f"kyara: {len(rows)} rows are not listed; --csv or --json has them", err=True)
    by_character: dict[str, list[PictureRow]] = {}
    for row in rows:
        if row.character is not None:
            by_character.setdefault(row.character, []).append(row)
    print_table(
        [("character", "left"), ("pictures", "right"), ("mean probability", "right")],
        (
            (printable(name), str(len({row.path for row in group})), _mean_probability(group))
            for name, group in sorted(by_character.items())
        ),
    )


def _cells(row: PictureRow) -> tuple[str, ...]:
    runner_up = "" if row.runner_up is None else f"{row.runner_up} {row.runner_up_score:.2f}"
    return (
        printable(row.path),
        figure_cell(row),
        answer_cell(row),
        "" if row.score is None else f"{row.score:.2f}",
        probability_cell(row),
        printable(runner_up),
    )


def _mean_probability(rows: Sequence[PictureRow]) -> str:
    values = [row.probability for row in rows if row.probability is not None]
    return f"{sum(values) / len(values):.2f}" if values else ""


def summary(operations: Sequence[Operation], dry_run: bool) -> str:
    """How many files are new, and how many were there, in a sentence."""
    counts = Counter(operation.status.word for operation in operations)
    parts = [f"{counts['new']} {'would be filed' if dry_run else 'filed'}"]
    if counts["there"]:
        parts.append(f"{counts['there']} were there already")
    nothing = "" if counts["new"] or counts["failed"] else "Nothing to do: "
    return nothing + ", ".join(parts) + "."
