"""Corollaries 1 and 2 as an experiment: every pair and every quadruple of states of random models.

The metric is enclosed by the paper's recursion (:func:`._synthetic.limit`), since the interval of
:func:`germane.dt_bsm` takes Corollary 1 for granted. An inequality is *violated* where even the most
favourable ends of the intervals contradict it, *proved* where the least favourable obey it, and
undecided otherwise: both hold with equality somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...mdp import solve
from ...metrics import largest_reward_difference
from .._experiment import Experiment, Job, Row
from .._findings import Analysis, Claim, Figure, Layer
from ._synthetic import Pairs, each_pair, iterates, limit, synthetic_pair

Array = NDArray[np.float64]

ACCURACY = 1e-9
"""Widest interval of the metric, as a share of the largest distance that is possible."""

N_ITERATES = 20
"""The quadrilateral inequality is stated of iterates; the first so many are checked, and the limit."""

MOST_UNDECIDED = 0.01
"""Share of checks that may stay undecided where a claim is called reproduced."""


GAMMAS, ERRORS = (0.5, 0.9, 0.95), (0.01, 0.03, 0.1, 0.3, 1.0)

SETTINGS = {
    "tiny": Pairs(gammas=(0.8,), errors=(0.1, 1.0), n_pairs=2, n_states=4),
    "default": Pairs(gammas=GAMMAS, errors=ERRORS, n_pairs=20, n_states=8),
    "full": Pairs(gammas=GAMMAS, errors=ERRORS, n_pairs=200, n_states=12, n_successors=5),
}
"""A second; seconds; more and larger pairs."""


def checked(job: Job) -> dict[str, Any]:
    """Both inequalities, counted: the first for all pairs of states, the second for all quadruples."""
    real, twin = synthetic_pair(job.rng(), **job.task)
    largest = largest_reward_difference(real, twin) / (1 - real.gamma)
    low, high = limit(real, twin, ACCURACY * largest)
    v, v_twin = (solve(mdp, tol=ACCURACY * largest) for mdp in (real, twin))
    apart, off = np.abs(v.v[:, None] - v_twin.v), v.error_bound + v_twin.error_bound
    everywhere = np.ones(low.shape, dtype=bool)
    corners = [quadrilateral(low, high)]
    for d, error in islice(iterates(real, twin), 1, 1 + N_ITERATES):
        corners.append(quadrilateral(d - error, d + error))
    return {
        "values": _counted(apart - off, apart + off, low, high, everywhere),
        "quadrilateral": {
            key: (max if key == "largest_ratio" else sum)(each[key] for each in corners)
            for key in corners[0]
        },
    }


def quadrilateral(low: Array, high: Array) -> dict[str, Any]:
    """``d(i, l) <= d(i, j) + d(k, j) + d(k, l)`` for all ``i != k`` and ``j != l``, which say something."""
    S, T = low.shape
    four = (S, T, S, T)  # i, j, k, l

    def sides(d: Array) -> tuple[Array, Array]:
        around = d[:, :, None, None] + d.T[None, :, :, None] + d[None, None, :, :]
        return np.broadcast_to(d[:, None, None, :], four), around

    (left_low, right_low), (left_high, right_high) = sides(low), sides(high)
    i, j, k, l = np.indices(four, sparse=True)
    return _counted(left_low, left_high, right_low, right_high, (i != k) & (j != l))


def _counted(
    left_low: Array, left_high: Array, right_low: Array, right_high: Array, which: NDArray[np.bool_]
) -> dict[str, Any]:
    """Whether ``left <= right`` where ``which`` says, from the ends of their intervals."""
    ratio = np.divide(left_high, right_high, out=np.zeros(which.shape), where=right_high > 0)
    return {
        "checks": int(which.sum()),
        "violations": int((which & (left_low > right_high)).sum()),
        "proved": int((which & (left_high <= right_low)).sum()),
        "largest_ratio": float(ratio[which].max()),
    }


def analyse(rows: Sequence[Row]) -> Analysis:
    """Violations, and how close to equality it comes."""
    gammas = sorted({row.job.task["gamma"] for row in rows})
    return Analysis(
        claims=(
            _claim(
                "|V*(i) − V'*(j)| ≤ d(i, j) (Corollary 1, 26)", "values", "pairs of states", rows
            ),
            _claim(
                "dₙ(i, l) ≤ dₙ(i, j) + dₙ(k, j) + dₙ(k, l) (Corollary 2, 30)",
                "quadrilateral",
                f"quadruples, of {N_ITERATES} iterates and the metric",
                rows,
            ),
        ),
        numbers={"pairs of models": len(rows)}
        | {
            f"gamma {gamma}: largest |V* − V'*| / d, median": float(
                np.median(
                    [
                        row.found["values"]["largest_ratio"]
                        for row in rows
                        if row.job.task["gamma"] == gamma
                    ]
                )
            )
            for gamma in gammas
        },
        figures={"ratios": _figure(rows, gammas)},
    )


def _claim(text: str, kind: str, what: str, rows: Sequence[Row]) -> Claim:
    found = [row.found[kind] for row in rows]
    n, violations, proved = (
        sum(each[key] for each in found) for key in ("checks", "violations", "proved")
    )
    decided = n - proved - violations <= MOST_UNDECIDED * n
    closest = max(each["largest_ratio"] for each in found)
    return Claim(
        text=text,
        verdict="not" if violations else "reproduced" if decided else "partly",
        statistic=(
            f"violated by {violations} of {n} {what}, {len(rows)} pairs of models; proved for "
            f"{proved}, too close to call {n - proved - violations}; left over right at most "
            f"{closest:.3f}"
        ),
    )


def _figure(rows: Sequence[Row], gammas: Sequence[float]) -> Figure:
    layers = []
    for series, gamma in enumerate(gammas):
        own = [row for row in rows if row.job.task["gamma"] == gamma]
        layers.append(
            Layer(
                kind="points",
                x=[row.job.task["error"] * 1.06 ** (series - 1) for row in own],
                y=[row.found["values"]["largest_ratio"] for row in own],
                label=f"γ = {gamma}",
                series=series,
            )
        )
    errors = sorted({row.job.task["error"] for row in rows})
    layers.append(
        Layer(kind="line", x=(errors[0], errors[-1]), y=(1, 1), label="Corollary 1", series=6)
    )
    return Figure(
        title="The largest difference of optimal values, as a share of the metric",
        alt=(
            f"Largest |V* - V'*| / d over all pairs of states against the share by which the twin is "
            f"wrong, {len(rows)} pairs of models: at most "
            f"{max(row.found['values']['largest_ratio'] for row in rows):.3f}, and never above one."
        ),
        x_label="share of another model in the twin",
        y_label="max |V*(i) − V'*(j)| / d(i, j)",
        layers=tuple(layers),
        x_log=True,
    )


INEQUALITIES = Experiment(
    name="dt-bsm/inequalities",
    title="Corollaries 1 and 2: values and the quadrilateral inequality over random pairs",
    settings=SETTINGS,
    jobs=each_pair,
    run_job=checked,
    analyse=analyse,
)
"""Corollaries 1 and 2 of the paper."""
