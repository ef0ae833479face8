"""Rung L1c: a two-sided simulation lemma; the best bound from magnitudes alone."""

from __future__ import annotations

from ._bound import Bound, reward_size, round_up
from ._comparison import Comparison


def two_sided_simulation(c: Comparison) -> Bound:
    r"""The values of the optimum and of the policy compared one by one, by maximal couplings.

    .. math::
        \|V^* - V^\pi\| \le eps
            + \max_{s, a} \frac{|R - R'| + \gamma H R_{\max} TV}{1 - \gamma + \gamma TV}
            + \max_s \frac{|R - R'|_\pi + \gamma M TV_\pi}{1 - \gamma + \gamma TV_\pi},
        \quad M = H \max_{i, j, a, b} |R(i, a) - R'(j, b)|

    Needs magnitudes only; for every policy the second maximum runs over all actions. ``O(nnz)``.
    Proof: with :math:`x = \|V^* - V'\|`, a maximal coupling gives
    :math:`x \le |R - R'| + \gamma ((1 - TV) x + TV H R_{\max})` at the maximiser; likewise for
    :math:`V^\pi` with ``M``; add :math:`(V^* - V') + t + (V'^\pi - V^\pi)`. A stochastic policy mixes
    both sides of the inequality. No second factor ``H``, because the policy's value is compared
    directly.
    """
    r, r_twin = c.real.r, c.twin.r
    apart = float(max(r.max() - r_twin.min(), r_twin.max() - r.min()))
    M = c.H * round_up(apart, reward_size(c.real, c.twin))
    optimum = (c.reward_gap + c.gamma * c.H * c.r_max * c.tv) / (1 - c.gamma + c.gamma * c.tv)
    if c.pi is None:
        gap, tv = c.reward_gap, c.tv
    else:
        gap, tv = (c.pi * c.reward_gap).sum(axis=1), (c.pi * c.tv).sum(axis=1)
    policy = (gap + c.gamma * M * tv) / (1 - c.gamma + c.gamma * tv)
    parts = {
        "optimum": float(optimum.max()),
        "policy": float(policy.max()),
        "training": c.eps,
    }
    total = sum(parts.values())
    return Bound(
        name="L1c",
        title="Two-sided simulation lemma",
        value=round_up(total, total * c.H, 64),
        trivial=c.trivial,
        parts=parts,
    )
