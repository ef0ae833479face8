"""The DT-BSM with proof against value iteration with a library's transport solver per problem.

Both on the same pairs, in one run, to the same guarantee ``1e-4 Rmax / (1 - gamma)``. The baseline is
what the papers' code does: ``d_n = T d_{n-1}`` from 0 with ``ot.emd2`` (or SciPy's linear program) for
each state pair and action, for the ``n`` of equation (20). Correct before timed: on the smallest pair
the baseline is run to the end and must lie inside the certified interval.

    python benchmarks/bench_dt_bsm.py            # baseline: a few sweeps timed, times the sweeps it needs
    python benchmarks/bench_dt_bsm.py --full     # every sweep of ot.emd2 run, also at 100 states
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable

import numpy as np
import ot
from harness import garnet, queue, report, timed
from numpy.typing import NDArray
from scipy.optimize import linprog

from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm, largest_reward_difference

Array = NDArray[np.float64]
SHARE = 1e-4


def by_emd2(p: Array, q: Array, cost: Array) -> float:
    return float(ot.emd2(p, q, cost))


def by_linprog(p: Array, q: Array, cost: Array) -> float:
    m, k = cost.shape
    equal = np.vstack([np.kron(np.eye(m), np.ones(k)), np.kron(np.ones(m), np.eye(k))])
    return float(linprog(cost.ravel(), A_eq=equal, b_eq=np.concatenate([p, q])).fun)


def sweep(real: FiniteMDP, twin: FiniteMDP, d: Array, transport: Callable[..., float]) -> Array:
    """``T(d)``, one library call for each pair of states and action."""
    rows = [_rows(mdp) for mdp in (real, twin)]
    gap = np.abs(real.r[:, None, :] - twin.r[None, :, :])
    new = np.empty(d.shape)
    for i in range(real.n_states):
        for j in range(twin.n_states):
            new[i, j] = max(
                gap[i, j, a] + real.gamma * transport(p, q, d[np.ix_(x, y)])
                for a, ((x, p), (y, q)) in enumerate(zip(rows[0][i], rows[1][j], strict=True))
            )
    return new


def _rows(mdp: FiniteMDP) -> list[list[tuple[Array, Array]]]:
    P, A = mdp.transitions, mdp.n_actions
    spans = [slice(a, b) for a, b in zip(P.indptr[:-1], P.indptr[1:], strict=True)]
    rows = [(P.indices[span], P.data[span] / P.data[span].sum()) for span in spans]
    return [rows[s * A : (s + 1) * A] for s in range(mdp.n_states)]


def sweeps_needed(gamma: float) -> int:
    """The ``n`` with ``gamma^n Rmax / (1 - gamma) <= SHARE Rmax / (1 - gamma)``, equation (20)."""
    return math.ceil(math.log(SHARE) / math.log(gamma))


def baseline_seconds(
    real: FiniteMDP, twin: FiniteMDP, transport: Callable[..., float], n: int
) -> float:
    """Seconds for ``n`` sweeps from ``d = 0``."""
    d = np.zeros((real.n_states, twin.n_states))
    total = 0.0
    for _ in range(n):
        seconds, d = timed(lambda d=d: sweep(real, twin, d, transport))
        total += seconds
    return total


def check(real: FiniteMDP, twin: FiniteMDP) -> None:
    """The baseline, run to the end, must lie inside the certified interval."""
    d = np.zeros((real.n_states, twin.n_states))
    for _ in range(sweeps_needed(real.gamma)):
        d = sweep(real, twin, d, by_emd2)
    scale = largest_reward_difference(real, twin) / (1 - real.gamma)
    metric = dt_bsm(real, twin, tol=SHARE * scale)
    assert metric.error_bound <= SHARE * scale
    assert (d <= metric.upper + 1e-12 * scale).all(), "the baseline rises above the upper bounds"
    assert (metric.lower <= d + SHARE * scale).all(), "the baseline ends below the lower bounds"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--full", action="store_true", help="run every sweep of the baseline")
    arguments.add_argument(
        "--large", action="store_true", help="add 1,000 states, without baseline"
    )
    options = arguments.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    check(garnet(rng, 10, 3, 5, 0.9), garnet(rng, 10, 3, 5, 0.9))
    pairs = [
        (f"random, {S} states", garnet(rng, S, 3, 5, 0.95), garnet(rng, S, 3, 5, 0.95))
        for S in (20, 50, 100)
    ]
    pairs.append(("queue, 100 states", queue(100, 0.99, 0.4), queue(100, 0.99, 0.42)))
    if options.large:
        pairs.append(
            ("random, 1000 states", garnet(rng, 1000, 3, 5, 0.95), garnet(rng, 1000, 3, 5, 0.95))
        )
    rows = []
    for name, real, twin in pairs:
        scale = largest_reward_difference(real, twin) / (1 - real.gamma)
        runs = [
            timed(lambda r=real, t=twin, s=scale: dt_bsm(r, t, tol=SHARE * s)) for _ in range(3)
        ]
        seconds, metric = min(runs, key=lambda run: run[0])
        assert metric.error_bound <= SHARE * scale
        row = {"pair": name, "gamma": real.gamma, "germane_s": seconds, "sweeps": metric.n_sweeps}
        n = sweeps_needed(real.gamma)
        if real.n_states <= 100:
            run = n if options.full and real.gamma < 0.99 else 2
            emd2 = baseline_seconds(real, twin, by_emd2, run) * n / run
            row |= {
                "vi_sweeps": n,
                "vi_emd2_s": emd2,
                "emd2_run": run,
                "ratio_emd2": emd2 / seconds,
            }
        if real.n_states <= 20:
            linear = baseline_seconds(real, twin, by_linprog, 1) * n
            row |= {"vi_linprog_s": linear, "ratio_linprog": linear / seconds}
        rows.append(row)
    columns = {name: None for row in rows for name in row}
    report("dt_bsm: certified metric against value iteration", [columns | row for row in rows])


if __name__ == "__main__":
    main()
