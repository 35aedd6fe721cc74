"""Work on threads: as many as there are processors, results in order, and never much waiting."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["mapped", "worker_count"]

T = TypeVar("T")
R = TypeVar("R")


def worker_count() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def mapped(
    work: Callable[[T], R], items: Iterable[T], workers: int, name: str
) -> Generator[R, None, None]:
    """`work` of each item, in their order, on threads that run a few items ahead of what was
    taken; what an item raises is raised where its result would come.

    Args:
        name: of the threads.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    running: deque[Future[R]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) >= 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:  # also when the caller stops early, or Ctrl-C comes
        pool.shutdown(wait=True, cancel_futures=True)
