"""What embeds pictures into tables of rows: an engine. This process is one; Ray is another
(`kyara.scale.spread`)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.runtime.workers import worker_count
from kyara.scale.dataset import Digests, Ids, table_of
from kyara.scale.sources import sources_at, threads_for
from kyara.types import Progress, silent

__all__ = ["Engine", "Local"]

_TOGETHER = 256
"""Pictures whose rows are handed over together."""


class Engine(Protocol):
    """Embeds pictures."""

    def tables(self, names: Sequence[str], known: Digests, /) -> Generator[Any, None, None]:
        """Tables of rows (`table_of`), in any order, of the pictures that are not known,
        in files and archives of these names (paths and URLs).

        Raises:
            KyaraError: the engine itself fails; what was handed over before is good.
        """
        ...


@dataclass(frozen=True)
class Local:
    """Threads of this process.

    Attributes:
        cache: of embeddings, if one is to be used.
        workers: processors that it keeps busy; None: all.
    """

    encoder: Encoder
    detector: Detector
    cache: EmbeddingCache | None = None
    progress: Progress = silent
    workers: int | None = None

    def tables(self, names: Sequence[str], known: Digests, /) -> Generator[Any, None, None]:
        """See `Engine`; in order."""
        ids = Ids.of(self.encoder, self.detector)
        sources = [source for name in names for source in sources_at(name)]
        done = embed_pictures(
            sources,
            self.encoder,
            detector=self.detector,
            cache=self.cache,
            skip=known,
            workers=threads_for(sources, self.workers or worker_count()),
        )
        waiting: list[tuple[str, EmbeddedPicture]] = []
        with self.progress("pictures", len(sources)) as tick:
            for source, picture in zip(sources, done, strict=True):
                waiting.append((source.name, picture))
                tick()
                if len(waiting) == _TOGETHER:
                    yield table_of(waiting, ids)
                    waiting = []
        yield table_of(waiting, ids)
