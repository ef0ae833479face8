"""Theorem 3 as an experiment: how fast the recursion from zero rises to the metric.

The recursion is the paper's own, in :mod:`._synthetic`; the metric that it should tend to is the
certain interval of :func:`germane.dt_bsm`, another algorithm. Twins are wrong by a little or by
everything, at three discounts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...metrics import dt_bsm, largest_reward_difference
from .._experiment import Experiment, Job, Row
from .._findings import Analysis, Claim, Figure, Layer
from .._statistics import bootstrap_estimate
from ._synthetic import Pairs, each_pair, iterates, synthetic_pair

Array = NDArray[np.float64]

ACCURACY = 1e-10
"""Of the metric, as a share of the largest distance that is possible."""

LEFT = 1e-6
"""The recursion is followed until the bound is this share of the largest distance."""

N_KEPT = 30
"""Iterates that a row keeps; all of them are checked."""


GAMMAS, ERRORS = (0.5, 0.9, 0.98), (0.05, 1.0)

SETTINGS = {
    "tiny": Pairs(gammas=(0.5, 0.8), errors=ERRORS, n_pairs=2, n_states=5, n_actions=2),
    "default": Pairs(gammas=GAMMAS, errors=ERRORS, n_pairs=15, n_states=10),
    "full": Pairs(gammas=(*GAMMAS, 0.99), errors=ERRORS, n_pairs=50, n_states=20, n_successors=5),
}
"""A second; seconds; more and larger pairs."""


def followed(job: Job) -> dict[str, Any]:
    """What is left between each iterate and the metric, beside the bound (20)."""
    real, twin = synthetic_pair(job.rng(), **job.task)
    largest = largest_reward_difference(real, twin) / (1 - real.gamma)
    metric = dt_bsm(real, twin, tol=ACCURACY * largest)
    n_steps = math.ceil(math.log(LEFT) / math.log(real.gamma))
    left, bound = np.empty(n_steps + 1), largest * real.gamma ** np.arange(n_steps + 1)
    n_beyond = n_above = n_falling = n_proved = 0
    before, error_before = np.zeros_like(metric.lower), 0.0
    for n, (d, error) in enumerate(islice(iterates(real, twin), n_steps + 1)):
        left[n] = (metric.upper - d).max() + error
        n_beyond += (metric.lower - d).max() - error > bound[n]
        n_proved += left[n] <= bound[n]
        n_above += bool((d - error > metric.upper).any())
        n_falling += bool((d + error < before - error_before).any())
        before, error_before = d, error
    kept = np.unique(np.linspace(0, n_steps, N_KEPT).round().astype(int))
    return {
        "iterates": n_steps + 1,
        "beyond_bound": int(n_beyond),
        "within_bound": int(n_proved),
        "above_metric": n_above,
        "falling": n_falling,
        "n": kept.tolist(),
        "left": (left[kept] / largest).tolist(),
        "bound": (bound[kept] / largest).tolist(),
        "needed": int(np.argmax(left <= 1e-3 * largest)),
        "promised": int(np.argmax(bound <= 1e-3 * largest)),
        "share_of_bound": float((left / bound).max()),
        "rate": _rate(left, largest),
    }


def _rate(left: Array, largest: float) -> float:
    """The factor by which what is left shrinks in a step, over the later half of the steps."""
    n = np.flatnonzero(left > LEFT * largest)
    n = n[len(n) // 2 :]
    return float(np.exp(np.polyfit(n, np.log(left[n]), 1)[0])) if len(n) > 1 else 0.0


def analyse(rows: Sequence[Row]) -> Analysis:
    """Violations of (19) and (20), and how much faster than promised it goes."""
    total = {
        name: sum(row.found[name] for row in rows)
        for name in ("iterates", "beyond_bound", "within_bound", "above_metric", "falling")
    }
    n, beyond, within = total["iterates"], total["beyond_bound"], total["within_bound"]
    wrong_way = total["above_metric"] + total["falling"]
    gammas = sorted({row.job.task["gamma"] for row in rows})
    numbers: dict[str, Any] = {"pairs": len(rows), "iterates": n}
    for gamma in gammas:
        own = [row.found for row in rows if row.job.task["gamma"] == gamma]
        saved = bootstrap_estimate(
            [[found["needed"] / found["promised"] for found in own]], np.random.default_rng(0)
        )
        numbers |= {
            f"gamma {gamma}: factor of each step, median": float(
                np.median([found["rate"] for found in own])
            ),
            f"gamma {gamma}: iterates to 0.1 % over those promised, interquartile mean": saved.value,
            f"gamma {gamma}: the same, low": saved.low,
            f"gamma {gamma}: the same, high": saved.high,
        }
    closest = max(row.found["share_of_bound"] for row in rows)
    return Analysis(
        claims=(
            Claim(
                text="The recursion from zero rises, and never above the metric (19)",
                verdict="not" if wrong_way else "reproduced",
                statistic=(
                    f"{total['falling']} falls and {total['above_metric']} iterates above the "
                    f"metric among {n} iterates of {len(rows)} pairs"
                ),
            ),
            Claim(
                text="What is left after n steps is at most γⁿ Rmax / (1 − γ) (20)",
                verdict="not" if beyond else "reproduced" if within == n else "partly",
                statistic=(
                    f"proved for {within} of {n} iterates, violated by {beyond}; the largest is "
                    f"{closest:.2f} of the bound"
                ),
            ),
        ),
        numbers=numbers,
        figures={"convergence": _figure(rows, gammas)},
    )


def _figure(rows: Sequence[Row], gammas: Sequence[float]) -> Figure:
    layers = []
    for series, gamma in enumerate(gammas):
        own = [row.found for row in rows if row.job.task["gamma"] == gamma]
        n = own[0]["n"]
        left = np.array([found["left"] for found in own])
        layers += [
            Layer(
                kind="band",
                x=n,
                y=left.min(axis=0).tolist(),
                y_high=left.max(axis=0).tolist(),
                series=series,
            ),
            Layer(kind="line", x=n, y=own[0]["bound"], label=f"bound, γ = {gamma}", series=series),
            Layer(
                kind="points",
                x=n,
                y=np.median(left, axis=0).tolist(),
                label=f"left, γ = {gamma}: median, range",
                series=series,
            ),
        ]
    return Figure(
        title="What is left between the n-th iterate and the metric",
        alt=(
            f"Largest difference between metric and iterate against the number of steps, {len(rows)} "
            "random pairs, on a logarithmic scale: below the bound at every discount."
        ),
        x_label="steps n",
        y_label="max (d − dₙ), share of Rmax / (1 − γ)",
        layers=tuple(layers),
        y_log=True,
    )


CONVERGENCE = Experiment(
    name="dt-bsm/convergence",
    title="Theorem 3: the recursion from zero against its bound (20)",
    settings=SETTINGS,
    jobs=each_pair,
    run_job=followed,
    analyse=analyse,
)
"""Theorem 3 of the paper."""
