"""Deciding on a deployment from samples: which rule certifies which twin, and after how many.

A policy that is optimal in the twin is deployed if a bound on its regret is at most so much. The bound
comes from the exact models, from the empirical DT-BSM as the paper has it (Definition 3), from that
with the margin of Theorem 4 or of a theorem that holds, or from the value-aware certificate of
:func:`germane.certify`. All rules see the same samples: ``K`` of each pair of the real network, more
and more of them. The twin is known, rewards are deterministic, and a pair's first sample shows its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...certificates import certify
from ...logs import EstimatedMDP, Provenance, total_variation_slack
from ...mdp import FiniteMDP, horizon, solve
from ...metrics import dt_bsm, dt_bsm_tv, largest_reward_difference
from .._experiment import Experiment, Job, Row, spawn
from .._findings import Analysis, Claim, Figure, Layer
from .._fit import LinearFit
from .._statistics import bootstrap_estimate
from ._synthetic import synthetic_pair

Array = NDArray[np.float64]

CONFIDENCE = 0.95

ALLOWED = 0.1
"""Regret that is accepted, as a share of the trivial bound L0: a twin whose optimum loses no more is good."""

EXACT: Mapping[str, str] = {
    "exact TV": "exact, total variation (L1)",
    "exact metric": "exact, metric (L3)",
    "exact ladder": "exact, best bound of the ladder",
}
SAMPLED: Mapping[str, str] = {
    "empirical TV": "empirical, total variation",
    "empirical metric": "empirical, metric",
    "Theorem 4": "empirical TV, margin of Theorem 4",
    "Theorem B": "empirical TV, margin that holds",
    "certificate": "value-aware certificate",
}
RULES: Mapping[str, str] = {**EXACT, **SAMPLED}
"""Rules, in words: those that know the real network, and those that see samples of it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Twins and samples.

    Attributes:
        errors: shares of another model that twins mix in.
        n_pairs: for each error.
        samples: of each state-action pair of the real network, rising.
        n_states, n_actions, n_successors, gamma: of each model. All states follow each state: where
            supports differ, total variations are estimated without error, and samples say too much.
        seed: the root of all seeds.
    """

    errors: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5, 1.0)
    n_pairs: int = 15
    samples: tuple[int, ...] = (*(n * 10**k for k in range(1, 9) for n in (1, 3)), 10**9)
    n_states: int = 8
    n_actions: int = 3
    n_successors: int = 8
    gamma: float = 0.9
    seed: int = 2502_17983

    @classmethod
    def tiny(cls) -> Self:
        """Seconds."""
        return cls(
            errors=(1e-4, 1.0),
            n_pairs=3,
            samples=(10, 100, 1000, 10_000),
            n_states=4,
            n_actions=2,
            n_successors=4,
        )

    @classmethod
    def full(cls) -> Self:
        """More and larger pairs."""
        return cls(n_pairs=100, n_states=15, n_successors=15)


def jobs(settings: Settings) -> Sequence[Job]:
    """A job for each twin, which sees more and more samples."""
    size = {
        name: getattr(settings, name) for name in ("n_states", "n_actions", "n_successors", "gamma")
    }
    return [
        Job({"pair": size | {"error": error}, "samples": list(settings.samples)}, seed)
        for seed in spawn((settings.seed,), settings.n_pairs * len(settings.errors))
        for error in [settings.errors[seed[-1] % len(settings.errors)]]
    ]


def decided(job: Job) -> dict[str, Any]:
    """The regret of the twin's optimum, and each rule's bound on it after each number of samples."""
    rng = job.rng()
    real, twin = synthetic_pair(rng, **job.task["pair"])
    policy = solve(twin).policy
    certificate = certify(real, twin, policy=policy)
    rungs = certificate.rungs
    distance = float(dt_bsm_tv(real, twin).max())
    found: dict[str, Any] = {
        "regret": rungs["exact"].lower,
        "trivial": rungs["L0"].value,
        "distance": distance,
        "exact TV": rungs["L1"].value,
        "exact metric": rungs["L3"].value,
        "exact ladder": min(bound.value for name, bound in rungs.items() if name != "exact"),
        "error": [],
        "margin of Theorem 4": [],
    }
    found |= {name: [] for name in SAMPLED}
    H, S = horizon(real.gamma), real.n_states
    r_max = largest_reward_difference(real, twin)
    worth = real.gamma * H * r_max
    P = real.transitions.toarray()
    counts = np.zeros(P.shape, dtype=np.int64)
    for K in job.task["samples"]:
        counts += rng.multinomial(K - int(counts[0].sum()), P / P.sum(axis=1, keepdims=True))
        seen = _seen(real, counts)
        empirical = float(dt_bsm_tv(seen, twin).max())
        printed = worth * S * math.sqrt(math.log(2 / (1 - CONFIDENCE)) / (2 * K))
        slack = worth * float(total_variation_slack(seen.n_visits, 1 - CONFIDENCE).max())
        metric = dt_bsm(seen.mdp, twin).max_diagonal[1]
        found["error"].append(abs(empirical - distance))
        found["margin of Theorem 4"].append(printed)
        found["empirical TV"].append(2 * H**2 * empirical)
        found["empirical metric"].append(2 * H * metric)
        found["Theorem 4"].append(2 * H**2 * (empirical + printed))
        found["Theorem B"].append(2 * H**2 * (empirical + slack))
        found["certificate"].append(certify(seen, twin, policy=policy, confidence=CONFIDENCE).bound)
    return found


def _seen(real: FiniteMDP, counts: NDArray[np.int64]) -> EstimatedMDP:
    """What a log with these counts says, rewards being deterministic."""
    seen = sp.csr_array(counts)
    rewards = np.repeat(real.r.ravel(), np.diff(seen.indptr))
    n = int(counts.sum())
    return EstimatedMDP(
        counts=seen,
        reward_sum=seen.data * rewards,
        reward_square_sum=seen.data * rewards**2,
        n_actions=real.n_actions,
        gamma=real.gamma,
        reward_range=(0.0, 1.0),
        counts_fixed=True,
        provenance=Provenance(sources=(), n_rows=n, n_transitions=n),
    )


@dataclass(frozen=True, eq=False)
class Twins:
    """What the rows hold, one entry a twin: which are good, and what each rule says of them."""

    samples: tuple[int, ...]
    good: NDArray[np.bool_]
    rows: Sequence[Row]

    def certified(self, rule: str) -> NDArray[np.bool_]:
        """``(twins, samples)``; ``(twins, 1)`` for a rule without samples."""
        bounds = np.array([np.atleast_1d(row.found[rule]) for row in self.rows])
        return np.asarray(bounds <= self._accepted[:, None])

    def violations(self, rule: str) -> int:
        """How often the bound is below the regret."""
        regret = np.array([[row.found["regret"]] for row in self.rows])
        bounds = np.array([np.atleast_1d(row.found[rule]) for row in self.rows])
        return int((bounds < regret).sum())

    @property
    def _accepted(self) -> Array:
        return np.array([ALLOWED * row.found["trivial"] for row in self.rows])


def analyse(rows: Sequence[Row]) -> Analysis:
    """How each rule decides, and whether the empirical distance does what the paper says."""
    twins = Twins(
        tuple(rows[0].job.task["samples"]),
        np.array([row.found["regret"] <= ALLOWED * row.found["trivial"] for row in rows]),
        rows,
    )
    return Analysis(
        claims=(
            _converges(rows),
            _margin_holds(rows),
            _safe("exact TV", twins),
            _safe("empirical TV", twins),
            _safe("certificate", twins),
        ),
        numbers={
            "twins": len(rows),
            "good": int(twins.good.sum()),
            "bad": int((~twins.good).sum()),
        },
        tables={
            f"Decisions with at most {twins.samples[-1]} samples a pair": [
                _line(rule, words, twins) for rule, words in RULES.items()
            ]
        },
        figures={"decisions": _figure(twins)},
    )


def _converges(rows: Sequence[Row]) -> Claim:
    """Lemma 6; the rate is that of means."""
    K = np.array(rows[0].job.task["samples"], dtype=float)
    errors = np.array([row.found["error"] for row in rows])
    slopes = [LinearFit(np.log(K), np.log(np.maximum(e, 1e-300))).slope for e in errors]
    rate = bootstrap_estimate([slopes], np.random.default_rng(0))
    falling = rate.high < 0
    return Claim(
        text="The empirical distance tends to the exact one as samples grow (Lemma 6)",
        verdict="reproduced"
        if falling and abs(rate.value + 0.5) <= 0.1
        else "partly"
        if falling
        else "not",
        statistic=(
            f"exponent of its error, interquartile mean over {len(rows)} twins: {rate.value:.3f} "
            f"[{rate.low:.3f}, {rate.high:.3f}], where means have -0.5; median error "
            f"{np.median(errors[:, 0]):.2g} with {K[0]:.0f} samples a pair, "
            f"{np.median(errors[:, -1]):.2g} with {K[-1]:.0f}"
        ),
    )


def _margin_holds(rows: Sequence[Row]) -> Claim:
    error, margin = (
        np.array([row.found[name] for row in rows]) for name in ("error", "margin of Theorem 4")
    )
    n_beyond = int((error > margin).sum())
    share = n_beyond / error.size
    return Claim(
        text="The error is within the margin of Theorem 4 with 95 % confidence (49)",
        verdict="reproduced" if share <= 1 - CONFIDENCE else "not",
        statistic=(
            f"beyond it in {n_beyond} of {error.size} logs; the margin is "
            f"{np.median(margin / np.maximum(error, 1e-300)):.0f} times the error at the median"
        ),
    )


def _safe(rule: str, twins: Twins) -> Claim:
    """Certifies no bad twin; and of the good ones, how many."""
    certified = twins.certified(rule)
    n_wrong, n_bad = int(certified[~twins.good].sum()), int(certified[~twins.good].size)
    n_right, n_good = int(certified[twins.good, -1].sum()), int(twins.good.sum())
    within = n_wrong <= ((1 - CONFIDENCE) * n_bad if rule == "certificate" else 0)
    useful = 2 * n_right >= n_good
    return Claim(
        text=f"A rule that certifies good twins and no bad one: {RULES[rule]}",
        verdict="not" if not within else "reproduced" if useful else "partly",
        statistic=(
            f"certifies a bad twin in {n_wrong} of {n_bad} decisions, and at last {n_right} of "
            f"{n_good} good twins; bound below the regret in {twins.violations(rule)}"
        ),
    )


def _line(rule: str, words: str, twins: Twins) -> dict[str, str]:
    certified = twins.certified(rule)
    good, bad = certified[twins.good], certified[~twins.good]
    return {
        "rule": words,
        "good certified at last": f"{good[:, -1].sum()} of {len(good)}",
        "bad refused at last": f"{(~bad[:, -1]).sum()} of {len(bad)}",
        "bad certified ever": f"{bad.any(axis=1).sum()} of {len(bad)}",
        "samples a pair, half of the good": _needed(good, twins.samples) if rule in SAMPLED else "",
    }


def _needed(certified: NDArray[np.bool_], samples: Sequence[int]) -> str:
    """The fewest samples with which half of the good twins are certified."""
    enough = np.flatnonzero(2 * certified.sum(axis=0) >= len(certified))
    return str(samples[enough[0]]) if len(enough) else f"more than {samples[-1]}"


def _figure(twins: Twins) -> Figure:
    share = {rule: 100 * twins.certified(rule)[twins.good].mean(axis=0) for rule in RULES}
    samples = twins.samples
    powers = np.log10(samples).tolist()
    layers = [
        Layer(
            kind="line",
            x=powers if rule in SAMPLED else (powers[0], powers[-1]),
            y=share[rule].tolist() if rule in SAMPLED else [float(share[rule][0])] * 2,
            label=words,
            series=series,
        )
        for series, (rule, words) in enumerate(
            {
                "exact TV": EXACT["exact TV"],
                "exact metric": EXACT["exact metric"],
                **SAMPLED,
            }.items()
        )
    ]
    last = ", ".join(f"{words} {share[rule][-1]:.0f} %" for rule, words in SAMPLED.items())
    return Figure(
        title="Good twins that each rule certifies",
        alt=(
            f"Share of {twins.good.sum()} good twins that are certified, against samples of each "
            f"state-action pair; with {samples[-1]}: {last}."
        ),
        x_label="samples of each state-action pair [power of ten]",
        y_label="good twins certified [%]",
        layers=tuple(layers),
    )


EMPIRICAL = Experiment(
    name="dt-bsm/empirical",
    title="Deployment decided from samples: the empirical DT-BSM beside the value-aware certificate",
    settings={"tiny": Settings.tiny(), "default": Settings(), "full": Settings.full()},
    jobs=jobs,
    run_job=decided,
    analyse=analyse,
)
"""Definition 3 and Theorem 4 of the paper, put to use."""
