"""Rung L0: what any policy can lose, whatever the twin."""

from __future__ import annotations

from ..mdp import FiniteMDP
from ._bound import Bound, horizon, reward_size, round_up


def trivial(real: FiniteMDP) -> Bound:
    r"""The trivial bound :math:`\frac{1}{1 - \gamma} (\max R - \min R)`.

    Needs only the range of the real rewards. Both values lie between
    :math:`\min R / (1 - \gamma)` and :math:`\max R / (1 - \gamma)`. ``O(|S| |A|)``. A bound that is
    no smaller is called vacuous.
    """
    H = horizon(real.gamma)
    value = round_up(H * float(real.r.max() - real.r.min()), H * reward_size(real))
    return Bound(name="L0", title="Trivial: range of the rewards", value=value, trivial=value)
