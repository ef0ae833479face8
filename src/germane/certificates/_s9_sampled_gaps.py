"""Rung S9: only an action that may be better than the policy's can cost anything."""

from __future__ import annotations

import numpy as np

from ._bound import Bound, round_up
from ._s8_robust import excess, swept
from ._sampled_comparison import SampledComparison


def sampled_gaps(c: SampledComparison) -> Bound:
    r"""Rung S9: the regret by action gaps, over all models that the log allows.

    .. math::
        h(s) = \max_a \sum_{b \ne a} \pi(s, b) \big[ high(s, a) + \gamma \max_{q \in C(s, a)} q \cdot U
            - low(s, b) + \gamma \max_{q \in C(s, b)} q \cdot L^* \big], \quad
        r(s) = h(s)^+ + \gamma \max_{q \in C(s, \pi(s))} q \cdot r

    with :math:`U \ge V^* - V'` of S8 and :math:`L^* \ge V' - V^*` likewise. Zero where the log shows that
    the policy's action is the best in every state. Cost as for S8, times ``A`` once. Proof:
    :math:`Q^*(a) - Q^*(b) = T_a V' - T_b V' + \gamma P_a (V^* - V') + \gamma P_b (V' - V^*)`, and the
    regret is the mean of such gaps, discounted along the policy.
    """
    low, high = c.robust_residuals
    nearest = swept(c, lambda v: np.asarray((-low + c.gamma * c.best(v)).min(axis=1)), -low.min())
    upper = high + c.gamma * c.best(excess(c, high))
    lower = low - c.gamma * c.best(nearest)
    rounding = 2 * (c.slack(c.v) + c.slack(nearest))
    h = np.zeros(c.twin.n_states)
    for a in range(c.twin.n_actions):
        gap = upper[:, a, None] - lower + rounding
        gap[:, a] = 0.0
        np.maximum(h, c.over_policies(gap), out=h)
    most = float(h.max())
    if most == 0.0:
        per_state = h
    else:
        per_state = swept(c, lambda r: h + c.over_policies(c.gamma * c.best(r)), most)
        per_state = per_state + round_up(0.0, float(np.abs(per_state).max()), 64)
    return Bound(
        name="S9",
        title="Action gaps at the twin's value, from samples",
        value=float(per_state.max()),
        trivial=c.trivial,
        per_state=per_state,
    )
