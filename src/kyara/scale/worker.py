"""What each worker of Ray does: open the model once, and take pictures through the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kyara.detect import Detector
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import PluginError
from kyara.extras import optional
from kyara.pictures.digest import digest_of_bytes
from kyara.pictures.memory import BUDGET
from kyara.pictures.source import Source
from kyara.plugins.discover import open_detector, open_encoder
from kyara.runtime.device import parse_device
from kyara.scale.dataset import INSTALL, Digests, Ids, table_of
from kyara.scale.sources import Unreadable, threads_for, unpacked

__all__ = ["Attempts", "Job", "Worker"]


@dataclass(frozen=True)
class Job:
    """What each worker opens.

    Attributes:
        plugin, detect, device: as `kyara embed` takes them.
        ids: of what the user named; a worker that has something else under that name runs none
            of it.
        memory: bytes for pictures while a worker decodes them.
    """

    plugin: str
    detect: str
    device: str
    ids: Ids
    memory: int

    @property
    def on_gpu(self) -> bool:
        """Whether each worker needs a GPU of its own."""
        return parse_device(self.device).gpu is not None

    def open(self) -> tuple[Encoder, Detector]:
        """The model, as it is here.

        Raises:
            PluginError: it is not here, or not the one that the ids are of.
        """
        device = parse_device(self.device)
        encoder, detector = open_encoder(self.plugin, device), open_detector(self.detect, device)
        # No code of a plugin has run yet, and the id covers all of it: what runs here is what
        # the user named, not what somebody put under the same name on this machine.
        if Ids.of(encoder, detector) != self.ids:
            what = f"a worker has other models: {encoder.id} and {detector.id}"
            raise PluginError(what, hint="put the same on every machine")
        return encoder, detector


class Attempts:
    """How often workers began something and never ended it. An actor of its own, so that it lives
    longer than a worker that dies over a picture."""

    def __init__(self) -> None:
        self._open: Counter[bytes] = Counter()

    def begin(self, what: bytes) -> int:
        """Note that it is begun; returns how often it was before, and never ended."""
        self._open[what] += 1
        return self._open[what] - 1

    def end(self, what: bytes) -> None:
        """Note that it is done."""
        del self._open[what]


class Worker:
    """An actor of Ray's."""

    def __init__(self, job: Job, known: Any, attempts: Any) -> None:
        """Take the job.

        Args:
            known: where Ray has an array of digests, as `Digests.sorted` is one; the workers of
                a machine share it.
            attempts: the actor of `Attempts`.
        """
        self._ray = optional("ray", INSTALL)
        self._job, self._known = job, Digests.of_sorted(self._ray.get(known))
        self._attempts = attempts
        BUDGET.limit = job.memory

    def __call__(self, batch: Any) -> Any:
        """From a table of packed sources to a table of rows."""
        sources: list[bytes] = batch.column("source").to_pylist()
        with self._attempt(b"".join(map(digest_of_bytes, sources))) as died:
            if not died:
                return self._rows(list(map(unpacked, sources)))
            # Ray hands out again what a worker died over. One by one, it will be known which
            # picture it was, should it have been one.
            tables = [self._alone(source) for source in sources]
            return optional("pyarrow", INSTALL).concat_tables(tables)

    def _alone(self, data: bytes) -> Any:
        with self._attempt(data) as died:
            source = unpacked(data)
            if died >= _DEATHS:
                source = Unreadable(source.name, f"{died} workers died over it")
            return self._rows([source])

    @contextmanager
    def _attempt(self, work: bytes) -> Iterator[int]:
        """How many workers died over that work; in the block another may."""
        key = digest_of_bytes(work)
        yield self._ray.get(self._attempts.begin.remote(key))
        self._attempts.end.remote(key)

    def _rows(self, sources: Sequence[Source]) -> Any:
        encoder, detector = self._model
        done = embed_pictures(
            sources,
            encoder,
            detector=detector,
            skip=self._known,
            workers=threads_for(sources, _BESIDE_A_GPU if self._job.on_gpu else 1),
        )
        return table_of(zip([source.name for source in sources], done, strict=True), self._job.ids)

    @cached_property
    def _model(self) -> tuple[Encoder, Detector]:
        # Not when the actor is made: what fails then Ray tries again, and tells in its own way.
        return self._job.open()


_BESIDE_A_GPU = 4
"""Processors that decode for a GPU."""
_DEATHS = 2
"""Workers that may die over a picture, alone: one may have been stopped by somebody."""
