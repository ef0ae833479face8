"""What the metric and its total-variation form cost as models grow, in counted work.

Rows hold no clock, so that the same seed gives the same rows: work is counted, not timed. Of the metric:
simplex steps, each along a tree of as many nodes as two rows have entries (the search for the next step
is not in it). Of the total variation: entries of transition rows that are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...metrics import dt_bsm
from .._experiment import Experiment, Job, Row, spawn
from .._findings import Analysis, Claim, Figure, Layer
from .._fit import LinearFit
from ._synthetic import synthetic_pair

MEASURES: Mapping[str, str] = {"metric": "DT-BSM", "tv": "total-variation form"}

PUBLISHED: Mapping[str, tuple[int, int]] = {"metric": (4, 1), "tv": (2, 0)}
"""Powers of ``|S|`` and ``log |S|`` in the paper: ``O(|A| |S|^4 log |S|)`` and ``O(|A| |S|^2)``."""

TOLERANCE = 0.1
"""By how much an exponent may exceed the paper's, over the same sizes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Independent models in which all states follow each state.

    Attributes:
        sizes: numbers of states.
        n_pairs: for each size.
        n_actions, gamma: of each model.
        seed: the root of all seeds.
    """

    sizes: tuple[int, ...] = (8, 12, 16, 24, 32, 40)
    n_pairs: int = 4
    n_actions: int = 3
    gamma: float = 0.9
    seed: int = 2502_17983

    @classmethod
    def tiny(cls) -> Self:
        """A second."""
        return cls(sizes=(4, 6, 8), n_pairs=2, n_actions=2)

    @classmethod
    def full(cls) -> Self:
        """Larger models."""
        return cls(sizes=(8, 16, 32, 64, 96), n_pairs=10)


def jobs(settings: Settings) -> Sequence[Job]:
    """A job for each pair."""
    rest = {"n_actions": settings.n_actions, "gamma": settings.gamma, "error": 1.0}
    return [
        Job(rest | {"n_states": n, "n_successors": n}, seed)
        for seed in spawn((settings.seed,), settings.n_pairs)
        for n in settings.sizes
    ]


def counted(job: Job) -> dict[str, Any]:
    """Work of the metric, to its default tolerance, and of its total-variation form."""
    real, twin = synthetic_pair(job.rng(), **job.task)
    metric = dt_bsm(real, twin, n_threads=1)
    nodes = 2 * job.task["n_successors"]
    return {
        "sweeps": metric.n_sweeps,
        "pivots": metric.n_pivots,
        "metric": metric.n_pivots * nodes,
        "tv": real.transitions.nnz + twin.transitions.nnz,
    }


def analyse(rows: Sequence[Row]) -> Analysis:
    """The power of the number of states by which each kind of work grows."""
    sizes = np.array([row.job.task["n_states"] for row in rows])
    fits = {
        name: LinearFit(np.log(sizes), np.log([row.found[name] for row in rows]))
        for name in MEASURES
    }
    steps = LinearFit(np.log(sizes), np.log([row.found["pivots"] for row in rows]))
    sweeps = [row.found["sweeps"] for row in rows]
    return Analysis(
        claims=tuple(_claim(name, fit) for name, fit in fits.items()),
        numbers={
            "pairs": len(rows),
            "least sweeps": min(sweeps),
            "most sweeps": max(sweeps),
            "exponent of the simplex steps alone": [steps.slope, *steps.slope_interval()],
        },
        figures={"work": _figure(rows, fits)},
    )


def _claim(name: str, fit: LinearFit) -> Claim:
    low, high = fit.slope_interval()
    power, logarithms = PUBLISHED[name]
    most = LinearFit(fit.x, power * fit.x + logarithms * np.log(fit.x)).slope
    within, undecided = high <= most + TOLERANCE, low <= most + TOLERANCE
    return Claim(
        text=f"The work of the {MEASURES[name]}, as counted here, grows no faster than the paper says",
        verdict="reproduced" if within else "partly" if undecided else "not",
        statistic=(
            f"exponent of the counted work {fit.slope:.2f} [{low:.2f}, {high:.2f}], R² "
            f"{fit.r_squared:.3f}, {len(fit.x)} pairs; the paper's over these sizes {most:.2f}"
        ),
    )


def _figure(rows: Sequence[Row], fits: Mapping[str, LinearFit]) -> Figure:
    sizes = np.array(sorted({row.job.task["n_states"] for row in rows}))
    layers = []
    for series, (name, fit) in enumerate(fits.items()):
        layers += [
            Layer(
                kind="points",
                x=[row.job.task["n_states"] for row in rows],
                y=[row.found[name] for row in rows],
                label=MEASURES[name],
                series=series,
            ),
            Layer(
                kind="line",
                x=sizes.tolist(),
                y=np.exp(fit.at(np.log(sizes))).tolist(),
                label=f"power {fit.slope:.2f}",
                series=series,
            ),
        ]
    return Figure(
        title="Work against the number of states",
        alt=(
            f"Counted work of {len(rows)} pairs of models against the number of states, both "
            f"logarithmic: power {fits['metric'].slope:.2f} for the metric, "
            f"{fits['tv'].slope:.2f} for the total variation."
        ),
        x_label="states |S|",
        y_label="steps along trees; entries read",
        layers=tuple(layers),
        x_log=True,
        y_log=True,
    )


COST = Experiment(
    name="dt-bsm/cost",
    title="What the DT-BSM and its total-variation form cost as models grow, in counted work",
    settings={"tiny": Settings.tiny(), "default": Settings(), "full": Settings.full()},
    jobs=jobs,
    run_job=counted,
    analyse=analyse,
)
"""Cost of Definitions 1 and 2 of the paper."""
