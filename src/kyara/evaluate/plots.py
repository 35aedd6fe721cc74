"""Curves of a report as pictures, drawn by matplotlib without a display."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

from kyara.errors import OutputError
from kyara.evaluate.extras import optional
from kyara.evaluate.report import Report

__all__ = ["save_plots"]

_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.8, 0.95)
_ENDS = (0.00005, 0.98)


def save_plots(report: Report, folder: Path) -> list[Path]:
    """Draw the DET curves of every source, one PNG each, all encoders in it.

    A detection error trade-off curve has both error rates on axes that make the curves of
    normally distributed scores straight lines (Martin et al. 1997).

    Returns:
        The files that were written.

    Raises:
        UsageError: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    # The figure class itself, not pyplot: no global state, no display.
    figure = optional("matplotlib.figure").Figure
    written = []
    for protocol in report.primary:
        for source in report.data.sources:
            curves = {
                encoder.label: encoder.curves[protocol][source]
                for encoder in report.encoders
                if source in encoder.curves.get(protocol, {})
            }
            if curves:
                path = folder / f"{protocol}-{re.sub(r'[^A-Za-z0-9_.-]+', '_', source)}.png"
                _save(_draw(figure, source, report.curve_fpr, curves), path)
                written.append(path)
    return written


def _draw(
    figure: Any, source: str, fpr: Sequence[float], curves: dict[str, tuple[float, ...]]
) -> Any:
    drawn = figure(figsize=(5, 5), layout="constrained")
    axes = drawn.add_subplot()
    for label, fnr in curves.items():
        axes.plot([_probit(rate) for rate in fpr], [_probit(rate) for rate in fnr], label=label)
    axes.plot(*[[_probit(end) for end in _ENDS]] * 2, color="0.8", linewidth=1, zorder=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([_probit(t) for t in _TICKS], [f"{100 * t:g} %" for t in _TICKS])
    axes.set(
        title=source,
        xlabel="different taken for the same (FPR)",
        ylabel="the same not recognised (FNR)",
        xlim=[_probit(end) for end in _ENDS],
        ylim=[_probit(end) for end in _ENDS],
    )
    axes.tick_params(axis="x", labelrotation=45)
    axes.grid(color="0.9")
    axes.legend()
    return drawn


def _probit(rate: float) -> float:
    return NormalDist().inv_cdf(min(max(rate, 1e-6), 1 - 1e-6))


def _save(drawn: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, dpi=120)
    except OSError as error:
        raise OutputError(f"cannot write it: {error.strerror}", where=path) from error
