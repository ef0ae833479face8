"""An experiment of a few random numbers; in a module of its own, which other processes can import."""

import time
from dataclasses import dataclass

from threadpoolctl import threadpool_info

from germane.experiments import Analysis, Claim, Experiment, Job, spawn


@dataclass(frozen=True)
class Draws:
    """A toy: each job draws one number; the analysis adds them up."""

    seed: int = 3
    n: int = 6


def jobs(settings):
    seeds = spawn((settings.seed,), settings.n)
    return [Job({"nth": nth}, seed) for nth, seed in enumerate(seeds)]


def draw(job):
    time.sleep(0.02 * ((job.task["nth"] * 5) % 3))  # finished in another order than begun
    return {"x": job.rng().normal()}


def total(rows):
    total = 0.0
    for row in rows:
        total += row.found["x"]  # the last bit depends on the order
    return Analysis(
        claims=(Claim(text="They add up", verdict="partly", statistic="as they do"),),
        numbers={"total": total, "order": [row.job.task["nth"] for row in rows]},
        tables={"Draws": [{"nth": str(row.job.task["nth"]), "sign": "+"} for row in rows]},
    )


TOY = Experiment(
    name="toy/sum",
    title="A sum",
    settings={"tiny": Draws()},
    jobs=jobs,
    run_job=draw,
    analyse=total,
)


def blas_threads(job):
    return {"n": max(pool["num_threads"] for pool in threadpool_info())}
