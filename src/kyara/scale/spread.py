"""Pictures spread over the workers of Ray, by Ray Data."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kyara.errors import KyaraError, one_line
from kyara.extras import optional
from kyara.pictures.source import File, is_archive
from kyara.runtime.workers import worker_count
from kyara.scale.cluster import cluster
from kyara.scale.dataset import INSTALL, Digests
from kyara.scale.sources import packed, sources_at, unpacked
from kyara.scale.worker import Job, Worker

__all__ = ["OnRay"]

_BATCH = 256
"""Pictures that a worker gets at once, at most; it is also what a killed one has to do again."""
_LISTING = 0.25
"""Of a processor, that listing an archive takes: it waits for the disk."""


@dataclass(frozen=True)
class OnRay:
    """Workers of Ray, with the model in each.

    Attributes:
        address: of a cluster; None: one is started here, and stopped at the end.
        workers: how many; None: one for each processor, or GPU, that there is.
        bars: whether Ray shows how far it is.
    """

    job: Job
    address: str | None = None
    workers: int | None = None
    bars: bool = False

    def tables(self, paths: Sequence[Path], known: Digests, /) -> Generator[Any, None, None]:
        """See `Engine`.

        Raises:
            UsageError: there is no Ray.
            KyaraError: the plugin fails, or the cluster does, or cannot be reached.
        """
        here = self.workers or worker_count()
        with cluster(self.address, here, known.sorted.nbytes) as ray, _saying(ray):
            data = optional("ray.data", INSTALL)
            context = data.DataContext.get_current()
            context.enable_progress_bars = self.bars
            fitting = _fitting(ray, self.job)
            workers = self.workers or fitting
            rows = self._listed(data, paths, workers).map_batches(
                Worker,
                batch_size=None,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(min_size=min(workers, fitting), max_size=workers),
                num_cpus=1,
                num_gpus=1 if self.job.on_gpu else None,
                fn_constructor_args=(self.job, ray.put(known.sorted)),
            )
            yield from rows.iter_batches(batch_size=None, batch_format="pyarrow")

    def _listed(self, data: Any, paths: Sequence[Path], workers: int) -> Any:
        """A data set of Ray's with a packed source in each row, in blocks for workers."""
        size = max(1, min(_BATCH, len(paths) // (4 * workers)))
        rows = data.from_items(
            [{"source": packed(File(path))} for path in paths],
            override_num_blocks=max(1, -(-len(paths) // size)),
        )
        if not any(map(is_archive, paths)):
            return rows
        # By the workers' machines: a thousand archives take long to list.
        rows = rows.flat_map(_expanded, num_cpus=_LISTING)
        return rows.repartition(target_num_rows_per_block=_BATCH)


def _expanded(row: dict[str, Any]) -> list[dict[str, Any]]:
    file = cast(File, unpacked(row["source"]))
    return [{"source": packed(source)} for source in sources_at(file.path)]


def _fitting(ray: Any, job: Job) -> int:
    """How many workers have room in the cluster as it is, beside what lists archives."""
    room = ray.cluster_resources()
    return max(1, int(room.get("GPU", 0) if job.on_gpu else room.get("CPU", 0) - 1))


@contextmanager
def _saying(ray: Any) -> Iterator[None]:
    """What fails in a worker, as it failed there."""
    try:
        yield
    except ray.exceptions.RayError as error:
        for cause in (error, getattr(error, "cause", None), error.__cause__):
            if isinstance(cause, KyaraError):
                raise cause from error
        what = f"Ray failed: {one_line(error)}"
        raise KyaraError(what, hint="what was embedded is kept; run it again to go on") from error
