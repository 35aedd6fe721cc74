"""`kyara compare`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kyara.cli.console import progress
from kyara.cli.options import PATH, ModelOptions, model_options, report_skipped
from kyara.cli.references import say_adapted
from kyara.errors import UsageError
from kyara.files import is_folder

if TYPE_CHECKING:
    from kyara.detect import Detector
    from kyara.encode.encoder import Encoder
    from kyara.encode.pipeline import EmbeddedPicture
    from kyara.identify.judge import Rule
    from kyara.identify.references import EmbeddedReferences
    from kyara.types import FloatArray, PixelArray, Verification

EXAMPLE = """
\b
Examples:
    kyara compare a.png b.png
    kyara compare a.png b.png c.png --json
    kyara compare a.png b.png --explain why.png
    kyara compare a.png --library cast.kyara --character Yang_Wenli
"""


@click.command("compare", epilog=EXAMPLE)
@click.argument("pictures", nargs=-1, required=True, type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--explain",
    metavar="FILE.png",
    type=PATH,
    help="Also draw where the similarity of two pictures comes from.",
)
@click.option(
    "--library",
    metavar="FILE",
    type=PATH,
    help="Compare with the references of this library as well, and judge as its pictures are "
    "drawn.",
)
@click.option("--character", metavar="NAME", help="Only with those of this character.")
@click.option(
    "--no-adapt",
    is_flag=True,
    help="Judge as the model was calibrated, and do not fit that to the library's pictures.",
)
@model_options
def command(
    pictures: tuple[Path, ...],
    as_json: bool,
    explain: Path | None,
    library: Path | None,
    character: str | None,
    no_adapt: bool,
    model: ModelOptions,
) -> int:
    """Do these PICTURES show the same character?

    Of pictures with several figures, those two count that are most alike.

    Two pictures give a score (higher is more alike), the probability that both show the same
    character, and a verdict. More give the matrix of every picture against every other.

    With a library the probability is fitted to how its pictures are drawn, if the model can.

    --explain hides a part of one picture after the other, and shows where that makes the two
    less alike (occlusion sensitivity). It takes a few seconds.
    """
    from kyara.encode.pipeline import embed_pictures
    from kyara.pictures.find import find_pictures

    if library is None and character is not None:
        raise click.UsageError("--character is about a library: give --library as well")
    if library is not None and explain is not None:
        raise click.UsageError("--explain and --library exclude each other")
    known = _known(library, character, model)
    encoder, finder = known.encoder, known.finder
    paths = _named(pictures, find_pictures(pictures))
    if len(paths) + len(known.pictures) < 2:
        raise UsageError("two pictures or more are needed", hint="kyara compare a.png b.png")
    if explain is not None:
        _check_explainable(explain, paths)
    with model.cache() as cache:
        embedded = list(embed_pictures(paths, encoder, detector=finder, cache=cache))
    given = [picture for picture in embedded if picture.error is None]
    usable = [*given, *known.pictures] if given else []
    failed = [str(picture.error) for picture in embedded if picture.error is not None]
    if len(usable) < 2:
        report_skipped(failed, len(paths))
        return 1
    rule = None if no_adapt else _fitted(known, given)
    best = _best_pairs(usable, encoder)
    matrix = _verify_all(best, encoder, _odds(best, usable, rule))
    if explain is not None:
        _explain(explain, usable, best[0][1], matrix[0][1], (encoder, finder))
    if as_json:
        click.echo(json.dumps(_as_json(usable, best, matrix, encoder, rule, explain)))
    elif len(usable) == 2:
        _print_pair(matrix[0][1])
    else:
        _print_matrix(usable, matrix)
    return report_skipped(failed, len(paths))


@dataclass(frozen=True)
class _Known:
    """What the pictures are compared by, and what of a library beside them.

    Attributes:
        pictures: the library's references to compare with.
        references: all of them, and what the library lends.
    """

    encoder: Encoder
    finder: Detector
    pictures: tuple[EmbeddedPicture, ...] = ()
    references: EmbeddedReferences | None = None


def _known(library: Path | None, character: str | None, model: ModelOptions) -> _Known:
    if library is None:
        return _Known(model.encoder(), model.detector())
    return _from_library(library, character, model)


def _from_library(path: Path, character: str | None, model: ModelOptions) -> _Known:
    """The encoder and detector of a library, and its references; the pictures are not needed."""
    from kyara.encode.pipeline import EmbeddedPicture
    from kyara.identify.references import LibraryReferences
    from kyara.library.store import Library

    with Library.open(path) as library:
        encoder = model.encoder_of(library)
        opened = LibraryReferences(library, model.chosen_detector())
        detector = opened.detector
        name = None if character is None else library.decisions.find(character).name
        found = library.references()
        references = opened.embedded(encoder) if found.characters else None
    pictures = [
        EmbeddedPicture(
            found.paths[n], found.digests[n], (found.detection(n),), found.embeddings[[n]]
        )
        for n, owner in enumerate(found.characters)
        if name is None or owner == name
    ]
    return _Known(encoder, detector, tuple(pictures), references)


def _named(given: Sequence[Path], found: list[Path]) -> list[Path]:
    # The same picture named twice is compared with itself, as asked.
    return list(given) if not any(map(is_folder, given)) else found


class _Pair(NamedTuple):
    """The figures of two pictures that are most alike: their numbers, from 0, and the score."""

    one: int
    other: int
    score: float


def _best_pairs(pictures: Sequence[EmbeddedPicture], encoder: Encoder) -> list[list[_Pair]]:
    """For every picture against every other."""
    import numpy as np

    rows = np.concatenate([picture.embeddings for picture in pictures])
    scores = encoder.similarity(rows, rows)
    ends = np.cumsum([len(picture.embeddings) for picture in pictures]).tolist()
    spans = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]

    def best(block: FloatArray) -> _Pair:
        one, other = divmod(int(block.argmax()), block.shape[1])
        return _Pair(one, other, float(block[one, other]))

    return [[best(scores[one, other]) for other in spans] for one in spans]


def _fitted(known: _Known, pictures: Sequence[EmbeddedPicture]) -> Rule | None:
    """The judge as fitted to the library and to these pictures, if that can be done; says so."""
    from kyara.identify.default import choose_judge

    if known.references is None:
        return None
    rule = known.references.fit(choose_judge(known.encoder, always_name=True), pictures)
    say_adapted(rule)
    return None if rule.domain is None else rule


def _odds(
    pairs: Sequence[Sequence[_Pair]], pictures: Sequence[EmbeddedPicture], rule: Rule | None
) -> list[list[float]] | None:
    """Log-odds that the two figures of each pair show the same character, by the adapted judge;
    None where there is none."""
    import numpy as np

    from kyara.identify.adapted import Adapted
    from kyara.identify.pairs import log_odds_of_pairs

    if rule is None or not isinstance(rule.judge, Adapted):
        return None
    odds = log_odds_of_pairs(
        rule.judge, np.concatenate([picture.embeddings for picture in pictures])
    )
    begins = np.cumsum([0, *(len(picture.embeddings) for picture in pictures)]).tolist()
    return [
        [float(odds[begins[a] + pair.one, begins[b] + pair.other]) for b, pair in enumerate(row)]
        for a, row in enumerate(pairs)
    ]


def _verify_all(
    pairs: Sequence[Sequence[_Pair]], encoder: Encoder, odds: list[list[float]] | None
) -> list[list[Verification]]:
    from kyara.identify.calibration import verify, verify_by_odds

    if odds is not None:
        return [
            [verify_by_odds(pair.score, value) for pair, value in zip(*both, strict=True)]
            for both in zip(pairs, odds, strict=True)
        ]
    published = encoder.published_threshold
    return [[verify(pair.score, encoder.calibration, published) for pair in row] for row in pairs]


def _check_explainable(target: Path, paths: Sequence[Path]) -> None:
    if len(paths) != 2:
        raise UsageError("--explain is about two pictures", hint=f"{len(paths)} were named")
    if os.path.lexists(target):
        raise UsageError("this file exists", where=target, hint="choose another name")
    if not is_folder(target.parent):
        raise UsageError("there is no such folder", where=target.parent)


def _explain(
    target: Path,
    pictures: Sequence[EmbeddedPicture],
    pair: _Pair,
    verdict: Verification,
    models: tuple[Encoder, Detector],
) -> None:
    from kyara.identify.calibration import in_words
    from kyara.identify.explain import Occlusion, explain_similarity
    from kyara.results.explanation import write_explanation

    encoder, detector = models
    a = _crop_of(pictures[0], pair.one, encoder, detector)
    b = _crop_of(pictures[1], pair.other, encoder, detector)
    with progress("patches", 2 * len(Occlusion.for_size(encoder.input.size).windows)) as tick:
        explanation = explain_similarity(a, b, encoder, on_patches=tick)
    likely = "" if verdict.probability is None else f", probability {verdict.probability:.2f}"
    sentence = f"{in_words(verdict)} Score {verdict.score:.2f}{likely}."
    write_explanation(target, explanation, sentence)


def _crop_of(
    picture: EmbeddedPicture, figure: int, encoder: Encoder, detector: Detector
) -> PixelArray:
    from kyara.detect import crop_box
    from kyara.encode.preprocess import crops_of
    from kyara.pictures.read import measure
    from kyara.pictures.source import File

    content, detection = File(picture.path).read(), picture.detections[figure]
    box = detection.box
    if detector.margin:  # the size is only needed, and not always known, where there is one
        box = crop_box(detection, detector.margin, *measure(picture.path).upright)
    (crop,) = crops_of(content, [box], encoder.input)
    return crop


def _print_pair(verification: Verification) -> None:
    from kyara.identify.calibration import in_words

    click.echo(f"score        {verification.score:.3f}")
    if verification.probability is not None:
        click.echo(f"probability  {verification.probability:.3f}")
    click.echo(in_words(verification))


def _print_matrix(pictures: Sequence[EmbeddedPicture], matrix: list[list[Verification]]) -> None:
    from kyara.cli.console import print_table
    from kyara.errors import printable

    calibrated = matrix[0][0].probability is not None
    click.echo("Probability that both show the same character:" if calibrated else "Scores:")
    columns = [("", "right"), ("", "left"), *((str(n + 1), "right") for n in range(len(pictures)))]
    rows = []
    for n, (picture, row) in enumerate(zip(pictures, matrix, strict=True)):
        values = [v.score if v.probability is None else v.probability for v in row]
        cells = ["·" if m == n else f"{value:.2f}" for m, value in enumerate(values)]
        rows.append([str(n + 1), printable(os.fspath(picture.path)), *cells])
    print_table(columns, rows)


def _as_json(
    pictures: Sequence[EmbeddedPicture],
    pairs: Sequence[Sequence[_Pair]],
    matrix: list[list[Verification]],
    encoder: Encoder,
    rule: Rule | None,
    explain: Path | None,
) -> dict[str, Any]:
    from kyara.identify.calibration import in_words

    result: dict[str, Any] = {
        "encoder": encoder.id,
        "pictures": [os.fspath(picture.path) for picture in pictures],
        "scores": [[round(v.score, 4) for v in row] for row in matrix],
        "probabilities": [
            [None if v.probability is None else round(v.probability, 4) for v in row]
            for row in matrix
        ],
    }
    if rule is not None and rule.domain is not None:
        result["adapted_to"] = rule.domain.pictures
    several = any(len(picture.detections) > 1 for picture in pictures)
    if several:
        result["boxes"] = [[d.box.as_tuple() for d in picture.detections] for picture in pictures]
    if len(pictures) == 2:
        pair = matrix[0][1]
        if several:
            result["figures"] = [pairs[0][1].one, pairs[0][1].other]
        result["score"] = result["scores"][0][1]
        result["probability"] = result["probabilities"][0][1]
        result |= {"same": pair.same, "verdict": in_words(pair)}
    if explain is not None:
        from kyara.identify.explain import METHOD

        result["explanation"] = {"file": os.fspath(explain), "method": METHOD}
    return result
