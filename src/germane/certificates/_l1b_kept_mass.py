"""Rung L1b: the total-variation form with the mass that both rows share kept in place."""

from __future__ import annotations

from ._bound import Bound, round_up
from ._comparison import Comparison


def kept_mass(c: Comparison) -> Bound:
    r"""Theorem 1 by total variation, with Lemma 5 sharpened.

    .. math::
        \|V^* - V^\pi\| \le 2 H \max_{s, a} \frac{|R - R'| + \gamma H R_{\max} TV}{1 - \gamma + \gamma TV}
            + H \|g'\|

    Needs what L1 needs; also for every policy. ``O(nnz)``. Proof: Lemma 5 throws the share
    :math:`1 - TV` of mass that stays in place away; kept, the largest diagonal distance ``D`` obeys
    :math:`D \le |R - R'| + \gamma ((1 - TV) D + TV H R_{\max})` at some pair; solve for ``D`` and use
    the sharper Theorem 1 of L3b. Never above L1.

    References:
        The mechanism of Lobel and Parr, *An optimal tightness bound for the simulation lemma*,
        RLC 2024.
    """
    local = (c.reward_gap + c.gamma * c.H * c.r_max * c.tv) / (1 - c.gamma + c.gamma * c.tv)
    parts = {"model gap": 2 * c.H * float(local.max()), "training": c.H * float(c.step_gap.max())}
    total = sum(parts.values())
    return Bound(
        name="L1b",
        title="Total variation, shared mass kept",
        value=round_up(total, total * c.H, 64),
        trivial=c.trivial,
        parts=parts,
    )
