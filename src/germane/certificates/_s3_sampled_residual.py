"""Rung S3: the residual of the twin's value, one mean for each pair."""

from __future__ import annotations

from ._bound import Bound, round_up
from ._sampled_comparison import SampledComparison


def sampled_residual(c: SampledComparison) -> Bound:
    r"""Rung S3: the Bellman residual of the twin's value, as far as the log can tell (Theorem D).

    .. math::
        \|V^* - V^\pi\| \le H \big[ \max_{s, a} high(s, a) - \min_s low(s, \pi(s)) \big]

    where ``low`` and ``high`` hold the mean of :math:`r + \gamma V'(s')` less :math:`V'(s)`. What is
    estimated is one number for each pair, so the number of states does not matter. More data cannot
    push it below L4s. ``O(nnz)``. Proof: that of L4s, on the event that all the intervals hold.
    """
    low, high = c.residual_low, c.residual_high
    middle = (low + high) / 2
    total = c.H * float(high.max() + c.over_policies(-low).max())
    seen = c.H * float(middle.max() + c.over_policies(-middle).max())
    size = c.H * float(abs(high).max() + abs(low).max())
    return Bound(
        name="S3",
        title="Residual of the twin's value, from samples",
        value=max(round_up(total, size, 64), 0.0),
        trivial=c.trivial,
        parts={"mismatch seen": seen, "sampling": total - seen},
    )
