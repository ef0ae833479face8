"""Trials of the certificates from samples: a network, a twin that is wrong, a log, and the truth.

In the two small settings the certificates are nearly tight: all that matters is known well but for one
pair, which is better than the policy's and seldom tried. Random networks hardly ever come near their
bounds. Used by the tests of the certificates and by ``benchmarks/bench_samples.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from families import Pair, admission, dense, garnet, power
from germane.certificates import (
    Bound,
    Comparison,
    SampledComparison,
    exact,
    sampled_gaps,
    sampled_residual,
    sampled_robust,
    sampled_theorem1_tv,
    sampled_value_aware,
    sampled_value_span,
)
from germane.logs import EstimatedMDP, RectangularSet, l1_radius
from germane.mdp import FiniteMDP, Solution, bellman_q, solve
from germane.metrics import total_variation
from oracles import optimal_value_by_improvement, policy_value_by_solving
from simulated import Field, Log

Array = NDArray[np.float64]
Rng = np.random.Generator

RUNGS = (
    sampled_theorem1_tv,
    sampled_value_span,
    sampled_residual,
    sampled_robust,
    sampled_value_aware,
    sampled_gaps,
)
LEAST = "least"
"""The smallest of all rungs: what a certificate leads with."""
OTHER_ALPHA = 0.02
ROUNDING = 1e-9
"""By how much the references may be off, as a share of the trivial bound."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Setting:
    """A network and a twin, and how logs of it are made.

    Args:
        real: the network in the field.
        twin: its twin; where ``twin_visits`` is given, what the twin is drawn from.
        n_visits: ``(S, A)`` visits, for fixed counts.
        n_steps: length of a trajectory.
        twin_visits: visits of each pair from which every trial estimates a twin of its own.
        other_visits: visits of each pair in another log, from which every trial makes a set to be given,
            which fails with probability ``OTHER_ALPHA``.
        from_log: whether the policy is the best for the very log that certifies it.
        twin_regret: instead of one policy, all that lose no more in the twin.
        options: of :class:`germane.certificates.SampledComparison`.
    """

    real: Field
    twin: FiniteMDP
    n_visits: ArrayLike
    n_steps: int
    twin_visits: int | None = None
    other_visits: int | None = None
    from_log: bool = False
    twin_regret: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def planned(self) -> Solution:
        """The twin's optimal value and policy."""
        return solve(self.twin)

    @cached_property
    def behaviour(self) -> Array:
        """``(S, A)`` the twin's best action, or in one step of five any."""
        S, A = self.twin.r.shape
        return 0.8 * np.eye(A)[self.planned.policy] + np.full((S, A), 0.2 / A)

    def comparison(self, log: EstimatedMDP, rng: Rng, confidence: float) -> SampledComparison:
        """The log against the twin and its policy, or against those of this trial."""
        twin, policy = self.twin, self.planned.policy
        if self.twin_visits is not None:
            twin = Field(self.twin).sampled(rng, self.twin_visits).mdp
            policy = solve(twin).policy
        if self.from_log:
            policy = solve(log.mdp).policy
        return SampledComparison(
            real=log.mdp,
            twin=twin,
            policy=policy if self.twin_regret is None else None,
            twin_regret=self.twin_regret,
            estimate=log,
            confidence=confidence,
            within=() if self.other_visits is None else (self._other_set(rng),),
            **self.options,
        )

    def _other_set(self, rng: Rng) -> RectangularSet:
        log = self.real.sampled(rng, self.other_visits)
        S, pairs = self.twin.n_states, self.twin.r.size
        tv = l1_radius(log.n_visits, S, OTHER_ALPHA / pairs, fixed=True) / 2
        return RectangularSet(
            centre=log.mdp, tv=tv, reward_gap=np.inf, alpha=OTHER_ALPHA, why="another log"
        )

    def regret(self, c: SampledComparison) -> Array:
        """``(S,)`` true regret of the policy; ``(1,)`` the worst of every policy, where there is none."""
        real = self.real.mdp
        if c.pi is not None:  # by dense solves, which share no code with the library
            return optimal_value_by_improvement(real) - policy_value_by_solving(real, c.pi)
        known = Comparison(real=real, twin=c.twin, twin_regret=self.twin_regret)
        return np.array([exact(known).value])


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of one log.

    Attributes:
        shares: bound over regret of each rung, and of the least; infinite where the regret is 0.
        below: whether it was below the regret, in some state; the least, if any rung was.
        failed: whether the intervals of each family missed the truth, at some pair.
    """

    shares: Mapping[str, float]
    below: Mapping[str, bool]
    failed: Mapping[str, bool]


def tightest(c: SampledComparison, real: FiniteMDP) -> SampledComparison:
    """The same with every interval as short as it can be: from what was seen to the truth.

    Nothing is left to chance then: no bound may be below the regret.
    """
    off = ROUNDING * c.trivial

    def between(seen: Array, truth: Array) -> tuple[Array, Array]:
        return np.minimum(seen, truth) - off, np.maximum(seen, truth) + off

    made, v = replace(c), c.v[:, None]
    made.__dict__["_residuals"] = between(bellman_q(c.real, c.v) - v, bellman_q(real, c.v) - v)
    made.__dict__["_rewards"] = between(c.real.r, real.r)
    made.__dict__["kl"] = relative_entropy(c, real) + ROUNDING
    made.__dict__["tv"] = total_variation(real, c.twin) + ROUNDING
    return made


def relative_entropy(c: SampledComparison, real: FiniteMDP) -> Array:
    """``(S, A)`` relative entropy of the frequencies to the true laws."""
    P, seen = real.transitions.toarray(), c.frequencies.toarray()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(seen > 0, seen * np.log(seen / P), 0.0).sum(axis=1).reshape(real.r.shape)


def trial(
    x: Setting, mode: str, rng: Rng, confidence: float, *, as_tight_as_can_be: bool = False
) -> Trial:
    """One log of the setting, its certificates, and the truth; on request with :func:`tightest`."""
    c = x.comparison(MODES[mode](x, rng), rng, confidence)
    if as_tight_as_can_be:
        c = tightest(c, x.real.mdp)
    regret, off = x.regret(c), ROUNDING * c.trivial
    bounds = [rung(c) for rung in RUNGS]
    below = {b.name: _below(b, regret - off) for b in bounds}
    least = min(b.value for b in bounds)
    values = {b.name: b.value for b in bounds} | {LEAST: least}
    worst = float(regret.max())
    return Trial(
        shares={name: value / worst if worst > off else np.inf for name, value in values.items()},
        below=below | {LEAST: any(below.values())},
        failed=failed(c, x.real.mdp),
    )


def _below(bound: Bound, regret: Array) -> bool:
    per_state = bound.per_state
    if per_state is None or len(per_state) != len(regret):
        return bool(bound.value < regret.max())
    return bool((per_state < regret).any())


def failed(c: SampledComparison, real: FiniteMDP) -> dict[str, bool]:
    """Whether each family of intervals in the ledger misses the truth at some pair."""
    off = ROUNDING * c.trivial

    def misses(low: Array, high: Array, truth: Array) -> bool:
        return bool(((truth < low - off) | (truth > high + off)).any())

    residual = bellman_q(real, c.v) - c.v[:, None]
    return {
        "look-ahead means": misses(c.residual_low, c.residual_high, residual),
        "laws": bool((relative_entropy(c, real) > c.kl + ROUNDING).any()),
        "reward means": misses(c.reward_low, c.reward_high, real.r),
        "total variation": bool((total_variation(real, c.twin) > c.tv + ROUNDING).any()),
    }


def arm() -> Setting:
    """One state, two arms that pay 0 or 1: the policy pulls the worse, which is known well."""
    P = np.ones((1, 2, 1))
    return Setting(
        real=Field(FiniteMDP(P, [[0.2, 0.5]], 0.5), (0.0, 1.0)),
        twin=FiniteMDP(P, [[0.45, 0.4]], 0.5),
        n_visits=[[1_000_000, 60]],
        n_steps=1500,
    )


def gate() -> Setting:
    """A poor state and a rich one; the gate to the rich one that the policy leaves closed opens more."""
    r = [[0.0, 0.0], [1.0, 0.5]]
    stays = [[0.5, 0.5]] * 2

    def opens(*chances: float) -> FiniteMDP:
        return FiniteMDP([[[1 - p, p] for p in chances], stays], r, 0.5)

    return Setting(
        real=Field(opens(0.2, 0.5)),
        twin=opens(0.3, 0.1),
        n_visits=[[1_000_000, 60], [1_000_000, 1_000_000]],
        n_steps=3000,
        options={"known_rewards": True},
    )


def _setting(
    family: Callable[..., Pair],
    seed: int,
    error: float,
    size: Mapping[str, int],
    *,
    noisy: bool = False,
    n_most: int = 1000,
    **more: Any,
) -> Setting:
    """A pair of a family; visits up to ``n_most``; noisy rewards are 0.1 beyond one end or the other."""
    rng = np.random.default_rng(seed)
    real, twin = family(rng, 0.9, error, **size)
    ends = (float(real.r.min()) - 0.1, float(real.r.max()) + 0.1)
    return Setting(
        real=Field(real, ends if noisy else None),
        twin=twin,
        n_visits=rng.integers(n_most // 20, n_most, real.r.shape),
        n_steps=3 * n_most,
        **more,
    )


SMALL = {"S": 4, "A": 2}
SETTINGS: dict[str, Setting] = {
    "arm": arm(),
    "gate": gate(),
    "gate, never tried, and a set": replace(
        gate(), n_visits=[[1_000_000, 0], [1_000_000, 1_000_000]], other_visits=300
    ),
    "dense": _setting(dense, 110, 0.4, SMALL, noisy=True),
    "garnet, known support": _setting(
        garnet, 241, 0.4, {"S": 6, "A": 2, "k": 2}, options={"known_support": True}
    ),
    "admission": _setting(admission, 124, 0.4, {"capacity": 3}),
    "power": _setting(power, 209, 0.4, {"places": 2}, noisy=True),
    "dense, sampled twin": _setting(dense, 93, 0.4, SMALL, noisy=True, twin_visits=30),
    "dense, policy of the log": _setting(dense, 124, 0.4, SMALL, n_most=100, from_log=True),
    "dense, every policy": _setting(dense, 30, 0.4, SMALL, noisy=True, twin_regret=0.3),
}
"""The seeds are those, of the first 300, whose twins mislead most."""


def _trajectory(x: Setting, rng: Rng) -> Log:
    return x.real.rolled_out(rng, x.behaviour, x.n_steps)


def _cut_at_best(x: Setting, rng: Rng) -> EstimatedMDP:
    log = _trajectory(x, rng)
    return log.cut(log.best_looking(x.planned.policy, x.planned.v, x.n_steps // 10))


def _cut_at_worst(x: Setting, rng: Rng) -> EstimatedMDP:
    log = _trajectory(x, rng)
    return log.cut(log.furthest_from_truth(x.planned.policy, x.planned.v, x.n_steps // 10))


MODES: dict[str, Callable[[Setting, Rng], EstimatedMDP]] = {
    "fixed counts": lambda x, rng: x.real.sampled(rng, x.n_visits),
    "trajectory": lambda x, rng: _trajectory(x, rng).cut(x.n_steps),
    "cut where the bound is least": _cut_at_best,
    "cut where the log errs most": _cut_at_worst,
}
"""How a log comes about: two fair ways, and two in which somebody watches it and cuts it."""
