r"""Rungs S4 and S8: robust value iteration over every model that the log allows.

Both are one recursion. For a fixed function ``w`` let ``low`` and ``high`` hold the real residuals
:math:`T_a w - w`, and let :math:`C(s, a)` hold the real rows. Then

.. math::
    U(s) = \max_a \big[ high(s, a) + \gamma \max_{q \in C(s, a)} q \cdot U \big] \ge V^* - w, \quad
    L(s) = -low(s, \pi(s)) + \gamma \max_{q \in C(s, \pi(s))} q \cdot L \ge w - V^\pi,

and :math:`V^* - V^\pi \le U + L` in every state. With :math:`w = 0` the residuals are the rewards (S4); with
the twin's value they are small where the twin is good, and so is what the sets multiply (S8).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._bound import Array, Bound, round_up
from ._fixed_point import fixed_point_above
from ._sampled_comparison import SampledComparison

MAX_SWEEPS = 2000
TOLERANCE = 1e-4
"""Sweeps stop once the bounds can fall by no more than this share of S0."""


def sampled_robust(c: SampledComparison) -> Bound:
    """Rung S4: the best optimum and the worst value of the policy over all models that the log allows.

    It needs no twin, but for the shape of the balls. At most 2,000 sweeps of ``O(nnz)``, certain after
    any of them; tends to the exact regret as the log grows.

    References:
        Iyengar, *Robust dynamic programming*, 2005; Nilim and El Ghaoui, 2005; Filippi, Cappe and
        Garivier, *Optimism in reinforcement learning and Kullback-Leibler divergence*, 2010.
    """
    optimum, shortfall = excess(c, c.reward_high), shortfall_of_policy(c, c.reward_low)
    return _bound(c, optimum + shortfall, "S4", "Robust over the models the log allows")


def sampled_value_aware(c: SampledComparison) -> Bound:
    """Rung S8: the same recursion for the difference to the twin's value (Theorem E).

    The leading term is that of S3, free of dimension, or what rewards and laws say of it where that is
    less; the sets multiply differences alone. Never above
    S3, but for rounding; tends to the exact regret as the log grows. Cost as for S4.

    References:
        Zhang, Zhou and Ji, *Almost optimal model-free reinforcement learning via
        reference-advantage decomposition*, 2020, for the idea of a reference value.
    """
    low, high = c.robust_residuals
    optimum, shortfall = excess(c, high), shortfall_of_policy(c, low)
    return _bound(c, optimum + shortfall, "S8", "Robust around the twin's value, from samples")


def excess(c: SampledComparison, high: Array) -> Array:
    """``(S,)`` upper bounds of ``V* - w``, from those of the residuals of ``w``."""
    return swept(c, lambda u: np.asarray((high + c.gamma * c.best(u)).max(axis=1)), high.max())


def shortfall_of_policy(c: SampledComparison, low: Array) -> Array:
    """``(S,)`` upper bounds of ``w - V^pi``, from the lower bounds of the residuals of ``w``."""
    return swept(c, lambda v: c.over_policies(-low + c.gamma * c.best(v)), -low.min())


def swept(c: SampledComparison, operator: Callable[[Array], Array], most: float) -> Array:
    """``(S,)`` upper bounds of the operator's fixed point, from the constant that certainly is one."""
    extra = c.slack(c.v)
    return fixed_point_above(
        operator,
        np.full(c.twin.n_states, c.H * float(most)),
        c.gamma,
        lambda v: c.slack(v) + extra,
        n_sweeps=MAX_SWEEPS,
        tol=TOLERANCE * c.trivial,
    )


def _bound(c: SampledComparison, per_state: Array, name: str, title: str) -> Bound:
    per_state = np.maximum(per_state, 0.0)
    per_state += round_up(0.0, float(per_state.max()), 64)
    return Bound(
        name=name,
        title=title,
        value=float(per_state.max()),
        trivial=c.trivial,
        per_state=per_state,
    )
