"""A model, and asking it: compare, identify, sort."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from kyara.cluster.heap import Grouped, group_pictures, similarity_of
from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache, default_cache_path
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import DataError
from kyara.identify.answer import Answer, answer_pictures
from kyara.identify.calibration import verify
from kyara.identify.default import choose_judge
from kyara.identify.judge import Rule
from kyara.identify.references import (
    CastReferences,
    EmbeddedReferences,
    references_of,
)
from kyara.organise.plan import Action
from kyara.pictures.source import PictureLike, several
from kyara.plugins.discover import DEFAULT_PLUGIN, open_detector, open_encoder
from kyara.runtime.device import parse_device
from kyara.sorting import Several, SortRequest, SortResult, sort_pictures
from kyara.types import FloatArray, Verification

__all__ = ["CastLike", "Identifier", "Model", "sort"]

CastLike: TypeAlias = "str | os.PathLike[str] | Mapping[str, Sequence[PictureLike]]"
"""What stands for a cast: a folder with a folder of pictures for each character, a JSON file
that names the folders, or the pictures by the character's name."""

_log = logging.getLogger(__name__)


class Model:
    """A model that tells drawn characters apart.

    Attributes:
        plugin: the name or directory that it was opened by.
        encoder: what turns pictures into embeddings.
        detector: what finds the figures in them.

    Raises:
        PluginError: there is no such plugin, or it is not as it should be.
        DeviceError: the device asked for is not there.
    """

    def __init__(
        self,
        plugin: str | os.PathLike[str] = DEFAULT_PLUGIN,
        *,
        detect: str | os.PathLike[str] = "auto",
        device: str = "cpu",
        cache: bool = True,
    ) -> None:
        """Open a model; its network is loaded when it is first needed.

        Args:
            plugin: a name from `kyara plugins`, or a plugin's directory.
            detect: what finds the figures, as the option of `kyara identify`.
            device: `cpu`, `cuda` or `cuda:N`.
            cache: use and keep embeddings of earlier runs, as the command line does.
        """
        self.plugin = os.fspath(plugin)
        self.encoder: Encoder = open_encoder(self.plugin, parse_device(device))
        self.detector: Detector = open_detector(os.fspath(detect), parse_device(device))
        self._wants_cache = cache

    def __repr__(self) -> str:
        return f"Model({self.encoder.id!r})"

    def embed(self, pictures: PictureLike | Iterable[PictureLike]) -> list[EmbeddedPicture]:
        """The figures in one or several pictures, with an embedding for each.

        A picture that cannot be used has no figures and says why in `error`.

        Raises:
            UsageError: what is no picture at all is among them.
        """
        chosen = several(pictures), self.encoder
        return list(embed_pictures(*chosen, detector=self.detector, cache=self.cache))

    def compare(self, a: PictureLike, b: PictureLike) -> Verification:
        """Do two pictures show the same character? Of several figures, the two most alike.

        Raises:
            PictureError: one of them cannot be read.
        """
        first, second = (_embeddings_of(picture) for picture in self.embed([a, b]))
        best = float(self.encoder.similarity(first, second).max())
        return verify(best, self.encoder.calibration, self.encoder.published_threshold)

    def group(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        *,
        similarity: float | None = None,
    ) -> Grouped:
        """The figures in pictures, in groups of one character each, without being told who
        there is. Pictures that cannot be used have no figures.

        Args:
            similarity: from which cosine on two are neighbours; by default the model's.

        Raises:
            UsageError: what is no picture at all is among them.
            PluginError: the model does not say a similarity, and none is given.
        """
        least = similarity_of(self.encoder) if similarity is None else similarity
        return group_pictures(self.embed(pictures), least)

    def gallery(
        self,
        characters: CastLike,
        *,
        judge: str | None = None,
        threshold: float | None = None,
        at_fpir: float | None = None,
        always_name: bool = False,
        adapt: bool = True,
        twins: bool = False,
    ) -> Identifier:
        """The characters to identify against.

        Args:
            characters: see `CastLike`.
            judge, threshold, at_fpir, always_name, adapt, twins: as the options of
                `kyara identify`; see `kyara.choose_judge`.

        Raises:
            UsageError: nobody has a usable picture, or one of a mapping has none.
        """
        rule = choose_judge(
            self.encoder,
            judge,
            threshold=threshold,
            at_fpir=at_fpir,
            always_name=always_name,
            adapt=adapt,
            twins=twins,
        )
        return Identifier(self, self._embedded(characters), rule)

    def _embedded(self, characters: CastLike) -> EmbeddedReferences:
        if not isinstance(characters, Mapping):
            folders = CastReferences.at(Path(characters), self.detector)
            return folders.embedded(self.encoder, self.cache)
        named = [
            (name, picture)
            for name, pictures in characters.items()
            for picture in self.embed(pictures)
        ]
        known = references_of(named, dict.fromkeys(characters), self.encoder.id)
        return replace(known, detector=self.detector)

    @cached_property
    def cache(self) -> EmbeddingCache | None:
        """The user's cache, or None where it is not wanted or cannot be used."""
        if not self._wants_cache:
            return None
        try:
            return EmbeddingCache(default_cache_path())
        except DataError as error:
            _log.warning("%s; going on without it", error)
            return None


