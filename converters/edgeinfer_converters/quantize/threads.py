"""Work in a second thread: ONNX Runtime and numpy let go of the interpreter while they compute.

What comes out does not depend on the number of threads: results keep their order, and no two threads work
on the same thing.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

THREADS = 2
"""At most: each has a sample's activations in memory."""

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `work` makes of each item, in their order, a few of them at a time.

    `work` must bear to run twice at the same time. What it raises is raised here, and then no more items
    are begun.
    """
    with crew() as workers:
        yield from workers.each(work, items)


@contextmanager
def crew() -> Iterator[Crew]:
    """Threads for many calls of `Crew.each`: to begin and to end them takes longer than small work."""
    threads = min(THREADS, _cores())
    if threads == 1:
        yield Crew(None, threads)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield Crew(pool, threads)


@dataclass(frozen=True)
class Crew:
    """Threads that wait for work, or none where the caller's own is the only one."""

    _pool: ThreadPoolExecutor | None
    _threads: int

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As `each` does."""
        if self._pool is None:
            yield from map(work, items)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(work, item))
                if len(waiting) > self._threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


def ahead(items: Iterable[T], most: int = 1) -> Iterator[T]:
    """The items; the next ones, `most` at a time, are made in another thread while one is in use.

    What making them raises is raised here.
    """
    rest = iter(items)

    def following() -> list[T]:
        return list(islice(rest, 1))

    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(following) for _ in range(most))
        while found := coming.popleft().result():
            coming.append(pool.submit(following))
            yield found.pop()


def _cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
