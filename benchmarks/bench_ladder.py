"""The ladder of regret bounds: does any rung fall below the regret, and how sharp is each?

    python benchmarks/bench_ladder.py                       # a few hundred pairs, the table, the clock
    python benchmarks/bench_ladder.py --pairs 100000 --metric-pairs 2000
    python benchmarks/bench_ladder.py --write               # docs/theory/ladder-figures.md too

*Validity*: pairs of all families of ``tests/families.py`` at four discounts, each with one policy in
turn; a violation is a bound below the regret, which a dense policy iteration computes. *Sharpness*:
bound over L0, for a policy that is optimal in the twin, in four families of networks, and the error of
the twin at which the median bound reaches L0. *Time*: of L4s and L5r at 100,000 states.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from harness import report, timed
from numpy.typing import NDArray

from germane.certificates import (
    Bound,
    Comparison,
    bellman_residual,
    calibrated_residual,
    exact,
    kept_mass,
    on_policy_metric,
    real_sweeps,
    residual_gap_aware,
    residual_resolvent,
    robust_set,
    theorem1,
    theorem1_gap_aware,
    theorem1_one_step,
    theorem1_tv,
    trivial,
    twin_metric,
    two_sided_simulation,
    value_mismatch,
    value_span,
    value_span_signed,
)
from germane.mdp import FiniteMDP, solve
from germane.metrics import dt_bsm

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from families import FAMILIES, NETWORKS, pair, policies  # noqa: E402
from oracles import optimal_value_by_improvement, policy_value_by_solving  # noqa: E402

Array = NDArray[np.float64]
PAGE = ROOT / "docs" / "theory" / "ladder-figures.md"
DISCOUNTS, ERRORS = (0.6, 0.9, 0.95, 0.99), (0.01, 0.05, 0.2)
LARGEST_ERROR, SMALLEST_ERROR, N_HALVINGS = 0.4, 0.0005, 7

CHEAP: tuple[Callable[[Comparison], Bound], ...] = (
    trivial,
    theorem1_tv,
    kept_mass,
    two_sided_simulation,
    value_span,
    value_span_signed,
    value_mismatch,
    bellman_residual,
    calibrated_residual,
    residual_resolvent,
    residual_gap_aware,
    real_sweeps,
)
OF_THE_METRIC = (theorem1, theorem1_one_step, theorem1_gap_aware, on_policy_metric)
PAPER, SWEPT = ("L1", "L3"), ("exact", "L5(3)")


def dear(c: Comparison) -> Iterator[Bound]:
    """The rungs that need transports, and the robust one."""
    metric = dt_bsm(c.real, c.twin)
    yield from (rung(c, metric) for rung in OF_THE_METRIC)
    yield twin_metric(c, dt_bsm(c.twin, c.twin))
    yield robust_set(c)


def ladder(c: Comparison) -> dict[str, float]:
    """Every rung as a share of L0, the regret itself included."""
    bounds = [*(rung(c) for rung in CHEAP), *dear(c), exact(c)]
    return {bound.name: bound.value / c.trivial for bound in bounds}


def violations(n_pairs: int, with_metric: bool, seed: int) -> dict[str, Any]:
    """Bounds below the regret over ``n_pairs`` pairs, further than the reference may be off."""
    n_bounds, broken = 0, []
    for k in range(n_pairs):
        rng = np.random.default_rng([seed, k])
        family, gamma = FAMILIES[k % len(FAMILIES)], DISCOUNTS[k // len(FAMILIES) % len(DISCOUNTS)]
        real, twin = pair(family, rng, gamma)
        chosen = policies(rng, twin)
        name = list(chosen)[rng.integers(len(chosen))]
        c = Comparison(real=real, twin=twin, policy=chosen[name])
        best = optimal_value_by_improvement(real)
        regret = best - policy_value_by_solving(real, chosen[name])
        rounding = (4 * real.n_states + 100) * 2.0**-53 / (1 - gamma) * float(np.abs(best).max())
        for bound in dear(c) if with_metric else (rung(c) for rung in CHEAP):
            n_bounds += 1
            per_state = bound.value if bound.per_state is None else bound.per_state
            if (regret > per_state + rounding).any():
                broken.append(f"{bound.name}: {family}, pair {k}, gamma {gamma}, {name}")
    return {
        "rungs": "with transports, L6set" if with_metric else "cheap",
        "pairs": n_pairs,
        "bounds": n_bounds,
        "violations": len(broken),
        "broken": "; ".join(broken[:5]) or "none",
    }


def shares(family: str, gamma: float, error: float, n: int, seed: int) -> dict[str, Array]:
    """Bound over L0 of every rung, for ``n`` fresh pairs and policies optimal in the twin."""
    found = []
    for k in range(n):
        rng = np.random.default_rng([seed, list(NETWORKS).index(family), k])
        real, twin = NETWORKS[family](rng, gamma, error)
        found.append(ladder(Comparison(real=real, twin=twin, policy=solve(twin).policy)))
    return {name: np.array([row[name] for row in found]) for name in found[0]}


def vacuous_from(family: str, gamma: float, n: int, seed: int) -> dict[str, float]:
    """The error of the twin from which each rung's median is L0 or more; bisection over all rungs."""
    medians: dict[float, dict[str, float]] = {}

    def median(error: float) -> dict[str, float]:
        if error not in medians:
            found = shares(family, gamma, error, n, seed)
            medians[error] = {name: float(np.median(x)) for name, x in found.items()}
        return medians[error]

    result = {}
    for name in median(LARGEST_ERROR):
        low, high = SMALLEST_ERROR, LARGEST_ERROR
        if name == "L0" or median(high)[name] < 1:
            result[name] = np.inf
        elif median(low)[name] >= 1:
            result[name] = 0.0
        else:
            for _ in range(N_HALVINGS):
                middle = float(np.sqrt(low * high))
                low, high = (low, middle) if median(middle)[name] >= 1 else (middle, high)
            result[name] = high
    return result


