"""Options that say who can be the answer, who judges, and when a picture is `unknown`: for the
commands that identify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyara.cli.groups import option_group
from kyara.cli.options import LIBRARY, PATH
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.cli.options import ModelOptions
    from kyara.encode.encoder import Encoder
    from kyara.identify.judge import Rule
    from kyara.identify.references import References
    from kyara.library.depicted import SeveralFigures

__all__ = [
    "CAST_HELP",
    "JudgeName",
    "ReferenceOptions",
    "reference_options",
    "say_adapted",
    "say_chosen",
    "say_notes",
]

_CHOSEN_SHOWN = 10

CAST_HELP = """
\b
CAST is a folder with a folder of pictures per character, or a JSON file:
    {"Yang_Wenli": "references/yang", "Reinhard": "references/reinhard"}
"""


class JudgeName(click.types.StringParamType):
    """The name of a judge; `kyara.identify.default` knows which there are."""

    name = "judge"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        from kyara.identify.default import JUDGES

        return f"[{'|'.join(JUDGES)}]"


class _Rate(click.FloatRange):
    """`5%` or `0.05`."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value).strip()
        try:
            rate = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            rate = -1.0
        if not 0.01 <= rate <= 0.1:
            self.fail("expected a rate from 1% to 10%", param, ctx)
        return rate


@dataclass(frozen=True)
class ReferenceOptions:
    """What `--refs`, `--library`, `--mode`, `--threshold`, `--at-fpr`, `--always-name`,
    `--calibration`, `--no-adapt` and `--twins` say."""

    cast: Path | None = None
    library: Path | None = None
    mode: str | None = None
    threshold: float | None = None
    at_fpr: float | None = None
    always_name: bool = False
    calibration: Path | None = None
    no_adapt: bool = False
    twins: bool = False

    @contextmanager
    def opened(self, model: ModelOptions) -> Iterator[tuple[References, Encoder]]:
        """The references that they name, and the encoder that goes with them.

        Raises:
            click.UsageError: they name none.
        """
        from kyara.identify.from_dataset import DatasetReferences
        from kyara.identify.references import CastReferences, LibraryReferences
        from kyara.library.store import Library
        from kyara.scale.places import is_dataset
        from kyara.scale.references import ReferenceDataset

        if self.cast is not None:  # also where KYARA_LIBRARY names a library: this is nearer
            encoder = model.encoder()
            yield CastReferences.at(self.cast, model.detector()), encoder
        elif self.library is not None and is_dataset(self.library):
            known = DatasetReferences(ReferenceDataset(self.library), model.chosen_detector())
            encoder = model.encoder_with(known.dataset.ids.encoder)
            known.require(encoder)
            yield known, encoder
        elif self.library is not None:
            with Library.open(self.library) as opened:
                chosen = model.chosen_detector()
                yield LibraryReferences(opened, chosen), model.encoder_of(opened)
        else:
            raise click.UsageError("give the references: --refs CAST or --library FILE")

    def rule(self, encoder: Encoder) -> Rule:
        """Who judges, and from which score on a character is known."""
        from kyara.identify.default import choose_judge, default_judge
        from kyara.identify.own import load_own

        own = None if self.calibration is None else load_own(self.calibration, encoder)
        rule = choose_judge(
            encoder,
            self.mode,
            threshold=self.threshold,
            at_fpir=self.at_fpr,
            always_name=self.always_name,
            own=own,
            adapt=not self.no_adapt,
            twins=self.twins,
        )
        if self.mode is None and own is None and rule.judge.name != default_judge(encoder).name:
            say_notes([f"with --threshold scores are those of --mode {rule.judge.name}"])
        return rule


reference_options = option_group(
    "references",
    ReferenceOptions,
    click.option(
        "--refs",
        "cast",
        metavar="CAST",
        type=PATH,
        help="The characters and their reference pictures.",
    ),
    click.option(
        "--library",
        metavar="FILE",
        envvar="KYARA_LIBRARY",
        type=LIBRARY,
        help="Instead: a library (see `kyara library`), or a Lance dataset of references, "
        "FILE.lance or lance://PATH. Or set KYARA_LIBRARY.",
    ),
    click.option(
        "--mode",
        type=JudgeName(),
        help="Judge by the most similar reference, by the average over all, or by the "
        "model's open-set judge. Default: plda if the model has one and no --threshold "
        "is given, otherwise any.",
    ),
    click.option(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="Best scores below this are `unknown`; default: the model's own. Without --mode a "
        "similarity, of --mode any.",
    ),
    click.option(
        "--at-fpr",
        type=_Rate(0.01, 0.1),
        metavar="RATE",
        help="So strict that about this share of the strangers gets a name: 1% to 10%. "
        "Needs --calibration (there the default is 10%), or a model with an open-set judge "
        "(there a name is given where known is more likely than unknown).",
    ),
    click.option("--always-name", is_flag=True, help="Never answer `unknown`."),
    click.option(
        "--calibration",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Thresholds for your own characters, from `kyara calibrate`.",
    ),
    click.option(
        "--no-adapt",
        is_flag=True,
        help="Judge as the model was calibrated, and do not fit that to your own pictures.",
    ),
    click.option(
        "--twins",
        is_flag=True,
        help="One picture may hold the same character twice, as the panels of a page do. Without, "
        "each figure in a picture is somebody else, or `unknown`.",
    ),
)
"""Hands `ReferenceOptions` over as `references`."""


def say_chosen(chosen: Sequence[SeveralFigures]) -> None:
    """Which figures were taken of references with several, on stderr."""
    for one in chosen[:_CHOSEN_SHOWN]:
        click.echo(f"kyara: {one}", err=True)
    if len(chosen) > _CHOSEN_SHOWN:
        more = len(chosen) - _CHOSEN_SHOWN
        click.echo(f"kyara: and so in {more} more references", err=True)


def say_notes(notes: Iterable[str]) -> None:
    """What a person should know of the references, on stderr."""
    for note in notes:
        click.echo(f"kyara: {printable(note)}", err=True)


def say_adapted(rule: Rule) -> None:
    """To what the rule was fitted, on stderr; nothing if it was not."""
    import math

    if rule.domain is None:
        return
    pictures = rule.domain.pictures
    what = f"the references and {pictures} picture{'' if pictures == 1 else 's'}"
    said = f"kyara: adapted to {what if pictures else 'the references'}"
    if rule.threshold is not None:
        said += f"; a name is given from probability {1 / (1 + math.exp(-rule.threshold)):.2f}"
    click.echo(said, err=True)
