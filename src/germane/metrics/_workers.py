"""Ranges of work on threads, with a deadline; the kernels they call release the interpreter lock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import pairwise
from types import TracebackType
from typing import TypeVar

Out = TypeVar("Out")
SMALL_WORK = 2_000_000
"""Work below this many elementary steps is not worth a thread."""


class OutOfTime(Exception):
    """The deadline passed; the work in hand was abandoned."""


def _available_cores() -> int:
    """Cores that this process may use; all of them where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """Runs ``function(first, last)`` over ``range(n)`` cut into ranges.

    What a range computes must not depend on how the ranges are cut; then results are the same bits
    for any number of threads.

    Args:
        n_threads: threads; ``None`` for every core this process may use.
        max_seconds: the deadline from now; ``None`` for none.
    """

    def __init__(self, n_threads: int | None, max_seconds: float | None) -> None:
        self.n_threads = _available_cores() if n_threads is None else n_threads
        self._deadline = float("inf") if max_seconds is None else time.monotonic() + max_seconds
        self._executor = ThreadPoolExecutor(self.n_threads)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def run(self, function: Callable[[int, int], Out], n: int, work: float) -> list[Out]:
        """``function`` over all ranges; ``work`` estimates the elementary steps in total.

        Raises:
            OutOfTime: the deadline passed; ranges not begun are left undone.
        """
        if time.monotonic() > self._deadline:
            raise OutOfTime
        if work < SMALL_WORK:
            return [function(0, n)]
        n_ranges = min(n, max(4 * self.n_threads, min(64, int(work / 2e7))))
        cuts = [n * t // n_ranges for t in range(n_ranges + 1)]
        ranges = list(pairwise(cuts))
        return self._in_threads(function, ranges)

    def _in_threads(
        self, function: Callable[[int, int], Out], ranges: Iterable[tuple[int, int]]
    ) -> list[Out]:
        futures = [self._executor.submit(function, first, last) for first, last in ranges]
        left = self._deadline - time.monotonic()
        timeout = None if left == float("inf") else max(left, 0.0)
        try:
            _, pending = wait(futures, timeout=timeout, return_when=FIRST_EXCEPTION)
            if pending and time.monotonic() > self._deadline:
                raise OutOfTime
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            wait(futures)
            raise