def best_of(found: dict[str, Array], leave_out: tuple[str, ...]) -> tuple[str, float]:
    """The rung with the least median, and that median."""
    medians = {name: float(np.median(x)) for name, x in found.items() if name not in leave_out}
    name = min(medians, key=lambda name: medians[name])
    return name, medians[name]


def garnet_at_size(rng: np.random.Generator, S: int, A: int, k: int) -> FiniteMDP:
    """``k`` successors a row, drawn with steps so that they are distinct."""
    targets = (
        rng.integers(1, S // k, (S * A, k)).cumsum(axis=1) + rng.integers(0, S, (S * A, 1))
    ) % S
    masses, indptr = rng.dirichlet(np.ones(k), S * A), np.arange(0, S * A * k + 1, k)
    P = sp.csr_array((masses.ravel(), targets.ravel(), indptr), shape=(S * A, S))
    return FiniteMDP(P, rng.random((S, A)), 0.9)


def at_size(S: int) -> dict[str, Any]:
    """Seconds of L4s and L5r for one policy, the twin being solved before."""
    rng = np.random.default_rng(0)
    real = garnet_at_size(rng, S, 4, 10)
    P = real.transitions.copy()
    P.data = P.data * (1 + rng.uniform(-0.05, 0.05, P.nnz))
    twin = FiniteMDP(sp.diags_array(1 / P.sum(axis=1)) @ P, real.r, 0.9)
    runs, planned = [], solve(twin)
    for _ in range(3):
        c = Comparison(real=real, twin=twin, policy=planned.policy)
        solving, _ = timed(lambda c=c: c.planned)
        four, l4s = timed(lambda c=c: bellman_residual(c))
        five, l5r = timed(lambda c=c: residual_resolvent(c))
        runs.append((solving, four, five))
    assert 0 < l5r.value <= l4s.value < c.trivial
    solving, four, five = np.min(runs, axis=0).tolist()
    return {
        "states": S,
        "solve_twin_s": solving,
        "L4s_s": four,
        "L5r_s": five,
        "both_s": four + five,
    }


def page(rows: list[dict[str, Any]], tables: list[str]) -> str:
    return "\n".join(
        [
            "---",
            "orphan: true",
            "---",
            "",
            "# The ladder in figures",
            "",
            "Each bound as a share of L0, the bound that needs no twin: median (largest) over fresh pairs",
            "of a network and a twin that is wrong by 1, 5 or 20 %, for a policy optimal in the twin. One",
            "or more: the bound says nothing. The last column is the error from which the median says",
            "nothing. Written by `python benchmarks/bench_ladder.py --write`; the families are in",
            "`tests/families.py`.",
            "",
            "At 5 %, the smallest median of all rungs short of the regret itself, without and with sweeps of",
            "the real model, beside the smaller of the paper's two:",
            "",
            "| " + " | ".join(rows[0]) + " |",
            "|" + "---|" * len(rows[0]),
            *("| " + " | ".join(_cell(x) for x in row.values()) + " |" for row in rows),
            "",
            *tables,
        ]
    )


def table(
    family: str, gamma: float, columns: list[dict[str, Array]], edge: dict[str, float]
) -> str:
    lines = [
        f"## {family}, discount {gamma}",
        "",
        f"{len(columns[0]['L0'])} pairs per level; the regret is above 0 in "
        + " / ".join(f"{100 * np.mean(c['exact'] > 1e-9):.0f}" for c in columns)
        + " % of them.",
        "",
        "| rung | " + " | ".join(f"{100 * e:.0f} %" for e in ERRORS) + " | vacuous from |",
        "|---|" + "---|" * (len(ERRORS) + 1),
    ]
    for name in columns[0]:
        cells = [f"{_three(np.median(c[name]))} ({_three(c[name].max())})" for c in columns]
        level = "" if name == "L0" else _level(edge[name])
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {level} |")
    return "\n".join([*lines, ""])


def _cell(x: Any) -> str:
    return _three(x) if isinstance(x, float) else str(x)


def _three(x: float) -> str:
    return "0" if x < 1e-9 else f"{x:.3g}"


def _level(error: float) -> str:
    if error == 0:
        return f"< {100 * SMALLEST_ERROR:g} %"
    return f"{100 * error:.2g} %" if np.isfinite(error) else f"> {100 * LARGEST_ERROR:g} %"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=400, help="pairs for the cheap rungs")
    arguments.add_argument("--metric-pairs", type=int, default=40, help="for those with transports")
    arguments.add_argument("--level-pairs", type=int, default=30, help="pairs per level of error")
    arguments.add_argument("--seed", type=int, default=2026)
    arguments.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = arguments.parse_args()

    checked = [
        violations(options.pairs, False, options.seed),
        violations(options.metric_pairs, True, options.seed + 1),
    ]
    report("ladder_validity: bounds below the regret", checked)
    assert not any(row["violations"] for row in checked)

    rows, tables = [], []
    for gamma in (0.9, 0.99):
        for family in NETWORKS:
            n, seed = options.level_pairs, options.seed + 2
            columns = [shares(family, gamma, error, n, seed) for error in ERRORS]
            edge = vacuous_from(family, gamma, max(n // 3, 1), seed + 1)
            tables.append(table(family, gamma, columns, edge))
            print(tables[-1])
            no_sweeps = best_of(columns[1], SWEPT)
            rows.append(
                {
                    "family": family,
                    "gamma": gamma,
                    "best rung": no_sweeps[0],
                    "its median at 5 %": no_sweeps[1],
                    "with L5(3)": best_of(columns[1], ("exact",))[1],
                    "paper's best": min(float(np.median(columns[1][name])) for name in PAPER),
                }
            )
    report("ladder_sharpness: median bound over L0 at 5 % error", rows)
    if options.write:
        PAGE.write_text(page(rows, tables), encoding="utf-8")
    report(
        "ladder_time: L4s and L5r, the twin solved before", [at_size(S) for S in (25_000, 100_000)]
    )


if __name__ == "__main__":
    main()
