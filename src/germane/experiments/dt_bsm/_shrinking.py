"""The bounds as the discrepancy shrinks: Theorem 1 by metric and by total variation, and the ladder.

Each pair has a direction in which its twin is wrong, in rewards, transitions or both, and goes that way
by less and less. Discrepancies shrink in proportion, exactly. Every bound is that of the twin's optimal
policy; its exponent is the slope of its logarithm over that of the discrepancy, pair by pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...certificates import certify
from ...mdp import solve
from ...metrics import total_variation
from .._experiment import Experiment, Job, Row, spawn
from .._findings import Analysis, Claim, Figure, Layer
from .._fit import LinearFit
from .._statistics import bootstrap_estimate
from ._synthetic import REWARDS, TRANSITIONS, synthetic_pair

Array = NDArray[np.float64]

WRONG = ((REWARDS,), (TRANSITIONS,), (REWARDS, TRANSITIONS))

RUNGS: Mapping[str, str] = {
    "L0": "trivial",
    "L1": "Theorem 1 by total variation",
    "L3": "Theorem 1 by the metric",
    "L2": "value span",
    "L4": "value mismatch",
    "L4s*": "calibrated residual",
    "L5*": "gap-aware residual",
    "exact": "regret",
}
"""Bounds that the rows hold, in words."""

N_SMALLEST = 4
"""Exponents are taken over so many of the smallest errors."""

NEAR_ONE = 0.02
"""How far from 1 the interval of an exponent may reach where a bound is called linear."""


NOTHING = 1e-9
"""Regret below this is none [reward units]."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Pairs, and how far off their twins are.

    Attributes:
        n_pairs: for each kind of error.
        errors: shares of another model that the twin mixes in, rising.
        n_states, n_actions, n_successors, gamma: of each model.
        seed: the root of all seeds.
    """

    n_pairs: int = 20
    errors: tuple[float, ...] = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
    n_states: int = 10
    n_actions: int = 3
    n_successors: int = 3
    gamma: float = 0.9
    seed: int = 2502_17983

    @classmethod
    def tiny(cls) -> Self:
        """Seconds."""
        return cls(n_pairs=2, errors=(1e-4, 2e-4, 5e-4, 1e-3, 1.0), n_states=5, n_actions=2)

    @classmethod
    def full(cls) -> Self:
        """More and larger pairs."""
        return cls(n_pairs=100, n_states=30, n_successors=5)


def jobs(settings: Settings) -> Sequence[Job]:
    """A job for each pair and kind of error, which goes through all its sizes."""
    size = {
        name: getattr(settings, name) for name in ("n_states", "n_actions", "n_successors", "gamma")
    }
    return [
        Job({"pair": size | {"wrong": list(wrong)}, "errors": list(settings.errors)}, seed)
        for seed in spawn((settings.seed,), settings.n_pairs)
        for wrong in WRONG
    ]


def shrunk(job: Job) -> dict[str, Any]:
    """The bounds of the twin's optimal policy at each size of the error."""
    found: dict[str, list[float]] = {name: [] for name in ("max_tv", "reward_discrepancy", *RUNGS)}
    for error in job.task["errors"]:
        real, twin = synthetic_pair(job.rng(), **job.task["pair"], error=error)
        rungs = certify(real, twin, policy=solve(twin).policy).rungs
        found["max_tv"].append(float(total_variation(real, twin).max()))
        found["reward_discrepancy"].append(float(np.abs(real.r - twin.r).max()))
        for name in RUNGS:
            found[name].append(rungs[name].lower if name == "exact" else rungs[name].value)
    return found


