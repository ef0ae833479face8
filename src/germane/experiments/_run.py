"""Running the jobs of an experiment, wherever joblib is told to, and keeping each row at once.

No backend is named here: ``joblib.parallel_config(backend="dask")`` around :func:`run` takes the
jobs to a cluster. Workers only compute; the process that called writes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ._experiment import Experiment, Job, Row
from ._rows import RowFile

S = TypeVar("S")

ROWS = "rows.jsonl"
"""The file of rows in a folder of results."""


def run(
    experiment: Experiment[S],
    settings: S,
    out: Path,
    *,
    n_jobs: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[Row, ...]:
    """The rows of every job of ``settings``, those that ``out`` has already and those done now.

    Each row is on the disk as soon as its job is done: whatever ends this process, only the jobs in
    flight are lost, and the same call goes on from there. Rows of other settings in the same file
    are kept and not returned. One process at a time may use a folder.

    Args:
        experiment: what to run.
        settings: one of ``experiment.settings``, or others of that kind.
        out: folder, made if it is not there, that holds ``rows.jsonl``.
        n_jobs: jobs at a time, as joblib counts them: -1 for one per core; ``None`` for what
            ``joblib.parallel_config`` says, else one. Each keeps to one thread of BLAS.
        progress: called with the jobs done and the jobs in all, first before anything is done.

    Returns:
        One row a job, in the order of the jobs.

    Raises:
        MalformedFile: ``rows.jsonl`` holds something else.
        OSError: ``out`` cannot be written.
    """
    from joblib import Parallel, delayed

    jobs = experiment.jobs(settings)
    out.mkdir(parents=True, exist_ok=True)
    with RowFile(out / ROWS) as file:
        missing = {job.key: job for job in jobs if job.key not in file.rows}
        n_done = len(jobs) - len(missing)
        if progress is not None:
            progress(n_done, len(jobs))
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        done = parallel(delayed(_row)(experiment.run_job, job) for job in missing.values())
        try:
            for row in done:
                file.append(row)
                n_done += 1
                if progress is not None:
                    progress(n_done, len(jobs))
        finally:  # when interrupted: call the workers off now, not when the garbage is collected
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of results that nobody took
                done.close()
        return tuple(file.rows[job.key] for job in jobs)


def _row(run_job: Callable[[Job], dict[str, object]], job: Job) -> Row:
    """Done where the work is done: one thread, so that jobs neither compete nor differ."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return Row(job, run_job(job))
