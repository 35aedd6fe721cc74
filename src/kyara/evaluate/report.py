"""What was measured: a report as data, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from kyara.errors import DataError, OutputError

__all__ = [
    "DataSummary",
    "EncoderResult",
    "Metric",
    "Report",
    "SourceSummary",
    "load_report",
    "markdown",
    "save_markdown",
    "save_report",
]


class Metric(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value with the ends of its 95 % interval; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


class SourceSummary(msgspec.Struct, frozen=True):
    """How much there is of a source."""

    pictures: int
    characters: int


class DataSummary(msgspec.Struct, frozen=True):
    """Which data set: its name, digest (of names and labels) and sources."""

    name: str
    digest: str
    sources: dict[str, SourceSummary]


class EncoderResult(msgspec.Struct, frozen=True):
    """One encoder's results.

    Attributes:
        label: what it is called in the report; no two are called alike.
        id: the encoder's id.
        size: side of its crops in pixels.
        sources: metrics by source, protocol and name.
        mean: metrics by protocol and name; the mean over the sources that have a value.
        curves: by protocol and source, the false-negative rates at the report's `curve_fpr`.
        skipped: pictures that could not be read, each with the reason.
    """

    label: str
    id: str
    size: int
    dimension: int
    sources: dict[str, dict[str, dict[str, Metric]]]
    mean: dict[str, dict[str, Metric]]
    curves: dict[str, dict[str, tuple[float, ...]]]
    skipped: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """Everything that was measured; a table and plots can be made from it alone."""

    date: str
    data: DataSummary
    primary: dict[str, str]
    curve_fpr: tuple[float, ...]
    encoders: tuple[EncoderResult, ...]


def save_report(report: Report, path: Path) -> None:
    """Write JSON: keys in the order of the classes above, numbers to 4 decimals, so that two
    runs differ in few lines.

    Raises:
        OutputError: it cannot be written.
    """
    data = msgspec.json.encode(_rounded(msgspec.to_builtins(report)))
    _write(path, msgspec.json.format(data, indent=1) + b"\n")


def load_report(path: Path) -> Report:
    """A report that `save_report` wrote.

    Raises:
        DataError: unreadable, or not a report.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", where=path) from error
    except msgspec.DecodeError as error:
        raise DataError(f"not a report: {error}", where=path) from error


def save_markdown(report: Report, path: Path) -> None:
    """Write `markdown(report)`.

    Raises:
        OutputError: it cannot be written.
    """
    _write(path, markdown(report).encode())


def markdown(report: Report) -> str:
    """The report for people: for each protocol its primary metric, encoders side by side, with
    intervals; then all metrics of each encoder."""
    return "\n\n".join(_sections(report)) + "\n"


def _sections(report: Report) -> Iterator[str]:
    sources = report.data.sources.values()
    pictures = sum(source.pictures for source in sources)
    characters = sum(source.characters for source in sources)
    name = f"`{report.data.name}`, " if report.data.name else ""
    yield (
        f"Measured on {name}{pictures:,} pictures of {characters:,} characters, {report.date}. "
        "In brackets: 95 % intervals (bootstrap over characters). A dash stands where there are "
        "too few pictures; the mean is over the sources that have a value."
    )
    for protocol, primary in report.primary.items():
        yield f"### {_title(protocol)}: {_heading(primary)}"
        yield _primary_table(report, protocol, primary)
    for encoder in report.encoders:
        yield f"### All metrics of {encoder.label}"
        yield _all_metrics_table(report, encoder)


def _primary_table(report: Report, protocol: str, primary: str) -> str:
    def row(values: Callable[[EncoderResult], dict[str, dict[str, Metric]]]) -> list[str]:
        return [_with_interval(values(e)[protocol][primary]) for e in report.encoders]

    rows = [["source", "pictures", "characters", *(e.label for e in report.encoders)]]
    for source, size in report.data.sources.items():
        cells = row(lambda encoder, source=source: encoder.sources[source])  # type: ignore[misc]
        rows.append([source, str(size.pictures), str(size.characters), *cells])
    return _table([*rows, ["mean", "", "", *row(lambda encoder: encoder.mean)]])


def _all_metrics_table(report: Report, encoder: EncoderResult) -> str:
    names = [(protocol, name) for protocol in report.primary for name in encoder.mean[protocol]]
    rows = [["source", *(_heading(name) for _, name in names)]]
    everything = [*((s, encoder.sources[s]) for s in report.data.sources), ("mean", encoder.mean)]
    for source, values in everything:
        rows.append([source, *(_number(values[p][name].value) for p, name in names)])
    return _table(rows)


_HEADINGS = {
    "eer": "EER",
    "rank1": "rank-1",
    "map": "mAP",
    "fpr_at_fnr_13.9": "FPR at FNR 13.9 %",
    "tpr_at_fpr_1": "TPR at FPR 1 %",
}


def _heading(name: str) -> str:
    if name.startswith("top1_"):
        _, count, aggregation = name.split("_")
        return f"enrol-{count} {aggregation}"
    return _HEADINGS.get(name, name)


def _title(protocol: str) -> str:
    return protocol[:1].upper() + protocol[1:].replace("_", " ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _with_interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return _number(metric.value)
    return f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Padded, so that it reads well on a console too; the first column is words."""
    # A bar or a line break within a character's or an encoder's name would break the table.
    safe = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in safe
    ]
    rule = "".join(
        f"| {'-' * width} " if n == 0 else f"| {'-' * (width - 1)}: "
        for n, width in enumerate(widths)
    )
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value


def _write(path: Path, data: bytes) -> None:
    # Beside, then renamed: a full disk leaves the old report as it was.
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(f"cannot write it: {error.strerror}", where=path) from error
