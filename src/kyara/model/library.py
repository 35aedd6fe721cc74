"""A library file, open: asked, told, and added to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias, cast

from kyara.cluster.heap import Grouped, group_library
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.default import choose_judge
from kyara.identify.references import (
    EmbeddedReferences,
    LibraryReferences,
)
from kyara.library import spoken
from kyara.library.decisions import Decisions
from kyara.library.intake import detector_of
from kyara.library.log import Decision
from kyara.library.roots import roots_at
from kyara.library.spoken import Spoken
from kyara.library.store import Library as OpenLibrary
from kyara.library.update import Updated, add
from kyara.model.asking import Identifier, Model
from kyara.pictures.find import find_pictures
from kyara.plugins.trust import require_trusted
from kyara.suggest.answer import accept, decline
from kyara.suggest.ask import Suggested, suggest
from kyara.suggest.kinds import Kind, Suggestion
from kyara.types import Box

__all__ = ["Library", "PathsLike"]

PathsLike: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"
"""One or several files, and folders, which stand for the pictures in them."""


class Library(Identifier):
    """A library file, open: its references answer, and what was said in it binds.

    Use it in a `with` block, or close it.

    Attributes:
        decisions: what was said of the pictures, and saying more; needs `write=True`.

    Raises:
        UsageError: there is no such file, or the model or its detector is not the library's.
        DataError: it is no library, or damaged.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        model: Model | None = None,
        device: str = "cpu",
        write: bool = False,
    ) -> None:
        """Open the library at `path`.

        Args:
            model: if it is open already; by default the one that the library was made with.
            write: also to note decisions.
        """
        self._library = OpenLibrary.open(Path(path), write=write)
        try:
            self._detector = detector_of(self._library, model.detector if model else None)
            if model is None:
                require_trusted(self._library.encoder.plugin, self._library.path)
                model = Model(self._library.encoder.plugin, device=device)
            self._library.require(model.encoder)
        except BaseException:
            self._library.close()
            raise
        self._read_at: tuple[int, int] | None = None
        self.model, self.rule = model, choose_judge(model.encoder)

    @property
    def references(self) -> EmbeddedReferences:
        """The references as they are now, whoever changed them."""
        version = self._library.database.version()
        if version != self._read_at:
            known = LibraryReferences(self._library, self._detector)
            self._references, self._read_at = known.embedded(self.model.encoder), version
        return self._references

    @classmethod
    def create(cls, path: str | os.PathLike[str], model: Model | None = None) -> Self:
        """A new, empty library for the embeddings of a model; by default the default one.

        Raises:
            UsageError: there is something of that name, or no such folder.
            OutputError: it cannot be written.
        """
        model = model or Model()
        OpenLibrary.create(Path(path), model.encoder, model.plugin, model.detector).close()
        return cls(path, model=model, write=True)

    def add(
        self, folder: str | os.PathLike[str], character: str | None = None, *, named: bool = True
    ) -> Updated:
        """Add references: a folder or file of one character; or a cast, as `Model.gallery`
        takes it from a path.

        Args:
            named: False: add pictures of which nobody has said whom they show.

        Raises:
            UsageError: there is nothing, it is no cast, or nobody can be called so.
            PictureError: the folder cannot be listed.
        """
        cast = named and character is None
        roots = roots_at(Path(folder), character=character, cast=cast)
        model, detector = self.model, self._detector
        return add(self._library, roots, model.encoder, detector=detector, cache=model.cache)

    def confirm(
        self, pictures: PathsLike, character: str, *, box: Box | None = None, new: bool = False
    ) -> Spoken:
        """The pictures show this character, as `kyara decide confirm` says it. They become its
        references; one that is not in the library is added. Pictures that cannot be used are
        in the result, and do not stop the others.

        Args:
            box: only the figure there, in a single picture.
            new: also where the name is new and nearly that of another.

        Raises:
            UsageError: nobody can be called so, another is probably meant, or it is not clear
                which figure is meant.
            OutputError: the library was opened for reading only.
        """
        paths = _files(pictures, box)
        return spoken.confirm(self._library, paths, character, self._opening, box=box, new=new)

    def reject(self, pictures: PathsLike, character: str, *, box: Box | None = None) -> Spoken:
        """The pictures do not show this character, whatever a model finds, and those like them
        more seldom; see `confirm`.

        Raises:
            UsageError: there is no such character, or no figure in that box.
            OutputError: the library was opened for reading only.
        """
        paths = _files(pictures, box)
        return spoken.reject(self._library, paths, character, self._opening, box=box)

    def ignore(self, pictures: PathsLike, *, box: Box | None = None) -> Spoken:
        """The pictures are to be left alone; see `confirm`. They need not be in the library.

        Raises:
            UsageError: there is no figure in that box.
            OutputError: the library was opened for reading only.
        """
        return spoken.ignore(self._library, _files(pictures, box), box=box)

    def group(self, similarity: float | None = None) -> Grouped:
        """The figures that nobody named, in groups of one character each, as `kyara group` finds
        them. The library remembers the groups' numbers.

        Args:
            similarity: from which cosine on two are neighbours; by default the model's.

        Raises:
            PluginError: the model does not say a similarity, and none is given.
            OutputError: the library was opened for reading only.
        """
        return group_library(self._library, self.model.encoder, self.rule, similarity)

    def confirm_group(self, number: int, character: str, *, new: bool = False) -> Spoken:
        """The figures of a group show this character, but for those of which something else
        was said since; see `confirm`.

        Raises:
            UsageError: there is no such group, nobody can be called so, or another is probably
                meant.
            OutputError: the library was opened for reading only.
        """
        return spoken.confirm_group(self._library, number, character, new=new)

    def reject_group(self, number: int, character: str) -> Spoken:
        """None of the figures of a group shows this character.

        Raises:
            UsageError: there is no such group, or character.
            OutputError: the library was opened for reading only.
        """
        return spoken.reject_group(self._library, number, character)

    def ignore_group(self, number: int) -> Spoken:
        """The figures of a group are to be left alone.

        Raises:
            UsageError: there is no such group.
            OutputError: the library was opened for reading only.
        """
        return spoken.ignore_group(self._library, number)

    def suggest(self, kinds: Collection[Kind] = tuple(Kind)) -> Suggested:
        """What is best asked next, as `kyara suggest` lists it: what settles most first, and
        nothing that was answered before.

        Args:
            kinds: only these; without `kyara.Kind.COPIES` no picture is opened.
        """
        return suggest(self._library, self.model.encoder, self.rule, kinds)

    def accept(self, suggestion: Suggestion) -> Decision:
        """Say yes to a suggestion.

        Raises:
            UsageError: what it is about has changed since; or it is a warning.
            OutputError: the library was opened for reading only.
        """
        return accept(self._library, suggestion)

    def decline(self, suggestion: Suggestion) -> Decision:
        """Say no to a suggestion: it is not made again.

        Raises:
            UsageError: what it is about has changed since.
            OutputError: the library was opened for reading only.
        """
        return decline(self._library, suggestion)

    def undo(self, decision: int | None = None) -> Decision:
        """Take back the last decision, or the one of that number; returns what was taken back.

        Raises:
            UsageError: there is nothing to take back.
            OutputError: the library was opened for reading only.
        """
        return self.decisions.undo(decision)[0]

    def _opening(self) -> AbstractContextManager[tuple[Encoder, EmbeddingCache | None]]:
        return nullcontext((self.model.encoder, self.model.cache))

    @property
    def decisions(self) -> Decisions:
        """See the class."""
        return self._library.decisions

    def close(self) -> None:
        """Close the file."""
        self._library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _files(pictures: PathsLike, box: Box | None) -> list[Path]:
    one = isinstance(pictures, (str, os.PathLike))
    paths = find_pictures(cast("Iterable[str]", [pictures] if one else pictures))
    if box is not None and len(paths) != 1:
        raise UsageError(f"a box is about one picture; {len(paths)} were named")
    return paths
