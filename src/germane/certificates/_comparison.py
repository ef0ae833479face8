r"""What the rungs of the ladder have in common: two models, a policy, and the twin's value.

Notation of the rungs: ``v`` the twin's optimal value :math:`V'`, ``gap(s, a)`` the twin's action gaps
:math:`V'(s) - Q'(s, a)`, ``eps`` the policy's regret in the twin, :math:`g'` its one-step gap
:math:`g'(s) = \sum_a \pi(s, a) gap(s, a) \le eps`, ``H`` the horizon :math:`1 / (1 - \gamma)`. What is
named here is an upper bound of what the theory names so, rounding included, unless it says otherwise.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..errors import IncompatibleModels, InvalidParameter
from ..mdp import (
    UNIT_ROUNDOFF,
    FiniteMDP,
    Solution,
    bellman_q,
    horizon,
    policy_probabilities,
    require_comparable,
    solve,
)
from ..metrics import BisimulationMetric, largest_reward_difference, total_variation
from ._bound import Array, reward_size, round_up
from ._regret_interval import RELATIVE_TOLERANCE, RegretInterval, regret_interval


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """A real model, its twin, and a policy, or how good a policy is in the twin.

    Args:
        real, twin: models with the same states, actions and discount.
        policy: ``(S,)`` actions or ``(S, A)`` probabilities; ``None`` for every policy, stochastic
            ones too, whose regret in the twin is at most ``twin_regret``.
        twin_regret: that regret [reward units], 0 by default: policies that are optimal in the twin.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.
        InvalidPolicy: ``policy`` is not a policy of these models.
        InvalidParameter: ``twin_regret`` is negative or not finite, or given beside a policy.
    """

    real: FiniteMDP
    twin: FiniteMDP
    policy: ArrayLike | None = None
    twin_regret: float | None = None

    def __post_init__(self) -> None:
        require_comparable(self.real, self.twin, same_states=True)
        given = self.twin_regret
        if self.policy is not None and given is not None:
            raise InvalidParameter("give a policy or its twin_regret, not both")
        if given is not None and not (math.isfinite(given) and given >= 0):
            raise InvalidParameter(f"twin_regret must be finite and >= 0; got {given}")

    @cached_property
    def pi(self) -> Array | None:
        """``(S, A)`` probabilities of the policy; ``None`` for every policy."""
        return None if self.policy is None else policy_probabilities(self.real, self.policy)

    @property
    def gamma(self) -> float:
        return self.real.gamma

    @cached_property
    def H(self) -> float:
        """``1 / (1 - gamma)``."""
        return horizon(self.gamma)

    @cached_property
    def trivial(self) -> float:
        """The bound L0, :math:`H (\\max R - \\min R)`."""
        r = self.real.r
        return round_up(self.H * float(r.max() - r.min()), self.H * reward_size(self.real))

    @cached_property
    def reward_gap(self) -> Array:
        """``(S, A)`` :math:`|R(s, a) - R'(s, a)|`."""
        return np.abs(self.real.r - self.twin.r) + 4 * UNIT_ROUNDOFF * self._reward_size

    @cached_property
    def tv(self) -> Array:
        """``(S, A)`` total variation between the rows of the two models."""
        return np.minimum(total_variation(self.real, self.twin) + self.tv_slack, 1.0)

    @property
    def tv_slack(self) -> float:
        """How far a computed total variation may be off."""
        return (6 * self._longest_row + 12) * UNIT_ROUNDOFF

    @cached_property
    def r_max(self) -> float:
        """``Rmax``, the largest :math:`|R(i, a) - R'(j, a)|` over states ``i, j`` and actions."""
        return (
            largest_reward_difference(self.real, self.twin) + 4 * UNIT_ROUNDOFF * self._reward_size
        )

    @cached_property
    def planned(self) -> Solution:
        """The twin's optimal value, as computed, with its error bound."""
        return solve(self.twin, tol=RELATIVE_TOLERANCE * self._twin_range)

    @property
    def v(self) -> Array:
        """``(S,)`` the twin's optimal value as computed; a fixed function to the residual rungs."""
        return self.planned.v

    @cached_property
    def span(self) -> float:
        """:math:`sp(V') = \\max V' - \\min V'`."""
        return (
            float(self.v.max() - self.v.min()) + 2 * self.planned.error_bound + self.slack(self.v)
        )

    @cached_property
    def gap(self) -> Array:
        """``(S, A)`` the twin's action gaps :math:`V'(s) - Q'(s, a)`, as *lower* bounds."""
        return self.v[:, None] - bellman_q(self.twin, self.v) - self.gap_slack

    @cached_property
    def gap_slack(self) -> float:
        """How far a computed action gap may be off; ``gap + 2 * gap_slack`` is an upper bound."""
        return 2 * self.planned.error_bound + self.slack(self.v)

    @cached_property
    def in_twin(self) -> RegretInterval | None:
        """The regret of the policy in the twin; ``None`` for every policy."""
        return None if self.pi is None else regret_interval(self.twin, self.pi)

    @cached_property
    def eps(self) -> float:
        """The policy's regret in the twin, :math:`\\|V'^* - V'^\\pi\\|`."""
        return self.in_twin.upper if self.in_twin is not None else float(self.twin_regret or 0.0)

    @cached_property
    def step_gap(self) -> Array:
        """``(S,)`` :math:`g'(s) = V'(s) - Q'(s, \\pi(s)) \\ge 0`, at most ``eps``."""
        if self.pi is None:
            return np.full(self.real.n_states, self.eps)
        computed = (self.pi * self.gap).sum(axis=1) + 2 * self.gap_slack
        return np.asarray(np.clip(computed, 0.0, self.eps))

    def require_metric(self, metric: BisimulationMetric) -> None:
        """Refuses a metric that is not between these two models.

        Raises:
            IncompatibleModels: it was computed for others.
        """
        if metric.models != (self.real.fingerprint(), self.twin.fingerprint()):
            raise IncompatibleModels("the metric given is not the one between these two models")

    def residual(self, w: Array) -> tuple[Array, float]:
        """``(S, A)`` :math:`T_a w - w` in the real model, and how far it may be off by rounding."""
        return bellman_q(self.real, w) - w[:, None], self.slack(w)

    def mismatch(self) -> tuple[Array, float]:
        """``(S, A)`` :math:`e = T_a V' - Q'(\\cdot, a)`, and how far it may be off."""
        e = bellman_q(self.real, self.v) - bellman_q(self.twin, self.v)
        return e, 2 * self.slack(self.v) + 2 * self.gamma * self.planned.error_bound

    def over_policies(self, x: Array) -> Array:
        r"""``(S,)`` the largest :math:`\sum_a \pi(s, a) x(s, a)` that the policy, or one, may have.

        For every policy, the maximum of a linear program in each state: mixtures with
        :math:`\sum_a \pi(a) gap(s, a) \le eps`. By duality it is the least value over
        :math:`\lambda \ge 0` of :math:`\max_a x(a) - \lambda (gap(a) - eps)`, a convex piecewise linear
        function with its corners at differences of two actions; any :math:`\lambda` gives an upper
        bound, so rounding can only loosen it.
        """
        if self.pi is not None:
            return np.asarray((self.pi * x).sum(axis=1))
        excess = self.gap - self.eps
        best = x.max(axis=1)
        for a in range(x.shape[1]):
            for b in range(a):
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    slope = (x[:, a] - x[:, b]) / (excess[:, a] - excess[:, b])
                slope = np.where(np.isfinite(slope) & (slope > 0), slope, 0.0)
                best = np.minimum(best, (x - slope[:, None] * excess).max(axis=1))
        return np.asarray(best + 8 * UNIT_ROUNDOFF * np.abs(x).max(axis=1))

    @cached_property
    def _longest_row(self) -> int:
        return max(int(np.diff(m.transitions.indptr).max()) for m in (self.real, self.twin))

    @cached_property
    def _reward_size(self) -> float:
        return reward_size(self.real, self.twin)

    @property
    def _twin_range(self) -> float:
        return float(self.twin.r.max() - self.twin.r.min()) * self.H

    def slack(self, w: Array) -> float:
        """How far one Bellman backup of ``w``, less ``w``, mixed over actions, is off in doubles."""
        terms = 6 * self._longest_row + 4 * self.real.n_actions + 20
        return terms * UNIT_ROUNDOFF * (self._reward_size + 2 * float(np.abs(w).max()))


def policy_fingerprint(pi: Array) -> str:
    """SHA-256 of ``(S, A)`` probabilities; a deterministic policy has that of its stochastic form."""
    return hashlib.sha256(pi.astype("<f8").tobytes()).hexdigest()
