"""Rung L1: Theorem 1 of the paper in its total-variation form."""

from __future__ import annotations

import numpy as np

from ._bound import Bound, round_up
from ._comparison import Comparison


def theorem1_tv(c: Comparison) -> Bound:
    r"""The second bound of Theorem 1, by total variation.

    .. math::
        \|V^* - V^\pi\| \le 2 H^2 \max_{s, a} \{ |R - R'| + \gamma H R_{\max} TV \} + (1 + \gamma) H\, eps

    Needs magnitudes only: reward gaps, total variations, ``Rmax`` and ``eps``; also for every policy.
    ``O(nnz)``. The parts split the maximum at the pair that attains it.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorem 1 (7), (36), (37), Lemma 5 (38).
    """
    factor = c.gamma * c.H * c.r_max
    worst = np.unravel_index((c.reward_gap + factor * c.tv).argmax(), c.tv.shape)
    parts = {
        "reward gap": 2 * c.H**2 * float(c.reward_gap[worst]),
        "transition gap": 2 * c.H**2 * factor * float(c.tv[worst]),
        "training": (1 + c.gamma) * c.H * c.eps,
    }
    total = sum(parts.values())
    return Bound(
        name="L1",
        title="Theorem 1, total variation",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )
