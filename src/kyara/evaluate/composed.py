"""Pictures of several characters, put together from pictures of one each: who is named?

Labelled pictures of groups are rare, so panels stand side by side, as on a page. The pictures go
the whole way that a user's go: detector, encoder, judge, and the assignment of names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import PictureError
from kyara.evaluate.dataset import LabelledPicture
from kyara.evaluate.embed import EmbeddedDataset
from kyara.evaluate.trials import Embedded, gallery_of_pictures
from kyara.evaluate.views import View
from kyara.identify.answer import UNKNOWN, answers_by_picture
from kyara.identify.default import choose_judge
from kyara.identify.gallery import Indices
from kyara.pictures.read import flatten
from kyara.pictures.source import InMemory, Source

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ComposedFigures", "Group", "compose", "draw_groups", "measure_composed"]

_CHARACTERS = (2, 5)
"""In one picture, at least and at most."""
_HEIGHT = 360
_GUTTER = 12
_PAPER = (255, 255, 255)


class ComposedFigures(msgspec.Struct, frozen=True):
    """What was named in composed pictures of one source, in one view.

    Attributes:
        references: of each known character.
        right: of the known characters in a picture, the share that is named in it.
        wrong: names a picture of characters that are not in it.
        right_with_twins, wrong_with_twins: the same if a picture may hold a character twice.
    """

    view: str
    source: str
    pictures: int
    characters: int
    references: int
    right: float
    wrong: float
    right_with_twins: float
    wrong_with_twins: float


@dataclass(frozen=True)
class Group:
    """References of some characters of a source, and groups of pictures to compose.

    Attributes:
        references: rows of the source, sorted by character (r,).
        groups: rows of pictures of different characters, each to be composed into one.
    """

    references: Indices
    groups: tuple[tuple[int, ...], ...]


def draw_groups(
    embedded: Embedded, references: int, count: int, rng: np.random.Generator
) -> Group | None:
    """Half of the characters that have enough pictures are known; None where there are too few.

    Args:
        count: pictures to compose, each of two to five characters, known and not.
    """
    sizes = np.bincount(embedded.characters)
    eligible = np.flatnonzero(sizes > references)
    if len(eligible) < 2 * _CHARACTERS[0]:
        return None
    known = np.sort(rng.permutation(eligible)[: len(eligible) // 2])
    order = rng.permutation(len(embedded))
    chosen = np.concatenate([_of(embedded, order, c)[:references] for c in known.tolist()])
    rest = order[~np.isin(embedded.scenes[order], embedded.scenes[chosen])]
    present = np.unique(embedded.characters[rest])
    most = min(_CHARACTERS[1], len(present))
    groups = []
    for _ in range(count):
        size = int(rng.integers(_CHARACTERS[0], most + 1))
        who = rng.permutation(present)[:size].tolist()
        groups.append(tuple(int(rng.choice(_of(embedded, rest, c))) for c in who))
    return Group(chosen, tuple(groups))


def _of(embedded: Embedded, rows: Indices, character: int) -> Indices:
    return np.asarray(rows[embedded.characters[rows] == character])


def compose(pictures: Sequence[LabelledPicture]) -> Image.Image:
    """The pictures as panels of one height, two or three in a row.

    Raises:
        PictureError: one of them cannot be read.
    """
    from PIL import Image

    panels = [_panel(picture) for picture in pictures]
    per_row = 2 if len(panels) in (2, 4) else 3
    rows = [panels[n : n + per_row] for n in range(0, len(panels), per_row)]
    widths = [sum(p.width for p in row) + _GUTTER * (len(row) + 1) for row in rows]
    size = (max(widths), len(rows) * (_HEIGHT + _GUTTER) + _GUTTER)
    page = Image.new("RGB", size, _PAPER)
    for number, row in enumerate(rows):
        left = _GUTTER
        for panel in row:
            page.paste(panel, (left, _GUTTER + number * (_HEIGHT + _GUTTER)))
            left += panel.width + _GUTTER
    return page


def _panel(picture: LabelledPicture) -> Image.Image:
    image = flatten(picture.file.read().decode(longest=2 * _HEIGHT).image)
    width = max(1, round(image.width * _HEIGHT / image.height))
    return image.resize((min(width, 2 * _HEIGHT), _HEIGHT))


def measure_composed(
    encoder: Encoder,
    view: View,
    data: EmbeddedDataset,
    groups: dict[str, Group],
    references: int,
) -> Iterator[ComposedFigures]:
    """What the pictures of each source come to in a view.

    Args:
        data: the single pictures, embedded in the same view; the references are among them.
        groups: by source.
    """
    for source, group in groups.items():
        embedded, pictures = data.sources[source], data.pictures[source]
        sources, shown = _composed(pictures, group.groups)
        gallery = gallery_of_pictures(embedded, group.references, encoder.id)
        known = set(gallery.characters)
        truth = [{_name(embedded, n) for n in rows} for rows in shown]
        found = list(embed_pictures(sources, encoder, detector=view))
        rows = np.concatenate([picture.embeddings for picture in found])
        shares: list[float] = []
        for twins in (False, True):
            rule = choose_judge(encoder, twins=twins).fitted(gallery, rows)
            named = [
                {a.character for a in answers} - {None, UNKNOWN}
                for answers in answers_by_picture(found, gallery, encoder, rule)
            ]
            shares += _shares(named, truth, known)
        yield ComposedFigures(
            view.name, source, len(sources), len(known), references, *(round(s, 4) for s in shares)
        )


def _composed(
    pictures: Sequence[LabelledPicture], groups: Sequence[tuple[int, ...]]
) -> tuple[list[Source], list[tuple[int, ...]]]:
    """Those that can be composed, and who is in them."""
    sources: list[Source] = []
    shown = []
    for rows in groups:
        try:
            page = compose([pictures[n] for n in rows])
        except PictureError:  # it was embedded before; gone in the meantime
            continue
        sources.append(InMemory(page, f"composed {len(sources)}"))
        shown.append(rows)
    return sources, shown


def _name(embedded: Embedded, row: int) -> str:
    """As `gallery_of_pictures` has it."""
    return f"{int(embedded.characters[row]):09}"


def _shares(
    named: Sequence[set[str | None]], truth: Sequence[set[str]], known: set[str]
) -> tuple[float, float]:
    wanted = sum(len(who & known) for who in truth)
    right = sum(len(names & who) for names, who in zip(named, truth, strict=True))
    wrong = sum(len(names - who) for names, who in zip(named, truth, strict=True))
    return right / max(1, wanted), wrong / max(1, len(truth))
