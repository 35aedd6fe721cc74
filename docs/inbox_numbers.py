"""Tables of what users see in inboxes, and of what a library learns; for `build_numbers.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from kyara.evaluate.inboxes import InboxShape
from kyara.evaluate.protocols.inboxes import SHAPES
from kyara.evaluate.protocols.learning import Learning
from kyara.evaluate.report import EncoderResult, Metric, load_report

EVALUATION = Path(__file__).parent / "evaluation"
LEFT_OUT = {
    "kyara-2": EVALUATION / "open-set.json",
    "res18_single": EVALUATION / "open-set-res18_single.json",
}
"""Each model measured with the source left out, by `kyara fit --json`."""
LEARNING = EVALUATION / "learning.json"

HARD = ("moeimouto_b", "popular")
"""Whole pictures from many series, and faces by so many artists: the mean without them, too."""

MANY = 100
"""Pictures from which on `--at-fpr` is to be kept."""

FACTOR = 1.5

Figures = Mapping[str, Metric]
Row = Iterable[str]


def left_out(model: str) -> EncoderResult:
    """A model's figures."""
    (encoder,) = load_report(LEFT_OUT[model]).encoders
    return encoder


def by_source() -> list[Row]:
    """What the default model says at its defaults, by source: adapted, and as is in brackets."""
    encoder = left_out("kyara-2")
    rows: list[Row] = [["pictures", "right name", "wrong name", "`unknown`", "strangers named"]]
    for source, found in [*encoder.sources.items(), ("mean", encoder.mean)]:
        cells = [
            _both(found["inboxes"], f"{key}_{SHAPES[0].key}")
            for key in ("right", "wrong", "unknown", "strangers_named")
        ]
        if any(cells):
            rows.append([source if source == "mean" else f"`{source}`", *cells])
    return rows


def _both(figures: Figures, key: str) -> str:
    adapted, as_is = (figures[f"{key}_{how}"].value for how in ("adapted", "as_is"))
    return "" if adapted is None or as_is is None else f"{adapted:.2f} ({as_is:.2f})"


def headline() -> list[Row]:
    """Both models in the first shape: all sources, and without the hard ones."""
    titles = {
        "top1": "top-1",
        "dir_at_fpir_1": "DIR at FPIR 1 %",
        "dir_at_fpir_5": "5 %",
        "dir_at_fpir_10": "10 %",
        "auroc": "AUROC",
        "right": "right",
        "wrong": "wrong",
        "strangers_named": "strangers named",
        "calibration_error": "calibration error",
    }
    rows: list[Row] = [["", *titles.values(), "least right"]]
    for model in LEFT_OUT:
        encoder = left_out(model)
        for how, said in (("as_is", "`--no-adapt`"), ("adapted", "adapted")):
            cells = [_two_means(encoder, f"{key}_{SHAPES[0].key}_{how}") for key in titles]
            easy = _values(encoder, f"right_{SHAPES[0].key}_{how}", without=HARD)
            rows.append([f"`{model}`, {said}", *cells, f"{min(easy):.2f}"])
    return rows


def by_shape() -> list[Row]:
    """The default model in inboxes of every shape, all sources."""
    rows: list[Row] = [["inbox", "right", "wrong", "strangers named", "DIR at FPIR 5 %"]]
    encoder = left_out("kyara-2")
    for shape in SHAPES:
        keys = ("right", "wrong", "strangers_named", "dir_at_fpir_5")
        rows.append([_what_differs(shape), *(_both(_means(encoder, shape), key) for key in keys)])
    return rows


def _what_differs(shape: InboxShape) -> str:
    usual = SHAPES[0]
    parts = {
        "pictures": _counted(shape.pictures, "picture"),
        "strangers": f"{round(100 * shape.strangers)} % strangers",
        "references": _counted(shape.references, "reference"),
        "characters": _counted(shape.characters, "character"),
    }
    kept = [text for name, text in parts.items() if getattr(shape, name) != getattr(usual, name)]
    return ", ".join(kept or parts.values())


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _means(encoder: EncoderResult, shape: InboxShape) -> Figures:
    suffix = f"_{shape.key}_"
    found = encoder.mean["inboxes"]
    return {name.replace(suffix, "_"): metric for name, metric in found.items() if suffix in name}


def asked_rates() -> list[Row]:
    """How `--at-fpr` is kept, over all sources and shapes of many pictures."""
    rows: list[Row] = [
        [
            "asked for",
            "strangers named, mean",
            f"at most {FACTOR} times",
            f"within a factor of {FACTOR}",
            "the same with `--no-adapt`",
        ]
    ]
    encoder = left_out("kyara-2")
    for percent in (1, 5, 10):
        adapted, as_is = (_ratios(encoder, percent, how) for how in ("adapted", "as_is"))
        rows.append(
            [
                f"{percent} %",
                f"{percent * fmean(adapted):.1f} %",
                _share([ratio <= FACTOR for ratio in adapted]),
                _share([1 / FACTOR <= ratio <= FACTOR for ratio in adapted]),
                _share([1 / FACTOR <= ratio <= FACTOR for ratio in as_is]),
            ]
        )
    return rows


def _ratios(encoder: EncoderResult, percent: int, how: str) -> list[float]:
    """Of what was measured to what was asked for, for each source and shape."""
    return [
        value * 100 / percent
        for shape in SHAPES
        if shape.pictures >= MANY
        for value in _values(encoder, f"strangers_named_at_{percent}_{shape.key}_{how}")
    ]


def _share(passed: Sequence[bool]) -> str:
    return f"{100 * fmean(passed):.0f} % of {len(passed)}"


def _values(encoder: EncoderResult, key: str, without: Sequence[str] = ()) -> list[float]:
    values = (
        found["inboxes"][key].value
        for source, found in encoder.sources.items()
        if source not in without
    )
    return [value for value in values if value is not None]


def _two_means(encoder: EncoderResult, key: str) -> str:
    every, easy = _values(encoder, key), _values(encoder, key, without=HARD)
    return f"{fmean(every):.3f} / {fmean(easy):.3f}"


def learning() -> list[Row]:
    """Each model before and after it is told something, mean over the sources."""
    titles = {
        "top1": "top-1",
        "dir_at_fpir_5": "DIR at FPIR 5 %",
        "right": "right",
        "wrong": "wrong",
        "unknown": "`unknown`",
        "strangers_named": "strangers named",
    }
    rows: list[Row] = [["", *titles.values()]]
    for encoder in load_report(LEARNING).encoders:
        figures = encoder.mean["learning"]
        for stage, title in Learning().stages.items():
            cells = [_cell(figures[f"{key}_{stage}"]) for key in titles]
            rows.append([f"`{encoder.label}`, {title}", *cells])
    return rows


def _cell(metric: Metric) -> str:
    return "-" if metric.value is None else f"{metric.value:.3f}"
