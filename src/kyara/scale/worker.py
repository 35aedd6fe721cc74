"""What each worker of Ray does: open the model once, and take pictures through the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kyara.detect import Detector
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import PluginError
from kyara.extras import optional
from kyara.pictures.memory import BUDGET
from kyara.pictures.source import Source
from kyara.plugins.discover import open_detector, open_encoder
from kyara.runtime.device import parse_device
from kyara.scale.dataset import INSTALL, Digests, Ids, table_of
from kyara.scale.sources import unpacked

__all__ = ["Job", "Worker"]


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


class Worker:
    """An actor of Ray's."""

    def __init__(self, job: Job, known: Any) -> None:
        """Take the job.

        Args:
            known: where Ray has an array of digests, as `Digests.sorted` is one; the workers of
                a machine share it.
        """
        self._job, self._known = job, Digests.of_sorted(optional("ray", INSTALL).get(known))
        BUDGET.limit = job.memory

    def __call__(self, batch: Any) -> Any:
        """From a table of packed sources to a table of rows."""
        return self._rows([unpacked(data) for data in batch.column("source").to_pylist()])

    def _rows(self, sources: Sequence[Source]) -> Any:
        encoder, detector = self._model
        done = embed_pictures(
            sources,
            encoder,
            detector=detector,
            skip=self._known,
            workers=_BESIDE_A_GPU if self._job.on_gpu else 1,
        )
        return table_of(list(done), self._job.ids)

    @cached_property
    def _model(self) -> tuple[Encoder, Detector]:
        # Not when the actor is made: what fails then Ray tries again, and tells in its own way.
        return self._job.open()


_BESIDE_A_GPU = 4
"""Threads that decode for a GPU."""
