"""Options that say who judges, and when a picture is `unknown`: for the commands that identify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kyara.encode.encoder import Encoder
    from kyara.identify.judge import Rule

__all__ = ["JudgeName", "judge_options", "rule_for"]

F = TypeVar("F", bound=Callable[..., Any])


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


def judge_options(function: F) -> F:
    """`--mode`, `--threshold`, `--at-fpr`, `--calibration` and `--always-name`."""
    for option in (
        click.option(
            "--calibration",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Thresholds for your own characters, from `kyara calibrate`.",
        ),
        click.option("--always-name", is_flag=True, help="Never answer `unknown`."),
        click.option(
            "--at-fpr",
            type=_Rate(0.01, 0.1),
            metavar="RATE",
            help="So strict that about this share of the strangers gets a name: 1% to 10%. "
            "Needs --calibration (there the default is 10%), or a model with an open-set judge "
            "(there a name is given where known is more likely than unknown).",
        ),
        click.option(
            "--threshold",
            type=float,
            metavar="SCORE",
            help="Best scores below this are `unknown`; default: the model's own.",
        ),
        click.option(
            "--mode",
            type=JudgeName(),
            help="Judge by the most similar reference, by the average over all, or by the "
            "model's open-set judge. Default: plda if the model has one and no --threshold "
            "is given, otherwise any.",
        ),
    ):
        function = option(function)
    return function


def rule_for(
    encoder: Encoder,
    mode: str | None,
    threshold: float | None,
    at_fpr: float | None,
    always_name: bool,
    calibration: Path | None,
) -> Rule:
    """What the options ask for, of an encoder."""
    from kyara.identify.default import choose_judge
    from kyara.identify.own import load_own

    return choose_judge(
        encoder,
        mode,
        threshold=threshold,
        at_fpir=at_fpr,
        always_name=always_name,
        own=None if calibration is None else load_own(calibration, encoder),
    )
