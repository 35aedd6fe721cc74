"""Does an index change the answers? The judge of the shipped model, behind one and without.

    python benchmarks/scale_answers.py --out benchmarks/scale_answers.json --work DIR

References are made as in `scale_search.py`, of as many numbers as the model has, and pictures of
their characters and of strangers. The judge is fitted to the pictures and asked about them, once
with all references in memory, and once with those of the characters that Lance's index names.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, write
from scale_search import World, figures

from kyara.encode.encoder import Encoder
from kyara.identify import indexes
from kyara.identify.default import choose_judge
from kyara.identify.from_dataset import DatasetReferences
from kyara.identify.gallery import Gallery
from kyara.plugins.discover import open_encoder
from kyara.scale.dataset import Ids
from kyara.scale.export import write_references
from kyara.scale.references import ReferenceDataset

TARGETS = {"same_answer at least": 0.98}


def main() -> None:
    options = parse()
    about, encoder = machine(), open_encoder()
    path = options.work / "answers.lance"
    shutil.rmtree(path, ignore_errors=True)
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        pictures = make(path, options, encoder)
        exact = asked(path, pictures, encoder)
        indexes.EXACT = 0
        record = indexes.build_index(ReferenceDataset(path), "lance")
        behind = asked(path, pictures, encoder)
    finally:
        for left in options.work.glob("answers.lance*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    known = np.arange(len(pictures)) < options.pictures
    same_best = exact.best == behind.best
    same = (exact.named == behind.named) & (same_best | ~exact.named)
    report = {
        "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
        "machine": about,
        "references": record.references,
        "pictures": {"of_characters": options.pictures, "of_strangers": options.pictures},
        "own_recall_at_10": record.recall_at_10,
        "targets": TARGETS,
        "same_answer": share(same),
        "same_best": {
            "of_characters": share(same_best[known]),
            "of_strangers": share(same_best[~known]),
        },
        "largest_difference_of_a_score": round(
            float(np.abs(exact.scores - behind.scores)[same_best].max()), 4
        ),
        "named_exactly": exact.shares(known),
        "named_behind_the_index": behind.shares(known),
        "characters_scored": {"exactly": exact.scored, "behind_the_index": behind.scored},
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--references", type=int, default=30_000)
    parser.add_argument("--per-character", type=int, default=50)
    parser.add_argument("--pictures", type=int, default=200, help="of characters, and of strangers")
    parser.add_argument("--scale", type=float, default=1.0, help="of the references")
    parser.add_argument("--repeats", type=int, help="not needed; for likeness with the others")
    parser.add_argument("--work", type=Path, required=True, help="for the dataset")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    options = parser.parse_args()
    options.references = max(1000, round(options.references * options.scale))
    return options


def make(path: Path, options: argparse.Namespace, encoder: Encoder) -> Any:
    """Write the references; returns pictures of their characters, then of strangers."""
    cast = max(4, options.references // options.per_character)
    world = World(encoder.dimension, 2 * cast)  # the second half is nobody's
    owners = np.sort(world.rng.integers(0, cast, options.references))
    ids = Ids(encoder.id, "whole", encoder.dimension)
    write_references(path, ids, [figures(world, owners, 0)])
    shown = np.repeat(world.rng.integers(0, cast, options.pictures // 2), 2)
    strangers = cast + world.rng.integers(0, cast, options.pictures)
    return world.pictures(np.concatenate([shown, strangers]))


@dataclass(frozen=True)
class Answers:
    """For each picture the most likely character, its score, and whether it is given as a name;
    and how many characters it was scored against, on average."""

    best: Any
    scores: Any
    named: Any
    scored: int

    def shares(self, known: Any) -> dict[str, float]:
        """Of the pictures that got a name."""
        return {
            "of_characters": share(self.named[known]),
            "of_strangers": share(self.named[~known]),
        }


def asked(path: Path, pictures: Any, encoder: Encoder) -> Answers:
    """What the judge says of the pictures."""
    gallery = DatasetReferences(ReferenceDataset(path)).embedded(encoder).gallery
    rule = choose_judge(encoder).fitted(gallery, pictures)
    best, scores, scored = [], [], []
    # Behind an index one by one: together they would have more candidates than each alone.
    at_once = len(pictures) if isinstance(gallery, Gallery) else 1
    for begin in range(0, len(pictures), at_once):
        rows = pictures[begin : begin + at_once]
        near = gallery.near(rows)
        found = rule.judge.scores(rows, near)
        scored.append(len(near.characters))
        scores.append(found.max(axis=1))
        best.append(np.asarray(near.characters)[found.argmax(axis=1)])
    of_all = np.concatenate(scores)
    return Answers(np.concatenate(best), of_all, of_all >= rule.threshold, round(np.mean(scored)))


def share(of: Any) -> float:
    return round(float(np.mean(of)), 4)


if __name__ == "__main__":
    main()
