"""Which judge, and from which score on a character is known: the one place that chooses.

The command line, Python, `app/cui_tool.py` and the evaluation all ask here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.adapted import adaptation_of
from kyara.identify.judge import Any, Avg, Judge, Plda, Rule
from kyara.identify.own import OwnCalibration

__all__ = ["DEFAULT_FPIR", "JUDGES", "choose_judge", "default_judge", "judge_named"]

JUDGES: dict[str, Callable[[Encoder], Judge | None]] = {
    "any": Any,
    "avg": Avg,
    "plda": Plda.of_plugin,
}
"""By name, in the order of reports: from an encoder to its judge, or None if it has none."""

DEFAULT_FPIR = 0.1
"""Of a calibration on one's own characters."""


def default_judge(encoder: Encoder) -> Judge:
    """The judge that users get: the open-set one of the model, or the most alike reference.

    Raises:
        PluginError: the model's own cannot be read.
    """
    return Plda.of_plugin(encoder) or Any(encoder)


def judge_named(encoder: Encoder, name: str) -> Judge:
    """The judge of that name for an encoder.

    Raises:
        UsageError: there is none of that name, or the model does not have what it needs.
        PluginError: the model's own cannot be read.
    """
    if name not in JUDGES:
        raise UsageError(f"there is no judge {name!r}", hint=f"there are: {', '.join(JUDGES)}")
    judge = JUDGES[name](encoder)
    if judge is None:
        raise _no_open_set(encoder)
    return judge


def choose_judge(
    encoder: Encoder,
    name: str | None = None,
    *,
    threshold: float | None = None,
    at_fpir: float | None = None,
    always_name: bool = False,
    own: OwnCalibration | None = None,
    adapt: bool = True,
    twins: bool = False,
) -> Rule:
    """How it is decided who is in a picture: as users get it, but for what is asked.

    Args:
        name: of `JUDGES`. By default the one of `own`; or `any` where a threshold is given,
            which then is a similarity; or `default_judge`.
        threshold: the least score of a known character; by default the judge's.
        at_fpir: instead: about this share of the strangers gets a name.
        always_name: instead: nobody is unknown.
        own: thresholds for one's own characters, at 10 % of the strangers by default.
        adapt: whether the rule is to be fitted to the pictures that it is for, where the model
            can: not with `own`, whose thresholds were measured without.
        twins: whether one picture may hold the same character twice.

    Raises:
        UsageError: what is asked does not go together, or the model does not have it.
        PluginError: the model's own judge cannot be read.
    """
    if (threshold is not None) + (at_fpir is not None) + always_name > 1:
        raise UsageError(
            "a threshold, a rate and always naming exclude each other",
            hint="keep one of --threshold, --at-fpr and --always-name",
        )
    if threshold is not None and math.isnan(threshold):
        raise UsageError("a threshold must be a number", hint="not nan")
    judge = _judge_for(encoder, name, threshold, own)
    if own is not None and not always_name and threshold is None:
        own_least = own.thresholds.at(at_fpir or DEFAULT_FPIR)
        return Rule(judge, own_least, twins=twins, doubt=own.doubt)
    adapts = None
    if adapt and own is None and isinstance(judge, Plda):
        default = threshold is None and not always_name
        adapts = adaptation_of(encoder, judge, default=default, fpir=at_fpir)
    if always_name:
        return Rule(judge, None, adapts, twins=twins)
    if threshold is not None:
        return Rule(judge, threshold, adapts, twins=twins)
    least = judge.threshold(at_fpir)
    if at_fpir is not None and least is None:
        if name is None:
            raise _no_open_set(encoder)
        hint = "--at-fpr is for --mode plda, or with --calibration"
        raise UsageError(f"the judge {judge.name} has no thresholds by rate", hint=hint)
    return Rule(judge, least, adapts, twins=twins)


def _judge_for(
    encoder: Encoder, name: str | None, threshold: float | None, own: OwnCalibration | None
) -> Judge:
    if own is not None:
        if name not in (None, own.mode):
            raise UsageError(f"these thresholds were calibrated for --mode {own.mode}")
        own.require(encoder)
        return judge_named(encoder, own.mode)
    if name is None:
        return default_judge(encoder) if threshold is None else Any(encoder)
    return judge_named(encoder, name)


def _no_open_set(encoder: Encoder) -> UsageError:
    return UsageError(
        f"the model {encoder.name} has no open-set judge",
        hint="use --mode any with --threshold, or fit one: kyara fit --help",
    )
