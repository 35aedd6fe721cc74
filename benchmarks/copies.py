"""Which made copies does `kyara suggest` find, and which pictures does it take for copies?

    python benchmarks/copies.py DATASET --out docs/evaluation/copies.json

DATASET is as for `kyara evaluate`. Of each source some pictures are altered: made smaller, saved
as JPEG, cropped, mirrored, recoloured. An altered one is found if it and the picture are a pair.
Pairs of pictures that were not made from each other are counted as well: some are copies that the
data hold, most are not. And what becomes of identification where one reference of each character is
there ten times, saved at different qualities. Only every other character of each source is
measured; thresholds were chosen by looking at a few pictures of all of them.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import machine, write
from PIL import Image, ImageOps

from kyara.detect import WholePicture
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.evaluate.alterations import greyscale, hue_up
from kyara.evaluate.dataset import Dataset, LabelledPicture, load_dataset
from kyara.evaluate.embed import embed_labelled
from kyara.evaluate.inboxes import Inbox, InboxShape, draw_inboxes
from kyara.evaluate.trials import Embedded
from kyara.identify.default import choose_judge
from kyara.identify.gallery import Gallery
from kyara.pictures.perceptual import bits_of, perceptual_hash
from kyara.pictures.read import flatten
from kyara.plugins.discover import open_encoder
from kyara.suggest.copies import pairs_of_copies
from kyara.types import FloatArray

QUALITIES = range(60, 96, 4)
"""Of the copies of a reference."""

BORDER = 0.05
"""Of a side, cut off at both ends."""


def main() -> None:
    options = parse()
    encoder = open_encoder(options.plugin)
    pictures = every_other_character(load_dataset(options.dataset))
    embedded = dict(embed_labelled(encoder, pictures))
    usable = [(one, row) for one in pictures if not isinstance(row := embedded[one], str)]
    report = {
        "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
        "machine": machine(),
        "model": encoder.name,
        "pictures": len(usable),
        "altered_of_each_source": options.altered,
        "found": found_copies(usable, encoder, options.altered),
        "of_different_scenes": different(usable),
        "copied_references": copied_references(usable, encoder),
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--plugin", default="kyara-2")
    parser.add_argument("--altered", type=int, default=25, help="pictures of each source")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    return parser.parse_args()


def every_other_character(dataset: Dataset) -> list[LabelledPicture]:
    """The pictures of half of the characters of each source."""
    kept = []
    for source in dataset.sources:
        pictures = dataset.of_source(source).pictures
        names = sorted({picture.character for picture in pictures})
        half = set(names[1::2])
        kept += [picture for picture in pictures if picture.character in half]
    return kept


def jpeg(image: Image.Image, quality: int = 50) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def cropped(image: Image.Image) -> Image.Image:
    dx, dy = round(BORDER * image.width), round(BORDER * image.height)
    return image.crop((dx, dy, image.width - dx, image.height - dy))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": smaller,
    "JPEG at quality 50": jpeg,
    "5 % cut off at each side": cropped,
    "mirrored": ImageOps.mirror,
    "hues turned by 30 degrees": hue_up,
    "greyscale": greyscale,
}


def found_copies(
    usable: list[tuple[LabelledPicture, FloatArray]], encoder: Encoder, count: int
) -> dict[str, float]:
    """The share of the altered pictures that are found, mean over the sources."""
    rng = np.random.default_rng(0)
    of_source: dict[str, list[tuple[LabelledPicture, FloatArray]]] = {}
    for one in usable:
        of_source.setdefault(one[0].source, []).append(one)
    shares: dict[str, list[float]] = {name: [] for name in COPIES}
    for own in of_source.values():
        sample = [own[n] for n in rng.permutation(len(own))[:count]]
        images = [flatten(one.file.read().decode().image) for one, _ in sample]
        before = bits_of([perceptual_hash(image) for image in images])
        rows = np.stack([row for _, row in sample])
        for name, change in COPIES.items():
            altered = [change(image) for image in images]
            after = bits_of([perceptual_hash(image) for image in altered])
            again = embed_pictures(altered, encoder, detector=WholePicture())
            vectors = np.concatenate([picture.embeddings for picture in again])
            pairs = pairs_of_copies(
                np.concatenate([before, after]), np.concatenate([rows, vectors])
            )
            found = np.isin(
                np.arange(len(sample)), pairs[pairs[:, 1] - pairs[:, 0] == len(sample), 0]
            )
            shares[name].append(float(found.mean()))
    return {name: round(float(np.mean(values)), 3) for name, values in shares.items()}


def different(usable: list[tuple[LabelledPicture, FloatArray]]) -> dict[str, int]:
    """Pairs of pictures of different scenes, each once, in all sources."""
    images = (flatten(one.file.read().decode(longest=128).image) for one, _ in usable)
    bits = bits_of([perceptual_hash(image) for image in images])
    pairs = pairs_of_copies(bits, np.stack([row for _, row in usable]))
    counts = {"of one character": 0, "of two characters": 0}
    pictures = set()
    for n, m in pairs.tolist():
        one, other = usable[n][0], usable[m][0]
        if (one.source, one.scene) != (other.source, other.scene):
            same = one.identity == other.identity
            counts["of one character" if same else "of two characters"] += 1
            pictures |= {n, m}
    return {**counts, "pictures in them": len(pictures)}


def copied_references(
    usable: list[tuple[LabelledPicture, FloatArray]], encoder: Encoder
) -> dict[str, dict[str, float]]:
    """Identification as `kyara sort` does it, one inbox of each source, mean over those that have
    enough: as it is, with copies of a reference, and with copies that count once."""
    found: dict[str, list[tuple[float, float]]] = {}
    for source in sorted({one.source for one, _ in usable}):
        own = [(one, row) for one, row in usable if one.source == source]
        _, characters = np.unique([one.character for one, _ in own], return_inverse=True)
        _, scenes = np.unique([one.scene for one, _ in own], return_inverse=True)
        rows = np.stack([row for _, row in own])
        places = {row.tobytes(): one for one, row in own}
        drawn = Embedded(rows, characters, scenes)
        for inbox in draw_inboxes(drawn, InboxShape(), 1, encoder.id, np.random.default_rng(0)):
            copied = with_copies(inbox.gallery, places, encoder)
            for name, gallery in (
                ("as it is", inbox.gallery),
                ("as it is, copies count once", inbox.gallery.without_copies()),
                ("with nine copies", copied),
                ("with nine copies, copies count once", copied.without_copies()),
            ):
                found.setdefault(name, []).append(answered(inbox, gallery, encoder))
    means = {name: np.mean(shares, axis=0).round(3).tolist() for name, shares in found.items()}
    return {
        name: {"right": right, "strangers named": named} for name, (right, named) in means.items()
    }


def with_copies(
    gallery: Gallery, places: dict[bytes, LabelledPicture], encoder: Encoder
) -> Gallery:
    """The first reference of each character also saved as JPEG at nine qualities."""
    references = [
        (gallery.characters[owner], Path(), row)
        for owner, row in zip(gallery.owners, gallery.embeddings, strict=True)
    ]
    for character, start in zip(gallery.characters, gallery.starts.tolist(), strict=True):
        picture = places[gallery.embeddings[start].tobytes()]
        image = flatten(picture.file.read().decode().image)
        again = embed_pictures(
            [jpeg(image, quality) for quality in QUALITIES], encoder, detector=WholePicture()
        )
        references += [(character, Path(), copy.embeddings[0]) for copy in again]
    return Gallery.build(gallery.encoder, references)


def answered(inbox: Inbox, gallery: Gallery, encoder: Encoder) -> tuple[float, float]:
    """Of pictures of known characters those with their name, and strangers with a name."""
    rule = choose_judge(encoder).fitted(gallery, inbox.pictures)
    scores = rule.judge.scores(inbox.pictures, gallery)
    named = scores.max(axis=1) >= (rule.threshold or 0.0)
    right = named & (scores.argmax(axis=1) == inbox.own)
    return float(right[inbox.known].mean()), float(named[~inbox.known].mean())


if __name__ == "__main__":
    main()
