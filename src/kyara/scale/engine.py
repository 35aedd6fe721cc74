"""What embeds pictures into tables of rows: an engine. This process is one; Ray is another
(`kyara.scale.spread`)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.scale.dataset import Digests, Ids, table_of
from kyara.scale.sources import sources_at
from kyara.types import Progress, silent

__all__ = ["Engine", "Local"]

_TOGETHER = 256
"""Pictures whose rows are handed over together."""


class Engine(Protocol):
    """Embeds pictures."""

    def tables(self, paths: Sequence[Path], known: Digests, /) -> Generator[Any, None, None]:
        """Tables of rows (`table_of`), in any order, of the pictures at `paths` (files and
        archives) that are not known.

        Raises:
            KyaraError: the engine itself fails; what was handed over before is good.
        """
        ...


@dataclass(frozen=True)
class Local:
    """All cores of this process.

    Attributes:
        cache: of embeddings, if one is to be used.
    """

    encoder: Encoder
    detector: Detector
    cache: EmbeddingCache | None = None
    progress: Progress = silent

    def tables(self, paths: Sequence[Path], known: Digests, /) -> Generator[Any, None, None]:
        """See `Engine`; in order."""
        ids = Ids.of(self.encoder, self.detector)
        sources = [source for path in paths for source in sources_at(path)]
        done = embed_pictures(
            sources, self.encoder, detector=self.detector, cache=self.cache, skip=known
        )
        waiting: list[EmbeddedPicture] = []
        with self.progress("pictures", len(sources)) as tick:
            for picture in done:
                waiting.append(picture)
                tick()
                if len(waiting) == _TOGETHER:
                    yield table_of(waiting, ids)
                    waiting = []
        yield table_of(waiting, ids)
