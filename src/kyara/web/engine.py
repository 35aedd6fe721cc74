"""The model, and what it says of a library: in one thread, which loads it while the first page is
shown already.

What is computed from the library is computed anew when it was written to, by whomever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from kyara.detect import Detector
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.errors import KyaraError, PluginError
from kyara.identify.default import choose_judge
from kyara.identify.references import LibraryReferences
from kyara.library.intake import detector_of
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.pictures.read import Picture
from kyara.pictures.source import Source
from kyara.plugins.discover import open_encoder
from kyara.plugins.trust import require_trusted
from kyara.runtime.device import parse_device
from kyara.suggest.ask import suggest
from kyara.suggest.kinds import Kind, Suggestion
from kyara.types import Detection, FloatArray
from kyara.web.judged import Judged, judge_library

__all__ = ["Engine", "Opened"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Opened:
    """A library with its model, for one thread."""

    library: Library
    encoder: Encoder
    detector: Detector
    _judged: Judged | None = None
    _at: tuple[int, int] | None = None
    _suggestions: tuple[Suggestion, ...] | None = None
    _suggested_at: tuple[int, int] | None = None

    @classmethod
    def at(cls, path: Path, device: str) -> Opened:
        """Open both.

        Raises:
            KyaraError: one of them cannot be opened, or they do not go together.
        """
        library = Library.open(path)
        try:
            require_trusted(library.encoder.plugin, path)
            encoder = open_encoder(library.encoder.plugin, parse_device(device))
            library.require(encoder)
            return cls(library, encoder, detector_of(library, None))
        except BaseException:
            library.close()
            raise

    @property
    def judged(self) -> Judged:
        """The library as it is now."""
        version = self.library.database.version()
        if self._judged is None or version != self._at:
            references = LibraryReferences(self.library, self.detector)
            self._judged = judge_library(self.library, references, self.encoder)
            self._at = version
        return self._judged

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """What a person is best asked about the library as it is now, but for copies."""
        version = self.library.database.version()
        if self._suggestions is None or version != self._suggested_at:
            kinds = [kind for kind in Kind if kind is not Kind.COPIES]
            found = suggest(self.library, self.encoder, choose_judge(self.encoder), kinds)
            self._suggestions, self._suggested_at = found.suggestions, version
        return self._suggestions

    def embed(self, sources: Sequence[Source]) -> list[EmbeddedPicture]:
        """Pictures from outside of the library; nothing of them is kept."""
        return list(embed_pictures(sources, self.encoder, detector=self.detector))

    def embed_box(self, source: Source, subject: Subject) -> tuple[Detection, FloatArray]:
        """The figure in a box of a picture, with its embedding (d,).

        Raises:
            PictureError: the picture cannot be read.
        """
        if subject.box is None:
            raise ValueError("expected a box")
        given = _Given(Detection(subject.box, "head"), self.detector)
        (picture,) = embed_pictures([source], self.encoder, detector=given)
        if picture.error is not None:
            raise picture.error
        return given.figure, picture.embeddings[0]


@dataclass(frozen=True)
class _Given:
    """Finds what is known already, and cuts it out as another detector does."""

    figure: Detection
    as_by: Detector
    id: str = "given"
    longest: int = 0
    context: Literal["none", "alone"] = "none"

    @property
    def margin(self) -> float:
        return self.as_by.margin

    def detect(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        return [(self.figure,) for _ in pictures]


class Engine:
    """Answers questions about a library, one after the other, in a thread of its own."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self._path, self._device = path, device
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kyara-engine")
        self._opened: Opened | None = None
        self._problem: str | None = None

    def start(self) -> None:
        """Begin to open the library and its model."""
        self._pool.submit(self._open)

    def close(self) -> None:
        """Finish what is being asked, and close the library."""
        self._pool.submit(self._close)
        self._pool.shutdown()

    @property
    def state(self) -> Literal["loading", "ready", "failed"]:
        """Whether the model can be asked."""
        if self._problem is not None:
            return "failed"
        return "loading" if self._opened is None else "ready"

    @property
    def problem(self) -> str | None:
        """Why the model cannot be asked, if it failed."""
        return self._problem

    def ask(self, question: Callable[[Opened], T]) -> T:
        """The answer to a question, once the model is there.

        Raises:
            PluginError: the model cannot be used.
        """
        return self._pool.submit(self._ask, question).result()

    def _ask(self, question: Callable[[Opened], T]) -> T:
        if self._opened is None:
            raise PluginError(self._problem or "the model is not open")
        return question(self._opened)

    def _open(self) -> None:
        try:
            self._opened = Opened.at(self._path, self._device)
            self._opened.judged  # noqa: B018 (so that the first who asks need not wait)
        except KyaraError as error:
            self._problem = error.what
            _log.warning("%s", error)
        except Exception as error:  # a model of others may raise anything
            self._problem = f"the model failed: {type(error).__name__}"
            _log.exception("the model failed")

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.library.close()
            self._opened = None