class Identifier:
    """Answers who is in a picture: a gallery, with the model and the judge that go with it.

    Attributes:
        model: what the references were embedded with.
        rule: the judge, and from which score on a character is known.
    """

    def __init__(self, model: Model, references: EmbeddedReferences, rule: Rule) -> None:
        self.model = model
        self.rule = rule
        self._references = references

    @property
    def references(self) -> EmbeddedReferences:
        """The references, embedded; `references.failed` says which could not be used."""
        return self._references

    @property
    def characters(self) -> tuple[str, ...]:
        """The names of those who can be the answer."""
        return self.references.gallery.characters

    def identify(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        *,
        top: int = 2,
        nearest: int = 1,
    ) -> list[Answer]:
        """Who is in one or several pictures: an answer for each figure, in their order. The
        judge is fitted to the references and all of these pictures: the more, the better.

        Args:
            top: characters to rank in each answer, at least two.
            nearest: references to name of each of them, at least one.

        Raises:
            UsageError: what is no picture at all is among them.
        """
        known, encoder, cache = self.references, self.model.encoder, self.model.cache
        sources = several(pictures)
        looked_at = embed_pictures(sources, encoder, detector=known.detector, cache=cache)
        found = list(known.watch(looked_at))
        answers = answer_pictures(
            found,
            known.gallery,
            encoder,
            known.fit(self.rule, found),
            top=max(2, top),
            nearest=nearest,
            said_of=known.said,
        )
        return list(answers)


def sort(
    inbox: str | os.PathLike[str],
    characters: Identifier,
    out: str | os.PathLike[str],
    *,
    action: str = "copy",
    several: str = "each",
    dry_run: bool = False,
) -> SortResult:
    """Sort the pictures of a folder into one folder per character, as `kyara sort` does.

    Args:
        characters: a gallery (`Model.gallery`), or a library.
        action: `copy`, `move`, `link` or `symlink`.
        several: where a picture of several characters goes: to `each` of them, to the `first`, the
            most certain one, or to a `folder` for the group.
        dry_run: only say what would be done.

    Raises:
        UsageError: the inbox is missing or has no pictures, or the results cannot go to `out`.
        OutputError: the journal cannot be begun; nothing was done.
    """
    request = SortRequest(
        Path(inbox),
        characters.references,
        Path(out),
        characters.rule,
        Action(action),
        Several(several),
        dry_run=dry_run,
    )
    model = characters.model
    return sort_pictures(request, model.encoder, cache=model.cache)


def _embeddings_of(picture: EmbeddedPicture) -> FloatArray:
    if picture.error is not None:
        raise picture.error
    return picture.embeddings
