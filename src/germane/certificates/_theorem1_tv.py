"""Rung L1: Theorem 1 of the paper in its total-variation form."""

from __future__ import annotations

import numpy as np

from ..mdp import FiniteMDP
from ..metrics import dt_bsm_tv, largest_reward_difference, total_variation
from ._bound import UNIT_ROUNDOFF, Bound, horizon, reward_size, round_up
from ._trivial import trivial


def theorem1_tv(real: FiniteMDP, twin: FiniteMDP, *, twin_regret: float = 0.0) -> Bound:
    r"""The second bound of Theorem 1, by total variation.

    .. math::
        \|V^*_{real} - V^\pi_{real}\| \le \frac{2}{(1 - \gamma)^2} \max_s d_{TV}(s, s)
            + \frac{1 + \gamma}{1 - \gamma} \|V^*_{twin} - V^\pi_{twin}\|

    Holds for every policy whose regret in the twin is at most ``twin_regret``. ``O(nnz)``. The parts
    split ``d_TV`` at the state and action that attain the maximum.

    Args:
        real, twin: both models.
        twin_regret: :math:`\epsilon \ge \|V^*_{twin} - V^\pi_{twin}\|` [reward units]; 0 for a
            policy that is optimal in the twin.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorem 1 (7), (36), (37), Lemma 5 (38).
    """
    gamma, H = real.gamma, horizon(real.gamma)
    worst = int(dt_bsm_tv(real, twin).argmax())
    gap = np.abs(real.r - twin.r)
    tv = total_variation(real, twin)
    factor = gamma * H * largest_reward_difference(real, twin)
    action = int((gap[worst] + factor * tv[worst]).argmax())
    longest = max(int(np.diff(mdp.transitions.indptr).max()) for mdp in (real, twin))
    scale = 2 * H * H
    parts = {
        "reward gap": scale * float(gap[worst, action]),
        "transition gap": scale * factor * float(tv[worst, action]),
        "training": (1 + gamma) * H * twin_regret,
    }
    # TV of rows in doubles is off by at most (6 n + 12) u: row sums, the sum, the entries given.
    tv_slack = scale * factor * (6 * longest + 12) * UNIT_ROUNDOFF
    size = sum(parts.values()) + scale * reward_size(real, twin)
    value = round_up(sum(parts.values()) + tv_slack, size, 32)
    return Bound(
        name="L1",
        title="Theorem 1, total variation",
        value=value,
        trivial=trivial(real).value,
        parts=parts,
    )
