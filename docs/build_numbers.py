"""Puts the measured numbers into the pages that quote them, from committed JSON alone.

    python docs/build_numbers.py           # write them
    python docs/build_numbers.py --check   # exit 1 if a page is not up to date

A page has the place for them between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import head_numbers
import inbox_numbers
import scale_numbers
import suggestion_numbers

from kyara.evaluate.report import (
    EncoderResult,
    Report,
    load_report,
    markdown,
    markdown_by_source,
)

ROOT = Path(__file__).parents[1]
DEV = ROOT / "docs" / "evaluation" / "dev.json"
OPEN_SET = ROOT / "docs" / "evaluation" / "open-set.json"
GROUPS = ROOT / "docs" / "evaluation" / "groups.json"
OF_GROUPS = ("b3_f05", "b3_precision", "b3_recall", "b3_f", "pairwise_f", "ari", "ami", "alone")
OTHER_WAYS = {"linkage": "average linkage", "hdbscan": "HDBSCAN"}
SORT = ROOT / "benchmarks" / "sort.json"
PLUGINS = ROOT / "src" / "kyara" / "plugins"
MODELS = ("kyara-2", "res18_single")


def table(rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; the first row is its head, the first column is words."""
    head, *body = (list(row) for row in rows)
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


def quality(model: str = MODELS[0]) -> str:
    """A model beside the baselines: EER per source."""
    report = load_report(DEV)
    encoders = _by_label(report)
    labels = [model, "histogram", "imagenet"]
    head = ["pictures of characters never trained on", "pictures", f"EER, {model}"]
    head += ["EER, colour histogram", "EER, ImageNet features", "rank-1", "enrol-5 top-1"]
    rows = [head]
    for source, size in report.data.sources.items():
        eers = [_metric(encoders[label], source, "verification", "eer") for label in labels]
        if eers[0] == "-":
            continue
        own = encoders[model]
        rank = _metric(own, source, "retrieval", "rank1")
        top = _metric(own, source, "enrolment", "top1_5_avg")
        rows.append([f"`{source}`", f"{size.pictures:,}", f"**{eers[0]}**", *eers[1:], rank, top])
    return table(rows) + (
        "\n\nEER: of pairs of pictures, the share that is judged wrongly where both kinds of error "
        "are equally frequent (lower is better). Rank-1: how often the most similar other picture "
        "shows the same character. Enrol-5: five references per character, who is the rest?"
    )


GLANCE = {
    "verification": ("eer", "tpr_at_fpr_1"),
    "hard_pairs": ("hard_eer",),
    "retrieval": ("rank1", "map"),
    "enrolment": ("top1_5_avg", "top1_10_avg"),
    "clustering": ("b3_f",),
    "robustness": ("eer_grey", "eer_hue_down", "eer_half", "eer_jpeg", "eer_line_art"),
}


def glance() -> str:
    """The encoders side by side: means over the sources, the best of each row in bold."""
    report = load_report(DEV)
    rows = [["mean over the sources", *(encoder.label for encoder in report.encoders)]]
    for protocol, names in GLANCE.items():
        for name in names if protocol in report.primary else ():
            values = [encoder.mean[protocol][name].value for encoder in report.encoders]
            known = [value for value in values if value is not None]
            about = report.metric(protocol, name)
            best = max if about.higher_is_better else min
            rows.append([about.title, *(_cell(v, v == best(known)) for v in values)])
    return table(rows)


def _cell(value: float | None, best: bool) -> str:
    if value is None:
        return "-"
    return f"**{value:.3f}**" if best else f"{value:.3f}"


def full_report() -> str:
    """The primary metrics by source and all of them on average, as `kyara evaluate` prints it."""
    return markdown(load_report(DEV)).strip()


def details() -> str:
    """Everything that was measured, folded by encoder."""
    report = load_report(DEV)
    return "\n\n".join(
        f"<details><summary>{encoder.label}</summary>\n\n"
        f"{markdown_by_source(report, encoder)}\n\n</details>"
        for encoder in report.encoders
    )


def open_set() -> str:
    """The plain thresholds beside the open-set judge, mean over the sources."""
    (encoder,) = load_report(OPEN_SET).encoders
    figures = encoder.mean["open_set"]
    names = {
        "dir_at_fpir_1": "DIR at FPIR 1 %",
        "dir_at_fpir_5": "DIR at FPIR 5 %",
        "dir_at_fpir_10": "DIR at FPIR 10 %",
        "auroc": "AUROC",
        "top1": "top-1",
    }
    rows = [["references", "way", *names.values()]]
    for count in (1, 3, 5, 10):
        for way in ("any", "avg", "plda"):
            cells = [figures[f"{name}_{count}_{way}"] for name in names]
            rows.append([str(count), way, *(_interval(m.value, m.low, m.high) for m in cells)])
    return table(rows) + f"\n\n`{encoder.label}`; in brackets 95 % intervals."


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def inboxes() -> str:
    """What users get at the defaults, by source."""
    return table(inbox_numbers.by_source()) + (
        f"\n\n`{MODELS[0]}` at its defaults: inboxes of 200 pictures, half of them of up to 20 "
        "known characters with five references each, half strangers. Right, wrong and `unknown` "
        "are shares of the known; in brackets the same with `--no-adapt`. What adapted scores "
        "mean was fitted without the set that is measured "
        "([more](docs/evaluation.md#inboxes-as-users-have-them))."
    )


