"""Rungs L3, L3b and L3d: Theorem 1 of the paper with the bisimulation metric, and sharper forms."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidPolicy
from ..mdp import bellman_q, chain_value, induced_chain
from ..metrics import BisimulationMetric, row_wasserstein
from ._bound import Bound, round_up
from ._comparison import Comparison


def theorem1(c: Comparison, metric: BisimulationMetric) -> Bound:
    r"""Rung L3: the first bound of Theorem 1, by the DT-BSM.

    .. math:: \|V^* - V^\pi\| \le 2 H \max_s d(s, s) + (1 + \gamma) H\, eps

    Needs ``dt_bsm(real, twin)``, also one that was stopped early: its certain upper end is used. For
    every policy too. Its leading constant is attained.

    Raises:
        IncompatibleModels: ``metric`` is between other models.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorem 1 (7), Lemma 4 (32).
    """
    c.require_metric(metric)
    parts = {
        "model gap": 2 * c.H * metric.max_diagonal[1],
        "training": (1 + c.gamma) * c.H * c.eps,
    }
    total = sum(parts.values())
    return Bound(
        name="L3",
        title="Theorem 1, DT-BSM",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )


def theorem1_one_step(c: Comparison, metric: BisimulationMetric) -> Bound:
    r"""Rung L3b: Theorem 1 with the smallest coefficient of the training term.

    .. math:: \|V^* - V^\pi\| \le H (2 \max_s d(s, s) + \|g'\|) \le H (2 \max_s d(s, s) + eps)

    Needs what L3 needs. Proof: for a real-optimal action ``a``,
    :math:`V^* - Q^*(\pi) = [Q^* - Q'](a) + [Q'(a) - Q'(\pi)] + [Q' - Q^*](\pi) \le d(s, s) + g' + d(s, s)`;
    sum along the policy. Jointly tight in both terms. Never above L3 or L1b.

    Raises:
        IncompatibleModels: ``metric`` is between other models.
    """
    c.require_metric(metric)
    parts = {
        "model gap": 2 * c.H * metric.max_diagonal[1],
        "training": c.H * float(c.step_gap.max()),
    }
    total = sum(parts.values())
    return Bound(
        name="L3b",
        title="Theorem 1, one-step training term",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )


def theorem1_gap_aware(c: Comparison, metric: BisimulationMetric) -> Bound:
    r"""Rung L3d: Theorem 1 along the policy's own path, less what the twin's action gaps absorb.

    .. math::
        V^* - V^\pi \le (I - \gamma P_\pi)^{-1} h, \quad
        h(s) = \max_a \Big[ \sum_{a' \ne a} \pi(s, a') [b(s, a) + b(s, a') - Q'(s, a') + Q'(s, a)] \Big]^+,
        \quad b = |R - R'| + \gamma W_1(P, P'; d)

    Needs the metric and one policy; one transport for each state and action. Proof: as L3b, before the
    maximum is taken; ``a' = a`` contributes nothing. Zero when action gaps win. Never above L3b.

    Raises:
        InvalidPolicy: the comparison is for every policy.
        IncompatibleModels: ``metric`` is between other models.
    """
    if c.pi is None:
        raise InvalidPolicy("rung L3d is for one policy: the comparison has none")
    c.require_metric(metric)
    b = c.reward_gap + c.gamma * row_wasserstein(c.real, c.twin, metric.upper)
    q = bellman_q(c.twin, c.v)
    h = np.zeros(c.real.n_states)
    for a in range(c.real.n_actions):
        loss = b[:, [a]] + b - (q - q[:, [a]]) + 2 * c.gap_slack
        loss[:, a] = 0.0
        np.maximum(h, (c.pi * loss).sum(axis=1), out=h)
    P, _ = induced_chain(c.real, c.pi)
    (v, v_error), _ = chain_value(P, h, c.gamma, 1e-12 * c.trivial, n_mixed=c.real.n_actions)
    per_state = np.maximum(v, 0.0) + v_error
    return Bound(
        name="L3d",
        title="Theorem 1, gap-aware",
        value=round_up(float(per_state.max()), float(per_state.max()), 64),
        trivial=c.trivial,
        per_state=per_state,
    )
