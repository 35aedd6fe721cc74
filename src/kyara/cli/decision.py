"""Options that say when a picture is `unknown`, shared by the commands that identify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kyara.encode.encoder import Encoder
    from kyara.identify.decision import Judge

__all__ = ["decision_for", "decision_options"]

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_FPIR = 0.1
"""Of a calibration on one's own characters."""
EVEN_ODDS = 0.0
"""Log-odds from which on a back-end names: known is more likely than unknown."""


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


def decision_options(function: F) -> F:
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
            "Needs --calibration (there the default is 10%), or a model with an open-set back-end "
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
            type=click.Choice(["any", "avg", "plda"]),
            help="Judge by the most similar reference, by the average over all, or by the "
            "model's open-set back-end. Default: plda if the model has one and no --threshold "
            "is given, otherwise any.",
        ),
    ):
        function = option(function)
    return function


def decision_for(
    encoder: Encoder,
    mode: str | None,
    threshold: float | None,
    at_fpr: float | None,
    always_name: bool,
    calibration: Path | None = None,
) -> tuple[Judge, float | None]:
    """How to score, and the least score of a known character (None: always name)."""
    from kyara.errors import UsageError
    from kyara.identify.calibration import logistic_for
    from kyara.identify.decision import load_open_set
    from kyara.identify.own import load_own
    from kyara.types import Aggregation

    if (threshold is not None) + (at_fpr is not None) + always_name > 1:
        raise click.UsageError("--threshold, --at-fpr and --always-name exclude each other")
    own = None if calibration is None else load_own(calibration, encoder)
    if own is not None:
        if mode not in (None, own.mode):
            raise UsageError(f"this was calibrated for --mode {own.mode}", where=calibration)
        if threshold is None and not always_name:
            threshold = own.threshold(at_fpr or DEFAULT_FPIR)
        mode, at_fpr = own.mode, None
    # A threshold of the user's is a similarity, unless the back-end was asked for by name.
    plain = mode in ("any", "avg") or (mode is None and threshold is not None)
    open_set = None if plain else load_open_set(encoder)
    if open_set is None and (mode == "plda" or at_fpr is not None):
        if plain:
            raise click.UsageError("--at-fpr is for --mode plda, or with --calibration")
        raise UsageError(
            f"the model {encoder.name} has no open-set back-end",
            hint="use --mode any with --threshold, or fit one: kyara fit --help",
        )
    if open_set is not None:
        if threshold is None and not always_name:
            threshold = EVEN_ODDS if at_fpr is None else open_set.threshold(at_fpr)
        return open_set, threshold
    aggregation = Aggregation(mode or "any")
    logistic = logistic_for(encoder.calibration, aggregation)
    if threshold is None and not always_name and logistic is not None:
        threshold = logistic.threshold
    return aggregation, threshold