def heads() -> str:
    """How well the shipped detector finds heads."""
    return table(head_numbers.found()) + f"\n\n{head_numbers.how_it_is_found()}"


def whole() -> str:
    """What the detector is worth on whole pictures by many hands."""
    return table(head_numbers.worth("popular"))


def speed() -> str:
    """The benchmark of sorting."""
    data: dict[str, Any] = json.loads(SORT.read_text(encoding="utf-8"))
    seconds, rates, ratios = data["median_seconds"], data["pictures_per_second"], data["ratios"]
    rows = [["what", "seconds", "pictures per second"]]
    for key, what in (
        ("a", "(a) the forerunner's way"),
        ("b_full", "(b) decoding alone, full size, all cores"),
        ("b_reduced", "(b) decoding alone, as few pixels as Kyara, all cores"),
        ("c", "(c) `kyara sort --detect none`, first time"),
        ("d", "(d) `kyara sort --detect none`, again"),
        ("e", "(e) `kyara sort`, with the detector, first time"),
        ("f", "(f) `kyara sort`, with the detector, again"),
    ):
        if key in seconds:
            rows.append([what, f"{seconds[key]:.2f}", f"{rates[key]:,.0f}"])
    pictures, machine = data["pictures"], data["machine"]
    return table(rows) + (
        f"\n\n{pictures['sorted']:,} pictures, {pictures['median_megapixels']:.2f} megapixels in "
        f"the median, {pictures['bytes'] / 1e6:,.0f} MB; {machine['processor']}, "
        f"{machine['cores']} cores. a/c = {ratios['a/c']:.1f}, c/b = {ratios['c/b_full']:.2f} "
        f"(full size) and {ratios['c/b_reduced']:.2f} (few pixels), a/d = {ratios['a/d']:.0f}, "
        f"e/c = {ratios['e/c']:.1f}."
    )


def groups() -> str:
    """Unnamed pictures in groups, mean over the sources."""
    report = load_report(GROUPS)
    encoders = _by_label(report)
    rows: list[list[str]] = [["mean over the sources", *encoders]]
    for name in OF_GROUPS:
        cells = [_cell(e.mean["grouping"][name].value, best=False) for e in encoders.values()]
        rows.append([report.metric("grouping", name).title, *cells])
    for way, title in OTHER_WAYS.items():
        cells = [_best_of(encoder.mean["grouping"], way) for encoder in encoders.values()]
        rows.append([f"B³ F 0.5, {title}", *cells])
    return table(rows)


def _best_of(figures: Any, way: str) -> str:
    values = [m.value for name, m in figures.items() if name.startswith(f"{way}_f05_at_")]
    return f"{max(value for value in values if value is not None):.3f}"


PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "README.md": {"numbers": quality, "inboxes": inboxes, "speed": speed, "whole": whole},
    ROOT / "docs" / "evaluation.md": {
        "glance": glance,
        "report": full_report,
        "details": details,
        "open-set": open_set,
        "inboxes": lambda: table(inbox_numbers.headline()),
        "inboxes-by-shape": lambda: table(inbox_numbers.by_shape()),
        "asked-rates": lambda: table(inbox_numbers.asked_rates()),
        "learning": lambda: table(inbox_numbers.learning()),
        "heads": heads,
        "whole": lambda: table(head_numbers.worth()),
        "together": lambda: table(head_numbers.together()),
        "groups": groups,
        "suggestions": lambda: table(suggestion_numbers.kinds()),
        "suggestions-by-source": lambda: table(suggestion_numbers.by_source()),
        "copies": lambda: table(suggestion_numbers.copies()),
        "taken-for-copies": suggestion_numbers.taken_for_copies,
        "copied-references": lambda: table(suggestion_numbers.copied_references()),
    },
    ROOT / "docs" / "how-to" / "scale.md": {
        "searched": lambda: table(scale_numbers.searched()),
        "answers": scale_numbers.answers,
        "billion": lambda: table(scale_numbers.billion()),
    },
    PLUGINS / "heads-1" / "CARD.md": {"heads": heads},
    **{PLUGINS / model / "CARD.md": {"numbers": partial(quality, model)} for model in MODELS},
}


def filled(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """`text` with each part between its marks."""
    for name, make in parts.items():
        marks = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        if not marks.search(text):
            sys.exit(f"there is no place for {name}")
        made = make()
        text = marks.sub(lambda m, made=made: f"{m[1]}{made}\n{m[2]}", text)  # type: ignore[misc]
    return text


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    for page, parts in PAGES.items():
        text = page.read_text(encoding="utf-8")
        new = filled(text, parts)
        if check and new != text:
            sys.exit(f"{page.name} is not up to date: run python docs/build_numbers.py")
        if not check:
            page.write_text(new, encoding="utf-8")


def _by_label(report: Report) -> dict[str, EncoderResult]:
    return {encoder.label: encoder for encoder in report.encoders}


def _metric(encoder: EncoderResult, source: str, protocol: str, name: str) -> str:
    value = encoder.sources[source][protocol][name].value
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
