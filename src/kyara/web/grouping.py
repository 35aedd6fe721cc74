"""Looking for groups in the background: of many pictures it takes minutes."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock, Thread

from kyara.cluster.heap import group_library, similarity_of
from kyara.encode.encoder import Encoder
from kyara.errors import KyaraError
from kyara.identify.default import choose_judge
from kyara.library.store import Library
from kyara.web.engine import Engine, Opened

__all__ = ["Grouper"]

_log = logging.getLogger(__name__)


class Grouper:
    """Finds the groups of a library anew, once at a time.

    Attributes:
        problem: why the last search failed, or None.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self._path, self._engine = path, engine
        self._lock = Lock()
        self.problem: str | None = None

    @property
    def running(self) -> bool:
        """Whether it is searching."""
        return self._lock.locked()

    def start(self) -> None:
        """Search, unless a search is going on already.

        Raises:
            PluginError: the model cannot be used.
        """
        encoder = self._engine.ask(_measured)
        if self._lock.acquire(blocking=False):
            Thread(target=self._run, args=(encoder,), name="kyara-grouping").start()

    def _run(self, encoder: Encoder) -> None:
        self.problem = None
        try:
            with Library.open(self._path, write=True) as library:
                group_library(library, encoder, choose_judge(encoder))
        except KyaraError as error:
            self.problem = error.what
        except Exception as error:
            self.problem = f"the search failed: {type(error).__name__}"
            _log.exception("the search for groups failed")
        finally:
            self._lock.release()


def _measured(opened: Opened) -> Encoder:
    similarity_of(opened.encoder)  # which says if there is none
    return opened.encoder
