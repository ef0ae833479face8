"""Certificates from samples: do they hold, what are they worth, and how many samples do they take?

    python benchmarks/bench_samples.py                    # 10,000 logs per certificate and kind of log
    python benchmarks/bench_samples.py --only validity --logs 500     # a quick look
    python benchmarks/bench_samples.py --write            # docs/theory/samples-figures.md too

*Validity*: logs of the settings of ``tests/trials.py``; a violation is a bound below the regret in some
state, and the exact binomial test asks whether there are more of them than ``alpha`` allows. The same for
each family of intervals in the ledger, at a confidence so low that they do fail; and for coins the
probability that a radius fails is computed, not simulated. *Sharpness*: bound over S0 against samples,
as medians over fresh pairs of a network and its twin. *Sample sizes*: the fewest samples per pair with
which the certificate reaches 10 % of S0 in half of the runs, beside those that theorems ask for.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from harness import FOLDER, report
from numpy.typing import NDArray
from scipy.stats import binomtest

from germane.certificates import (
    Comparison,
    SampledComparison,
    bellman_residual,
    exact,
    sampled_residual,
    sampled_theorem1_tv,
    sampled_value_aware,
    theorem1_tv,
    value_span,
)
from germane.logs import (
    EstimatedMDP,
    bernstein_radius,
    hoeffding_radius,
    kl_radius,
    kl_radius_any_time,
    mean_radius,
    theorem4_sample_size,
    uniform_sample_size,
    value_aware_sample_size,
)
from germane.mdp import FiniteMDP, solve

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from crossing import ever_outside, grid, kl, outside_at  # noqa: E402
from families import NETWORKS, garnet, power  # noqa: E402
from simulated import Field  # noqa: E402
from trials import LEAST, MODES, RUNGS, SETTINGS, Trial, trial  # noqa: E402

Array = NDArray[np.float64]
Row = dict[str, Any]
PAGE = ROOT / "docs" / "theory" / "samples-figures.md"
TIGHT = ("arm", "gate")
CONFIDENCE, LOW_CONFIDENCE = 0.95, 0.05
GAMMA, ERROR, TARGET = 0.9, 0.05, 0.1
VISITS = (100, 300, 1000, 3000, 10_000, 100_000)
STEPS = (1000, 10_000, 100_000, 1_000_000)
SIZES = (10, 100, 1000)
LIMITS = {"S1": theorem1_tv, "S2": value_span, "S3": bellman_residual}
"""What more samples cannot push a rung below; the others tend to the regret."""


# Validity ----------------------------------------------------------------------------------------


def run(setting: str, mode: str, confidence: float, seed: int, logs: range) -> list[Trial]:
    place = [list(SETTINGS).index(setting), list(MODES).index(mode)]
    return [
        trial(SETTINGS[setting], mode, np.random.default_rng([seed, *place, k]), confidence)
        for k in logs
    ]


def trials(n: int, confidence: float, seed: int) -> dict[tuple[str, str], list[Trial]]:
    """``n`` logs of every tight setting and kind of log, and ``n`` over all other settings."""
    others = len(SETTINGS) - len(TIGHT)
    found: dict[tuple[str, str], list[Trial]] = {}
    for setting in SETTINGS:  # compile every kernel before there is a second process
        for mode in MODES:
            found[setting, mode] = []
            run(setting, mode, confidence, seed, range(1))
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        parts = []
        for setting, mode in found:
            size = n if setting in TIGHT else -(-n // others)
            for first in range(0, size, 250):
                logs = range(first, min(first + 250, size))
                job = pool.submit(run, setting, mode, confidence, seed, logs)
                parts.append(((setting, mode), job))
        for key, part in parts:
            found[key].extend(part.result())
    return found


def chance(n_failed: int, n: int, alpha: float) -> float:
    """Of so many failures or more, if each log fails with probability ``alpha``."""
    return float(binomtest(n_failed, n, alpha, alternative="greater").pvalue)


def validity(found: dict[tuple[str, str], list[Trial]], alpha: float) -> list[Row]:
    """Violations of each rung and kind of log, in the tight settings and in all others."""
    rows = []
    for group in (*TIGHT, "networks"):
        for mode in MODES:
            chosen = [
                x
                for (setting, m), all_of in found.items()
                if m == mode
                and (setting == group or (group == "networks" and setting not in TIGHT))
                for x in all_of
            ]
            n = len(chosen)
            row: Row = {"setting": group, "kind of log": mode, "logs": n}
            for name in chosen[0].below:
                row[name] = sum(x.below[name] for x in chosen)
            row["unexplained"] = sum(_unexplained(x) for x in chosen)
            row["chance"] = min(chance(row[name], n, alpha) for name in chosen[0].below)
            shares = [x.shares[LEAST] for x in chosen if np.isfinite(x.shares[LEAST])]
            low, middle = np.quantile(shares, [0.05, 0.5])
            rows.append(row | {"bound / regret": float(middle), "its 5 % quantile": float(low)})
    return rows


def _unexplained(x: Trial) -> bool:
    """Whether a bound was below the regret though every interval held the truth."""
    return any(x.below.values()) and not any(x.failed.values())


def families_of_intervals(
    found: dict[tuple[str, str], list[Trial]], confidence: float
) -> list[Row]:
    """How often each family of intervals missed the truth, beside what the ledger grants it."""
    rows = []
    for (setting, mode), all_of in found.items():
        x, rng = SETTINGS[setting], np.random.default_rng(0)
        c = x.comparison(MODES[mode](x, rng), rng, confidence)
        by_sets = sum(known.alpha for known in c.within)  # they take part in every interval
        for family in all_of[0].failed:
            if family not in c.ledger.entries:  # rewards that are known
                continue
            share = c.ledger.entries[family] + by_sets
            n_failed = sum(one.failed[family] for one in all_of)
            rows.append(
                {
                    "family": family,
                    "setting": setting,
                    "kind of log": mode,
                    "logs": len(all_of),
                    "granted": share,
                    "failed": n_failed / len(all_of),
                    "chance": chance(n_failed, len(all_of), share),
                }
            )
    return rows


def worst_of_families(rows: list[Row]) -> list[Row]:
    """Of each family, where it came nearest to what it is granted."""
    worst: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row["failed"] / row["granted"]):
        worst[row["family"]] = row
    return [worst[name] for name in sorted(worst)]


COINS, AT = (0.5, 0.9, 0.99, 0.05), (3, 10, 30, 100, 300, 1000)


def coins(n_most: int, delta: float) -> list[Row]:
    """The largest probability, over coins, with which a radius fails; exact, as a share of ``delta``."""
    n, x = grid(n_most)
    mean = x / np.maximum(n, 1)
    variance = n / np.maximum(n - 1, 1) * mean * (1 - mean)
    means: dict[str, Callable[[bool], Array]] = {
        "mean, Hoeffding": lambda fixed: hoeffding_radius(n, 1.0, delta, fixed=fixed),
        "mean, Bernstein": lambda fixed: bernstein_radius(n, variance, 1.0, delta, fixed=fixed),
        "mean, the smaller": lambda fixed: mean_radius(n, variance, 1.0, delta, fixed=fixed),
    }
    rows = [
        {"radius": name} | _failing(lambda p: np.abs(mean - p), radius(False), radius(True), delta)
        for name, radius in means.items()
    ]
    kl_fixed = np.broadcast_to(kl_radius(np.arange(n_most + 1), 2, delta)[:, None], n.shape)
    for law in ((0.5, 0.5), (0.9, 0.1)):
        all_times = _kl_all_times(n_most, law, delta)
        chances = _failing(lambda p: kl(x, n, p), all_times, kl_fixed, delta)
        rows.append({"radius": f"law, KL, twin {law}"} | chances)
    return rows


def _failing(off: Callable[[float], Array], all_times: Array, fixed: Array, delta: float) -> Row:
    outside = [(p, off(p) > all_times, off(p) > fixed) for p in COINS]
    return {
        "all times, watched": max(ever_outside(p, always) for p, always, _ in outside) / delta,
        "fixed, at a count": max(outside_at(k, p, at) for p, _, at in outside for k in AT) / delta,
        "fixed, watched": max(ever_outside(p, at) for p, _, at in outside) / delta,
    }


def _kl_all_times(n_most: int, law: tuple[float, float], delta: float) -> Array:
    """The radius at every ``(n, x)`` of the grid; infinite without tosses."""
    n, x = (index[1:] for index in np.nonzero(np.tri(n_most + 1, dtype=bool)))
    counts, twin = (
        sp.csr_array(np.stack([x, n - x], axis=1)),
        sp.csr_array(np.tile(law, (len(n), 1))),
    )
    radius = np.full((n_most + 1, n_most + 1), np.inf)
    radius[n, x] = kl_radius_any_time(counts, None, twin, delta)
    return radius


# Sharpness ---------------------------------------------------------------------------------------


def compare(log: EstimatedMDP, twin: FiniteMDP, policy: Any, **options: Any) -> SampledComparison:
    return SampledComparison(real=log.mdp, twin=twin, policy=policy, estimate=log, **options)


def shares(c: SampledComparison) -> dict[str, float]:
    """Every rung, and the least of them, as shares of S0."""
    found = {bound.name: bound.value / c.trivial for bound in (rung(c) for rung in RUNGS)}
    return found | {LEAST: min(1.0, *found.values())}


def sharpness(family: str, n: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Median shares by rung: for fixed visits per pair, and for trajectories."""
    fixed: dict[int, list[dict[str, float]]] = {K: [] for K in VISITS}
    rolled: dict[int, list[dict[str, float]]] = {T: [] for T in STEPS}
    limits: list[dict[str, float]] = []
    for k in range(n):
        rng = np.random.default_rng([seed, list(NETWORKS).index(family), k])
        real, twin = NETWORKS[family](rng, GAMMA, ERROR)
        field, policy = Field(real), np.asarray(solve(twin).policy)
        known = Comparison(real=real, twin=twin, policy=policy)
        regret = exact(known).value / known.trivial
        limit = {name: rung(known).value / known.trivial for name, rung in LIMITS.items()}
        limits.append(limit | {"regret": regret})
        for K in VISITS:
            fixed[K].append(shares(compare(field.sampled(rng, K), twin, policy)))
        A = real.n_actions
        behaviour = 0.8 * np.eye(A)[policy] + 0.2 / A
        log = field.rolled_out(rng, behaviour, STEPS[-1])
        for T in STEPS:
            rolled[T].append(shares(compare(log.cut(T), twin, policy)))

    def medians(columns: dict[int, list[dict[str, float]]]) -> list[Row]:
        rows = []
        for name in columns[next(iter(columns))][0]:
            row: Row = {"family": family, "rung": name}
            row |= {f"{K:,}": float(np.median([x[name] for x in c])) for K, c in columns.items()}
            of = name if name in LIMITS else "regret"
            rows.append(row | {"limit": float(np.median([x[of] for x in limits]))})
        return rows

    return medians(fixed), medians(rolled)


