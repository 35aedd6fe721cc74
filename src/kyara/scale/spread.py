"""Pictures spread over the workers of Ray, by Ray Data."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kyara.errors import KyaraError, one_line
from kyara.extras import optional
from kyara.pictures.archives import is_archive
from kyara.runtime.workers import worker_count
from kyara.scale.cluster import cluster
from kyara.scale.dataset import INSTALL, Digests
from kyara.scale.sources import file_at, packed, sources_at, unpacked
from kyara.scale.worker import Attempts, Job, Worker

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

    def tables(self, names: Sequence[str], known: Digests, /) -> Generator[Any, None, None]:
        """See `Engine`.

        Raises:
            UsageError: there is no Ray.
            KyaraError: the plugin fails, or the cluster does, or cannot be reached.
        """
        if not names:
            return
        here = self.workers or worker_count()
        with cluster(self.address, here, known.sorted.nbytes) as ray, _saying(ray):
            data = optional("ray.data", INSTALL)
            context = data.DataContext.get_current()
            context.enable_progress_bars = context.enable_rich_progress_bars = self.bars
            context.use_ray_tqdm = False  # it would need tqdm
            context.raise_original_map_exception = True
            fitting = _fitting(ray, self.job)
            workers = self.workers or fitting
            lasting = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
            attempts = lasting(Attempts).remote()
            rows = self._listed(data, names, workers).map_batches(
                Worker,
                batch_size=None,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(min_size=min(workers, fitting), max_size=workers),
                num_cpus=1,
                num_gpus=1 if self.job.on_gpu else None,
                fn_constructor_args=(self.job, ray.put(known.sorted), attempts),
            )
            yield from rows.iter_batches(batch_size=None, batch_format="pyarrow")

    def _listed(self, data: Any, names: Sequence[str], workers: int) -> Any:
        """A data set of Ray's with a packed source in each row, in blocks for workers."""
        size = max(1, min(_BATCH, len(names) // (4 * workers)))
        rows = data.from_items(
            [{"source": packed(file_at(name))} for name in names],
            override_num_blocks=max(1, -(-len(names) // size)),
        )
        if not any(map(is_archive, names)):
            return rows
        # By the workers' machines: a thousand archives take long to list.
        rows = rows.flat_map(_expanded, num_cpus=_LISTING)
        return rows.repartition(target_num_rows_per_block=_BATCH)


def _expanded(row: dict[str, Any]) -> list[dict[str, Any]]:
    name = unpacked(row["source"]).name
    return [{"source": packed(source)} for source in sources_at(name)]


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
        cause = getattr(error, "cause", None)
        if isinstance(cause, KyaraError):
            raise cause from error
        what = f"Ray failed: {one_line(error)}"
        raise KyaraError(what, hint="what was embedded is kept; run it again to go on") from error
