"""What an experiment is: settings make jobs, a job finds numbers, all numbers together say something.

A job is plain data, so that it can be sent to another machine and its row can be found again after a
kill. Two jobs are the same when their tasks and seeds are: that is the key of a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from ._findings import Analysis

Settings = TypeVar("Settings")

Seed = tuple[int, ...]
"""The root seed of an experiment, then a spawn key: one stream of ``numpy.random.SeedSequence``."""


def spawn(seed: Seed, n: int) -> list[Seed]:
    """The seeds of ``n`` independent streams, children of ``seed``; a root seed is ``(number,)``.

    >>> spawn((7,), 2)
    [(7, 0), (7, 1)]
    """
    children = np.random.SeedSequence(seed[0], spawn_key=seed[1:]).spawn(n)
    return [(seed[0], *(int(k) for k in child.spawn_key)) for child in children]


def generator(seed: Seed) -> np.random.Generator:
    """The generator of a stream, at its start."""
    return np.random.default_rng(np.random.SeedSequence(seed[0], spawn_key=seed[1:]))


@dataclass(frozen=True, eq=False)
class Job:
    """One independent piece of work, as plain data.

    Attributes:
        task: what is to be done: JSON values only, everything that the result depends on but chance.
        seed: what chance depends on.
    """

    task: Mapping[str, Any]
    seed: Seed

    @cached_property
    def key(self) -> str:
        """Canonical JSON of task and seed: the same for the same work, on every machine."""
        return canonical({"task": self.task, "seed": self.seed})

    def rng(self) -> np.random.Generator:
        """The generator of this job, at its start."""
        return generator(self.seed)


@dataclass(frozen=True, eq=False)
class Row:
    """What one finished job has found, as plain JSON values."""

    job: Job
    found: Mapping[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Experiment(Generic[Settings]):
    """A figure or a table of a paper, as something that can be run again.

    Attributes:
        name: paper and figure, such as ``"dt-bsm/fig5"``.
        title: what it is about, in one line.
        settings: frozen settings by size: ``tiny`` runs in seconds, ``default`` in minutes on two
            cores, ``full`` is closest to the paper.
        jobs: the jobs of given settings; each is independent of all others.
        run_job: what one job finds: plain numbers, texts and lists. Same job, same numbers. A
            function of a module, so that it can be sent to other processes.
        analyse: what all rows say together; sees them in the order of their keys.
    """

    name: str
    title: str
    settings: Mapping[str, Settings]
    jobs: Callable[[Settings], Sequence[Job]]
    run_job: Callable[[Job], Mapping[str, Any]]
    analyse: Callable[[Sequence[Row]], Analysis]

    def analysis(self, rows: Iterable[Row]) -> Analysis:
        """What these rows say, in whatever order their jobs were finished."""
        return self.analyse(sorted(rows, key=lambda row: row.job.key))


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; refuses NaN and infinity."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )
