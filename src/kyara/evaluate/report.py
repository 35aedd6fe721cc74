"""What was measured: a report as data, as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kyara.errors import DataError
from kyara.evaluate.protocols.contract import Curve, CurveKind, MetricInfo
from kyara.evaluate.reliability import Reliability
from kyara.files import reading, replaced, require_own, writing

__all__ = [
    "DataSummary",
    "EncoderResult",
    "Metric",
    "Report",
    "SourceSummary",
    "check_report_places",
    "load_report",
    "markdown",
    "markdown_by_source",
    "save_markdown",
    "save_report",
    "write_json",
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
        curves: by protocol, source and name; over the report's `axes` of their kind.
        skipped: pictures that could not be read, each with the reason.
        reliability: of the probabilities for `pair`, `any` and `avg`, fitted and measured on
            different characters; empty where there are too few.
    """

    label: str
    id: str
    size: int
    dimension: int
    sources: dict[str, dict[str, dict[str, Metric]]]
    mean: dict[str, dict[str, Metric]]
    curves: dict[str, dict[str, dict[str, Curve]]]
    skipped: tuple[str, ...] = ()
    reliability: dict[str, Reliability] = {}


class Report(msgspec.Struct, frozen=True):
    """Everything that was measured; a table and plots can be made from it alone.

    Attributes:
        primary: by protocol, the metric that stands for it.
        metrics: by protocol, what was measured; an encoder has no value for those of a judge
            that it does not have.
    """

    date: str
    data: DataSummary
    primary: dict[str, str]
    metrics: dict[str, tuple[MetricInfo, ...]]
    axes: dict[CurveKind, tuple[float, ...]]
    encoders: tuple[EncoderResult, ...]

    def metric(self, protocol: str, name: str) -> MetricInfo:
        """What a metric is.

        Raises:
            KeyError: it was not measured.
        """
        found = {metric.name: metric for metric in self.metrics[protocol]}
        return found[name]


def check_report_places(json_file: Path | None, markdown_file: Path | None) -> None:
    """See, before any work, that reports can be written there.

    Raises:
        UsageError: another file than an earlier report is there.
    """
    if json_file is not None:
        require_own(json_file, "report", _is_json)
    if markdown_file is not None:
        require_own(markdown_file, "report", _is_markdown)


def _is_json(data: bytes) -> bool:
    """Whether it is a report of models, a list of those of detectors, or one of what a detector
    is worth; an older Kyara's may lack what there is today."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if isinstance(found, list):
        return all(isinstance(one, dict) and "detector" in one for one in found)
    kinds = ({"date", "data", "encoders"}, {"detector", "encoder", "pictures"})
    return isinstance(found, dict) and any(kind <= found.keys() for kind in kinds)


def _is_markdown(data: bytes) -> bool:
    return data.startswith(b"Measured on ") or b"found by size (heads)" in data[:4096]


def save_report(report: Report, path: Path) -> None:
    """Write JSON: keys in the order of the classes above, numbers to 4 decimals, so that two
    runs differ in few lines.

    Raises:
        OutputError: it cannot be written.
    """
    write_json(report, path)


def write_json(measured: msgspec.Struct, path: Path) -> None:
    """As `save_report` writes a report.

    Raises:
        OutputError: it cannot be written.
    """
    data = msgspec.json.encode(_rounded(msgspec.to_builtins(measured)))
    write_bytes(path, msgspec.json.format(data, indent=1) + b"\n")


def load_report(path: Path) -> Report:
    """A report that `save_report` wrote.

    Raises:
        DataError: unreadable, or not a report.
    """
    try:
        with reading(path):
            return msgspec.json.decode(path.read_bytes(), type=Report)
    except msgspec.DecodeError as error:
        raise DataError(f"not a report: {error}", where=path) from error


def save_markdown(report: Report, path: Path) -> None:
    """Write `markdown(report)`.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, markdown(report).encode())


def markdown(report: Report) -> str:
    """The report for people: for each protocol its primary metric by source, then all its metrics
    on average; encoders side by side, with intervals."""
    return "\n\n".join(_sections(report)) + "\n"


def markdown_by_source(report: Report, encoder: EncoderResult) -> str:
    """All metrics of one encoder on every source, a table for each protocol."""
    tables = [
        f"{_title(protocol)}:\n\n{_by_source_table(report, protocol, encoder)}"
        for protocol in report.primary
    ]
    return "\n\n".join(tables)


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
        yield f"### {_title(protocol)}: {report.metric(protocol, primary).title}"
        yield _primary_table(report, protocol, primary)
        if len(_shown(report, protocol)) > 1:
            yield "All metrics, mean over the sources:"
            yield _mean_table(report, protocol)

    if any(encoder.reliability for encoder in report.encoders):
        yield "### Calibration: expected error of the probabilities"
        yield _reliability_table(report)


def _reliability_table(report: Report) -> str:
    rows = [["probability", *(encoder.label for encoder in report.encoders)]]
    for name, words in _RELIABILITY.items():
        found = [encoder.reliability.get(name) for encoder in report.encoders]
        rows.append([words, *(_number(None if r is None else r.error) for r in found)])
    return _table(rows)


_RELIABILITY = {
    "pair": "two pictures",
    "any": "best of 5 references",
    "avg": "mean over 5 references",
}


def _primary_table(report: Report, protocol: str, primary: str) -> str:
    def row(values: Callable[[EncoderResult], dict[str, dict[str, Metric]]]) -> list[str]:
        return [_with_interval(_value(values(e), protocol, primary)) for e in report.encoders]

    rows = [["source", "pictures", "characters", *(e.label for e in report.encoders)]]
    for source, size in report.data.sources.items():
        cells = row(lambda encoder, source=source: encoder.sources[source])  # type: ignore[misc]
        rows.append([source, str(size.pictures), str(size.characters), *cells])
    return _table([*rows, ["mean", "", "", *row(lambda encoder: encoder.mean)]])


def _mean_table(report: Report, protocol: str) -> str:
    rows = [["metric", *(encoder.label for encoder in report.encoders)]]
    for metric in _shown(report, protocol):
        cells = [_with_interval(_value(e.mean, protocol, metric.name)) for e in report.encoders]
        rows.append([metric.title, *cells])
    return _table(rows)


def _by_source_table(report: Report, protocol: str, encoder: EncoderResult) -> str:
    metrics = [m for m in _shown(report, protocol) if m.name in encoder.mean[protocol]]
    rows = [["source", *(metric.title for metric in metrics)]]
    everything = [*((s, encoder.sources[s]) for s in report.data.sources), ("mean", encoder.mean)]
    for source, values in everything:
        rows.append([source, *(_number(values[protocol][m.name].value) for m in metrics)])
    return _table(rows)


def _shown(report: Report, protocol: str) -> list[MetricInfo]:
    return [metric for metric in report.metrics[protocol] if metric.in_tables]


def _value(values: dict[str, dict[str, Metric]], protocol: str, name: str) -> Metric:
    """A metric's value; none where it is that of a judge that the encoder does not have."""
    return values[protocol].get(name, Metric(None))


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


def write_bytes(path: Path, data: bytes) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part:
            part.write_bytes(data)