# Sample sizes ------------------------------------------------------------------------------------


def least_visits(share: Callable[[int], float]) -> int | str:
    """The fewest visits, to 5 %, with which a share is at most the target, if it ever is."""
    low, high = 10.0, 1e9
    if share(int(high)) > TARGET:
        return "never"
    while high / low > 1.05:
        middle = round(float(np.sqrt(low * high)))
        low, high = (low, middle) if share(middle) <= TARGET else (middle, high)
    return round(high)


BY_SIZE: dict[str, Callable[[np.random.Generator, int], tuple[FiniteMDP, FiniteMDP]]] = {
    "garnet": lambda rng, S: garnet(rng, GAMMA, ERROR, S, A=4, k=4),
    "power": lambda rng, S: power(rng, GAMMA, ERROR, places=S // 3 - 1),
}
"""Pairs of about so many states: four actions and four successors, or three and up to six."""


def sizes(family: str, S: int, n_runs: int, seed: int) -> Row:
    """Samples per pair for a certificate of a tenth of S0: by theorems, and as found.

    Each run has a network, a twin that is wrong by 5 %, and a log of its own. Theorem 4 as printed and
    Theorem A are for the accuracy that Theorem 1 needs. S1, which they serve, is found for a twin
    without error: with one of 5 % no number of samples is enough.
    """
    pairs = [BY_SIZE[family](np.random.default_rng([seed, S, k]), S) for k in range(n_runs)]
    perfect = [(real, real) for real, _ in pairs]
    S, A = pairs[0][0].r.shape
    width = float(np.median([np.ptp(real.r) for real, _ in pairs]))
    span = float(np.median([np.ptp(solve(twin).v) for _, twin in pairs]))
    target, alpha = TARGET * width / (1 - GAMMA), 1 - CONFIDENCE
    of_a_distance = target * (1 - GAMMA) ** 2 / 2

    def found(rungs: Any, pairs: list[Any] = pairs, *, fixed: bool = True) -> int | str:
        return least_visits(partial(_median_share, rungs, pairs, fixed, seed))

    return {
        "family": family,
        "states": S,
        "Theorem 4, printed": theorem4_sample_size(S, width, GAMMA, of_a_distance, alpha),
        "Theorem A": uniform_sample_size(S, A, width, GAMMA, of_a_distance, alpha),
        "S1, perfect twin": found((sampled_theorem1_tv,), perfect),
        "Theorem D": value_aware_sample_size(S, A, width, span, GAMMA, target, alpha),
        "S3": found((sampled_residual,)),
        "S8": found((sampled_value_aware,)),
        "certificate": found(RUNGS[2:]),
        "certificate, any cut": found(RUNGS[2:], fixed=False),
    }


def _median_share(rungs: Any, pairs: list[Any], fixed: bool, seed: int, K: int) -> float:
    values = []
    for k, (real, twin) in enumerate(pairs):
        log = Field(real).sampled(np.random.default_rng([seed, K, k]), K)
        c = compare(replace(log, counts_fixed=fixed), twin, solve(twin).policy)
        values.append(min(rung(c).value for rung in rungs) / c.trivial)
    return float(np.median(values))


# The page ----------------------------------------------------------------------------------------

HEAD = """---
orphan: true
---

# Samples in figures

What [the certificates from samples](samples.md) are worth, and the trial of their promise. Written by
`python benchmarks/bench_samples.py --write`; the settings are in `tests/trials.py`, the families of
networks in `tests/families.py`.
"""

SIZED = r"""## How many samples

Samples per pair for a certificate of 10 % of S0, the range of rewards over $1 - \gamma$; $\gamma = 0.9$,
$\alpha = 0.05$. Theorems 4, A and D are formulas: D for the margin that sampling adds, at the span of the
twin's value. The others are *found*: the fewest samples, to 5 %, with which the bound reaches the target in
half of the runs, each with its own network, a twin that is wrong by 5 %, and its own log. S1, which Theorems
4 and A serve, is found for a twin without error: with one of 5 % no number of samples is enough. S3 cannot
fall below L4s, which takes up much of the target; S8 can, and so can the certificate, the least of S3, S4,
S8 and S9. The last column is for a log that may have been cut at any moment.
"""

VALID = r"""## Do they hold?

Logs with a bound below the regret in some state, by rung, at $\alpha = 0.05$. Two kinds of log are
watched by an adversary, who cuts them where the certificate is smallest or, knowing the network, where the
log errs most. In `arm` and `gate` all but one pair is known well, and the bounds are as tight as they get;
`networks` are all others together. *Unexplained*: violations though every interval held the truth.
*Chance* is the exact probability of so many violations or more if the promise were just kept, for the
worst rung. The last columns are for the least bound: how far above the regret it is.
"""

STRESSED = r"""The same at $\alpha = 0.95$, where a promise that is not kept would be seen soonest:
"""

MISSED = r"""## The ledger

What each family of intervals is granted at $\alpha = 0.95$, and how often it missed the truth at some pair,
in the setting and kind of log where it came nearest to its share:
"""

TOSSED = """Radii of one pair, for tosses of a coin: the exact probability that they fail, over the 0.05 that
they are granted, for the worst of some coins. *Watched*: by somebody who may stop at any toss. A radius
for fixed counts does not survive that:
"""

FIXED = r"""## What they are worth

Each rung as a share of S0, the median over fresh networks and logs; twins are wrong by 5 %,
$\gamma = 0.9$. By visits to each pair, fixed beforehand; *limit* is what no number of samples gets below:
"""

ROLLED = """By the length of one trajectory, of the twin's policy with one step in five at random; intervals
for a log that may have been cut at any moment:
"""


WORDS = {
    "sizes": SIZED,
    "validity": VALID,
    "stressed": STRESSED,
    "intervals": MISSED,
    "coins": TOSSED,
    "fixed": FIXED,
    "rolled": ROLLED,
}


def page() -> str:
    """Words and tables, one after the other, from the results that were recorded last."""
    recorded = {
        name: json.loads((FOLDER / f"samples_{name}.json").read_text())["rows"] for name in WORDS
    }
    tables = [words + "\n" + "\n".join(_table(recorded[name])) for name, words in WORDS.items()]
    top = HEAD + "\n" + headline(recorded["sizes"], recorded["validity"])
    return "\n\n".join([top, *tables]) + "\n"


def headline(sized: list[Row], valid: list[Row]) -> str:
    """The figures of the most states, by family, and of all trials, in a sentence each."""
    lines = []
    for row in sized:
        if row["states"] > 0.9 * SIZES[-1]:
            printed, corrected = (_power(row[name]) for name in ("Theorem 4, printed", "Theorem A"))
            lines.append(
                f"**{row['states']:,} states, {row['family']}:** for a certificate of 10 % of S0, "
                f"Theorem 4 as printed asks for {printed} samples of each\npair, its correction for "
                f"{corrected}; the value-aware rung S8 was found to need {row['S8']:,}, the "
                f"certificate {row['certificate']:,}."
            )
    n, below = (sum(row[name] for row in valid) for name in ("logs", LEAST))
    lines.append(
        f"**{n:,} logs at a confidence of 95 %:** {below} of the certificates were below the regret; "
        f"5 % would be {n // 20:,}."
    )
    return "\n\n".join(lines)


def _power(x: float) -> str:
    digits, exponent = f"{x:.1e}".split("e")
    return rf"${digits} \cdot 10^{{{int(exponent)}}}$"


def _table(rows: list[Row]) -> list[str]:
    head = "| " + " | ".join(rows[0]) + " |"
    lines = ["| " + " | ".join(_cell(x) for x in row.values()) + " |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *lines]


def _cell(x: Any) -> str:
    if isinstance(x, str):
        return x
    if isinstance(x, int):
        return f"{x:,}" if x < 100_000 else f"{x:.2g}"
    if np.isnan(x):
        return ""
    return "0" if abs(x) < 1e-9 else f"{x:.3g}"


def run_sizes(options: argparse.Namespace) -> None:
    sized = [sizes(family, S, options.runs, options.seed) for family in BY_SIZE for S in SIZES]
    report("samples_sizes: samples per pair for 10 % of S0", sized)


def run_validity(options: argparse.Namespace) -> None:
    valid = validity(trials(options.logs, CONFIDENCE, options.seed), 1 - CONFIDENCE)
    report("samples_validity: logs whose certificate is below the regret, alpha 0.05", valid)
    low = trials(options.logs // 5, LOW_CONFIDENCE, options.seed + 1)
    stressed = validity(low, 1 - LOW_CONFIDENCE)
    report("samples_stressed: the same, alpha 0.95", stressed)
    missed = families_of_intervals(low, LOW_CONFIDENCE)
    nearest = worst_of_families(missed)
    report("samples_intervals: the ledger where it came nearest, alpha 0.95", nearest)
    assert not any(row["unexplained"] for row in (*valid, *stressed))
    for rows in (valid, stressed, missed):
        assert min(row["chance"] for row in rows) > 1e-4 / len(rows)


def run_coins(options: argparse.Namespace) -> None:
    tossed = coins(options.tosses, 0.05)
    report("samples_coins: probability of failing over what is granted, exact", tossed)
    assert all(row["all times, watched"] <= 1 >= row["fixed, at a count"] for row in tossed)


def run_sharpness(options: argparse.Namespace) -> None:
    tables = [sharpness(family, options.pairs, options.seed + 2) for family in NETWORKS]
    fixed, rolled = ([row for table in tables for row in table[i]] for i in range(2))
    report("samples_fixed: median share of S0 by visits per pair", fixed)
    report("samples_rolled: median share of S0 by length of a trajectory", rolled)


PARTS = {
    "sizes": run_sizes,
    "validity": run_validity,
    "coins": run_coins,
    "sharpness": run_sharpness,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    arguments.add_argument("--logs", type=int, default=10_000, help="per certificate, kind of log")
    arguments.add_argument("--pairs", type=int, default=30, help="pairs per family")
    arguments.add_argument("--runs", type=int, default=5, help="runs per sample size")
    arguments.add_argument("--tosses", type=int, default=2000, help="of each coin")
    arguments.add_argument("--seed", type=int, default=2027)
    arguments.add_argument("--write", action="store_true", help=f"{PAGE.name} from all results")
    options = arguments.parse_args()
    for part in options.only:
        PARTS[part](options)
    if options.write:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
