"""Rungs L2 and L2s: magnitudes weighted by how much the twin's value varies."""

from __future__ import annotations

import numpy as np

from ._bound import Bound, round_up
from ._comparison import Comparison


def value_span(c: Comparison) -> Bound:
    r"""Rung L2: a difference of rows matters as far as the twin's value varies.

    .. math:: \|V^* - V^\pi\| \le 2 H \max_{s, a} \{ |R - R'| + \gamma\, TV\, sp(V') \} + H \|g'\|

    Needs magnitudes and the twin; also for every policy. ``O(nnz)``. Proof:
    :math:`|(P - P') V'| \le TV\, sp(V')`, so this is L4 with its mismatch bounded. Never above L1.
    """
    local = c.reward_gap + c.gamma * c.tv * c.span
    parts = {"model gap": 2 * c.H * float(local.max()), "training": c.H * float(c.step_gap.max())}
    total = sum(parts.values())
    return Bound(
        name="L2",
        title="Total variation times the twin's span",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )


def value_span_signed(c: Comparison) -> Bound:
    r"""Rung L2s: L2 with the signs of the reward error and the twin's action gaps kept.

    .. math::
        \|V^* - V^\pi\| \le H \Big\{ \max_{s, a} [R - R' + \gamma\, TV\, sp(V') - gap']^+
            + \max_s [g' - (R - R')_\pi + \gamma\, TV_\pi\, sp(V')]^+ \Big\}

    Needs magnitudes, signed reward errors and the twin; for every policy the second maximum is a
    linear program in each state. ``O(nnz)``. Proof: L4s with each row's mismatch bounded. Never
    above L2.
    """
    signed, width = c.real.r - c.twin.r, c.gamma * c.tv * c.span
    rounding = c.reward_gap - np.abs(signed)
    optimum = (signed + width - c.gap + rounding).max()
    # The widened gap, because the policy loses what an upper bound of its gap says.
    policy = c.over_policies(c.gap - signed + width + rounding).max() + 2 * c.gap_slack
    parts = {
        "optimum": c.H * max(float(optimum), 0.0),
        "policy": c.H * max(float(policy), 0.0),
    }
    total = sum(parts.values())
    return Bound(
        name="L2s",
        title="The same, signed",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )
