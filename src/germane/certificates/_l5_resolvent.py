"""Rungs L5r, L5* and L5(k): residuals of the twin's value carried along real transitions."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidPolicy
from ..mdp import bellman_q, chain_value, induced_chain
from ..metrics import row_total_variation
from ._bound import Array, Bound, round_up
from ._comparison import Comparison
from ._fixed_point import fixed_point_above


def residual_resolvent(c: Comparison) -> Bound:
    r"""Rung L5r: L4s with the policy's half solved exactly.

    .. math::
        V^* - V^\pi \le H \max_s (T V' - V')(s) + (I - \gamma P_\pi)^{-1} (V' - T_\pi V')

    Needs the real model and one policy: one linear solve. Proof: the second half is an identity.
    Never above L4s.

    Raises:
        InvalidPolicy: the comparison is for every policy.
    """
    pi = _policy(c, "L5r")
    residual, slack = c.residual(c.v)
    optimum = c.H * (float(residual.max()) + slack)
    per_state = np.maximum(optimum + _carried(c, (pi * -residual).sum(axis=1) + slack), 0.0)
    return _per_state("L5r", "Residual, carried along the policy", per_state, c)


def residual_gap_aware(c: Comparison) -> Bound:
    r"""Rung L5*: the smaller, state by state, of L5r and the gap-aware L5g.

    .. math::
        V^* - V^\pi \le (I - \gamma P_\pi)^{-1} h, \quad
        h(s) = \max_a \Big[ \sum_{a'} \pi(s, a')
            \big( T_a V' - T_{a'} V' + \gamma\, TV(P_a, P_{a'})\, H\, sp(T V' - V') \big) \Big]^+

    Needs the real model and one policy. Proof: :math:`Q^*(a) - Q^*(a') = T_a V' - T_{a'} V' +
    \gamma (P_a - P_{a'}) (V^* - V')`, and :math:`V^* - V'` lies between :math:`H \min` and
    :math:`H \max` of :math:`T V' - V'`. It is exactly 0, up to rounding, when real action gaps dominate.
    Never above L5r.

    Raises:
        InvalidPolicy: the comparison is for every policy.
    """
    pi = _policy(c, "L5*")
    residual, slack = c.residual(c.v)
    improvement = residual.max(axis=1)
    spread = c.H * (float(improvement.max() - improvement.min()) + 2 * slack)
    S, A = pi.shape
    P = c.real.transitions
    loss = np.zeros((S, A))  # [a]: what the policy loses against action a in one step
    for played in range(A):
        weight = pi[:, played]
        if not weight.any():
            continue
        against = P[np.repeat(np.arange(S) * A + played, A)]
        tv = row_total_variation(P, against).reshape(S, A) + c.tv_slack
        tv[:, played] = 0.0
        apart = residual - residual[:, [played]] + 2 * slack
        apart[:, played] = 0.0
        loss += weight[:, None] * (apart + c.gamma * tv * spread)
    h = np.maximum(loss.max(axis=1), 0.0)
    gap_aware = np.maximum(_carried(c, h), 0.0)
    resolvent = residual_resolvent(c).per_state
    assert resolvent is not None
    return _per_state("L5*", "Residual, gap-aware", np.minimum(gap_aware, resolvent), c)


def real_sweeps(c: Comparison, n_sweeps: int = 3) -> Bound:
    r"""Rung L5(k): MacQueen-Porteus bounds after ``k`` real Bellman sweeps from the twin's value.

    :math:`V^* \le T^{j+1} V' + \frac{\gamma}{1 - \gamma} \max (T^{j+1} V' - T^j V')` for every
    :math:`j \le k`, and the mirror image for the policy. Needs the real model; for every policy the
    sweeps run over the worst mixture in each state. ``O((k + 1) nnz)``. Falls with ``k``, to the exact
    regret. Never above L4s.
    """
    per_state = swept_regret(c, n_sweeps=n_sweeps)
    return _per_state(f"L5({n_sweeps})", f"Bounds after {n_sweeps} real sweeps", per_state, c)


def swept_regret(c: Comparison, *, n_sweeps: int, tol: float = 0.0) -> Array:
    """``(S,)`` bounds on the regret after sweeps of the real model from the twin's value.

    Both halves, the optimum's and the policy's (or the worst policy's), hold after any number of
    sweeps; each stops once it can fall by no more than ``tol``.
    """
    optimal = fixed_point_above(
        lambda v: np.asarray(bellman_q(c.real, v).max(axis=1)),
        c.v, c.gamma, c.slack, n_sweeps=n_sweeps, tol=tol,
    )  # fmt: skip
    worst = fixed_point_above(
        lambda v: c.over_policies(-bellman_q(c.real, -v)),
        -c.v, c.gamma, c.slack, n_sweeps=n_sweeps, tol=tol,
    )  # fmt: skip
    return np.asarray(np.maximum(optimal + worst, 0.0))


def _policy(c: Comparison, name: str) -> Array:
    if c.pi is None:
        raise InvalidPolicy(f"rung {name} is for one policy: the comparison has none")
    return c.pi


def _carried(c: Comparison, h: Array) -> Array:
    """``(I - gamma P_pi)^-1 h`` in the real model, rounded up."""
    P, _ = induced_chain(c.real, _policy(c, "L5"))
    (v, error), _ = chain_value(P, h, c.gamma, 1e-12 * c.trivial, n_mixed=c.real.n_actions)
    return np.asarray(v + error)


def _per_state(name: str, title: str, per_state: Array, c: Comparison) -> Bound:
    rounded = per_state + round_up(0.0, float(np.abs(per_state).max()), 64)
    return Bound(
        name=name, title=title, value=float(rounded.max()), trivial=c.trivial, per_state=rounded
    )
