"""Curves of a report as pictures, drawn by matplotlib without a display."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

from kyara.evaluate.protocols import CurveKind
from kyara.evaluate.reliability import Reliability
from kyara.evaluate.report import Report
from kyara.extras import optional
from kyara.files import writing

__all__ = ["save_plots"]

_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.8, 0.95)
_ENDS = (0.00005, 0.98)


def save_plots(report: Report, folder: Path) -> list[Path]:
    """Draw the curves of every source, one PNG for each protocol and
    kind of curve with all encoders in it, and
    a reliability diagram of each encoder.

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
            for kind in report.axes:
                curves = _curves(report, protocol, source, kind)
                if curves:
                    path = folder / f"{protocol}-{kind}-{_file_name(source)}.png"
                    drawn = figure(figsize=(5, 5), layout="constrained")
                    axes = drawn.add_subplot(title=source)
                    _DRAW[kind](axes, report.axes[kind], curves)
                    _save(drawn, path)
                    written.append(path)
    for encoder in report.encoders:
        if encoder.reliability:
            path = folder / f"reliability-{_file_name(encoder.label)}.png"
            drawn = figure(figsize=(5, 5), layout="constrained")
            _draw_reliability(drawn.add_subplot(title=encoder.label), encoder.reliability)
            _save(drawn, path)
            written.append(path)
    return written


_Curves = list[tuple[str, tuple[float, ...]]]
"""What each is called in a legend, and its values."""


def _curves(report: Report, protocol: str, source: str, kind: CurveKind) -> _Curves:
    """Curves of a kind."""
    return [
        (f"{encoder.label} {curve.title}".strip(), curve.values)
        for encoder in report.encoders
        for curve in encoder.curves.get(protocol, {}).get(source, {}).values()
        if curve.kind == kind
    ]


def _draw_det(axes: Any, fpr: Sequence[float], curves: _Curves) -> None:
    for label, fnr in curves:
        axes.plot([_probit(rate) for rate in fpr], [_probit(rate) for rate in fnr], label=label)
    axes.plot(*[[_probit(end) for end in _ENDS]] * 2, color="0.8", linewidth=1, zorder=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([_probit(t) for t in _TICKS], [f"{100 * t:g} %" for t in _TICKS])
    axes.set(
        xlabel="different taken for the same (FPR)",
        ylabel="the same not recognised (FNR)",
        xlim=[_probit(end) for end in _ENDS],
        ylim=[_probit(end) for end in _ENDS],
    )
    axes.tick_params(axis="x", labelrotation=45)
    axes.grid(color="0.9")
    axes.legend()


def _draw_precision_recall(axes: Any, recall: Sequence[float], curves: _Curves) -> None:
    for label, precision in curves:
        # A recall that no threshold reaches has no precision.
        reached = [(r, p) for r, p in zip(recall, precision, strict=True) if p > 0.0]
        axes.plot([r for r, _ in reached], [p for _, p in reached], label=label)
    axes.set(
        xlabel="right names of all probes (recall)",
        ylabel="right names of all names (precision)",
        xlim=[0, 1],
        ylim=[0, 1.02],
    )
    axes.grid(color="0.9")
    axes.legend(fontsize="x-small")


def _draw_reliability(axes: Any, found: Mapping[str, Reliability]) -> None:
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1, zorder=0)
    for name, diagram in found.items():
        label = f"{name}, expected error {diagram.error:.3f}"
        axes.plot(diagram.predicted, diagram.observed, marker="o", label=label)
    axes.set(
        xlabel="probability that Kyara gives",
        ylabel="share that is the same character",
        xlim=[0, 1],
        ylim=[0, 1],
    )
    axes.grid(color="0.9")
    axes.legend()


_DRAW: dict[CurveKind, Callable[[Any, Sequence[float], _Curves], None]] = {
    "det": _draw_det,
    "precision_recall": _draw_precision_recall,
}


def _file_name(words: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", words)


def _probit(rate: float) -> float:
    return NormalDist().inv_cdf(min(max(rate, 1e-6), 1 - 1e-6))


def _save(drawn: Any, path: Path) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, dpi=120)
