"""Rung L6set: robust value iteration over every model as near to the twin as the real one is."""

from __future__ import annotations

import numpy as np

from ._best_row import best_in_tv_ball
from ._bound import Array, Bound, round_up
from ._comparison import Comparison
from ._fixed_point import fixed_point_above

MAX_SWEEPS = 2000
TOLERANCE = 1e-4
"""Sweeps stop once the bounds can fall by no more than this share of L0."""


def robust_set(c: Comparison) -> Bound:
    r"""The best optimum and the worst value of the policy over a rectangular set around the twin.

    .. math::
        V^* - V^\pi \le V_{up} - V_{low}^\pi \quad \text{over} \quad
        \{ |R - R'| \le \text{reward gap},\ TV(P, P') \le tv \} \text{ at each } (s, a)

    Needs magnitudes and the twin, not the real model; for every policy ``V_low`` runs over the worst
    mixture in each state. ``O(nnz log)`` a sweep, at most 2,000 sweeps, certain after any of them.
    Proof: the real model lies in the set, whose cells are independent (Iyengar; Nilim and El Ghaoui).
    The worst row moves mass ``tv`` from its lowest-valued successors to the best state. Never above L2.

    References:
        Iyengar, *Robust dynamic programming*, 2005; Nilim and El Ghaoui, 2005; Givan, Leach and
        Dean, *Bounded-parameter Markov decision processes*, 2000.
    """
    r = c.twin.r
    tol = TOLERANCE * c.trivial

    def best_q(v: Array) -> Array:
        return np.asarray(r + c.reward_gap + c.gamma * best_in_tv_ball(c.twin.transitions, v, c.tv))

    optimal = fixed_point_above(
        lambda v: np.asarray(best_q(v).max(axis=1)),
        c.v,
        c.gamma,
        c.slack,
        n_sweeps=MAX_SWEEPS,
        tol=tol,
    )
    # The worst value of v is minus the best of -v, with rewards negated.
    worst = fixed_point_above(
        lambda v: c.over_policies(
            -r + c.reward_gap + c.gamma * best_in_tv_ball(c.twin.transitions, v, c.tv)
        ),
        -c.v,
        c.gamma,
        c.slack,
        n_sweeps=MAX_SWEEPS,
        tol=tol,
    )
    per_state = np.maximum(optimal + worst, 0.0)
    per_state += round_up(0.0, float(np.abs(per_state).max()), 64)
    return Bound(
        name="L6set",
        title="Robust over the ball around the twin",
        value=float(per_state.max()),
        trivial=c.trivial,
        per_state=per_state,
    )
