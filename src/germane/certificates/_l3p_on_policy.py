"""Rung L3p: the metric for the optimum, the on-policy metric for the policy."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidPolicy
from ..mdp import FiniteMDP, induced_chain
from ..metrics import BisimulationMetric, dt_bsm
from ._bound import Bound, round_up
from ._comparison import Comparison


def on_policy_metric(c: Comparison, metric: BisimulationMetric) -> Bound:
    r"""Optimal values compared by the DT-BSM, the policy's values by the DT-BSM of its two chains.

    .. math:: \|V^* - V^\pi\| \le \max_s \{ d(s, s) + t(s) + d^\pi(s, s) \}

    Needs the metric and one policy, and computes the second metric; ``t`` is the policy's regret in
    the twin. Proof: :math:`|V^* - V'|(s) \le d(s, s)` and :math:`|V'^\pi - V^\pi|(s) \le d^\pi(s, s)`
    (Corollary 1, the second time with one action). No factor :math:`2 H`. Incomparable with L3,
    which ignores ties.

    Raises:
        InvalidPolicy: the comparison is for every policy.
        IncompatibleModels: ``metric`` is between other models.
    """
    if c.pi is None or c.in_twin is None:
        raise InvalidPolicy("rung L3p is for one policy: the comparison has none")
    c.require_metric(metric)
    chains = []
    for model in (c.real, c.twin):
        P, r = induced_chain(model, c.pi)
        chains.append(FiniteMDP(P, r[:, None], c.gamma))
    policy_metric = dt_bsm(*chains)
    # Rounding of the mixed chains: a few units on rewards and rows, over the horizon.
    rounding = 2 * c.slack(c.v) * c.H
    per_state = (
        metric.upper.diagonal() + c.in_twin.per_state + policy_metric.upper.diagonal() + rounding
    )
    return Bound(
        name="L3p",
        title="DT-BSM and on-policy DT-BSM",
        value=round_up(float(per_state.max()), float(np.abs(per_state).max()), 64),
        trivial=c.trivial,
        per_state=per_state,
    )