def analyse(rows: Sequence[Row]) -> Analysis:
    """Exponents, the order of the bounds, and from where on each says something."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(_kind(row), []).append(row)
    numbers: dict[str, Any] = {"pairs": len(rows)}
    exponents = {}
    for kind, own in kinds.items():
        for name in ("L1", "L3", "L4", "L4s*"):
            found = bootstrap_estimate([_slopes(own, name)], np.random.default_rng(0))
            exponents[kind, name] = found
            numbers[f"exponent of {name}, {kind} wrong"] = [found.value, found.low, found.high]
        numbers[f"L3 over L1, {kind} wrong, median at the smallest error"] = float(
            np.median([row.found["L3"][0] / row.found["L1"][0] for row in own])
        )
    return Analysis(
        claims=(
            _linear("L1", exponents, len(rows)),
            _linear("L3", exponents, len(rows)),
            _ordered(rows),
            _above(rows),
        ),
        numbers=numbers,
        tables={
            "Largest error at which a bound is below the trivial one (L0), median": _useful(kinds)
        },
        figures={"bounds": _figure(kinds[_words((REWARDS, TRANSITIONS))])},
    )


def _kind(row: Row) -> str:
    return _words(row.job.task["pair"]["wrong"])


def _words(wrong: Sequence[str]) -> str:
    return " and ".join(wrong)


def _slopes(rows: Sequence[Row], name: str) -> list[float]:
    slopes = []
    for row in rows:
        errors, bounds = row.job.task["errors"][:N_SMALLEST], row.found[name][:N_SMALLEST]
        slopes.append(LinearFit(np.log(errors), np.log(bounds)).slope)
    return slopes


def _linear(name: str, exponents: Mapping[tuple[str, str], Any], n: int) -> Claim:
    own = {kind: found for (kind, rung), found in exponents.items() if rung == name}
    linear = [max(abs(x.low - 1), abs(x.high - 1)) <= NEAR_ONE for x in own.values()]
    said = "; ".join(
        f"{x.value:.3f} [{x.low:.3f}, {x.high:.3f}] ({kind})" for kind, x in own.items()
    )
    return Claim(
        text=f"{RUNGS[name]} ({name}) shrinks in proportion to the discrepancy",
        verdict="reproduced" if all(linear) else "partly" if any(linear) else "not",
        statistic=f"exponent, interquartile mean over {n // len(own)} pairs: {said}",
    )


def _ordered(rows: Sequence[Row]) -> Claim:
    L1, L3 = (np.array([row.found[name] for row in rows]) for name in ("L1", "L3"))
    n_wrong = int((L3 > L1).sum())
    return Claim(
        text="The bound by the metric is never above that by total variation (7)",
        verdict="not" if n_wrong else "reproduced",
        statistic=(
            f"above in {n_wrong} of {L1.size} twins; L3 / L1 median {np.median(L3 / L1):.2f}, from "
            f"{(L3 / L1).min():.2f} to {(L3 / L1).max():.2f}"
        ),
    )


def _above(rows: Sequence[Row]) -> Claim:
    regret, L1, L3 = (np.array([row.found[name] for row in rows]) for name in ("exact", "L1", "L3"))
    n_below = int((np.minimum(L1, L3) < regret).sum())
    lossy = regret > NOTHING
    return Claim(
        text="Both bounds of Theorem 1 are above the regret (7)",
        verdict="not" if n_below else "reproduced",
        statistic=(
            f"below in {n_below} of {regret.size} twins; where there is regret, in {lossy.sum()}, "
            f"L3 is {np.median(L3[lossy] / regret[lossy]) if lossy.any() else 0:.0f} times it at "
            "the median"
        ),
    )


def _useful(kinds: Mapping[str, Sequence[Row]]) -> list[dict[str, str]]:
    """Between two errors of the settings a bound is taken to follow a power of the error."""
    return [
        {"wrong": kind}
        | {
            name: _said(float(np.median([_crossing(row, name) for row in own])))
            for name in RUNGS
            if name not in ("L0", "exact")
        }
        for kind, own in kinds.items()
    ]


def _crossing(row: Row, name: str) -> float:
    """The error at which a bound reaches L0 from below; infinite where it never does."""
    errors = np.array(row.job.task["errors"])
    share = np.array(row.found[name]) / np.array(row.found["L0"])
    beyond = np.flatnonzero(share >= 1)
    if len(beyond) == 0:
        return float("inf")
    at = int(beyond[0])
    if at == 0:
        return 0.0
    ends, x = np.log(np.maximum(share[at - 1 : at + 1], 1e-300)), np.log(errors[at - 1 : at + 1])
    return float(np.exp(np.interp(0.0, ends, x)))


def _said(crossing: float) -> str:
    return "always" if np.isinf(crossing) else f"{crossing:.2g}" if crossing > 0 else "never"


def _figure(rows: Sequence[Row]) -> Figure:
    errors = rows[0].job.task["errors"]
    layers = []
    drawn = {name: words for name, words in RUNGS.items() if name != "L2"}
    for series, (name, words) in enumerate(drawn.items()):
        middle = np.median([row.found[name] for row in rows], axis=0)
        shown = middle > NOTHING
        layers.append(
            Layer(
                kind="line",
                x=np.array(errors)[shown].tolist(),
                y=middle[shown].tolist(),
                label=f"{name}: {words}" if name != "exact" else words,
                series=series,
            )
        )
    regret = np.array([row.found["exact"] for row in rows])
    return Figure(
        title="Bounds on the regret, as the twin gets better",
        alt=(
            f"Median bounds of {len(rows)} twins against the share by which they are wrong, both axes "
            "logarithmic: all but the gap-aware ones fall in proportion, those of Theorem 1 from far "
            f"above the trivial bound. {100 * (regret <= NOTHING).mean():.0f} % of the twins lose nothing."
        ),
        x_label="share of another model in the twin",
        y_label="median [reward units]",
        layers=tuple(layers),
        x_log=True,
        y_log=True,
    )


SHRINKING = Experiment(
    name="dt-bsm/shrinking",
    title="Theorem 1 by metric and by total variation, and the ladder, as the twin gets better",
    settings={"tiny": Settings.tiny(), "default": Settings(), "full": Settings.full()},
    jobs=jobs,
    run_job=shrunk,
    analyse=analyse,
)
"""Theorem 1 of the paper as the discrepancy shrinks."""
