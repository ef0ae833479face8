"""Rung L0: what any policy can lose, whatever the twin."""

from __future__ import annotations

from ._bound import Bound
from ._comparison import Comparison


def trivial(c: Comparison) -> Bound:
    r"""The trivial bound :math:`H (\max R - \min R)`, with :math:`H = 1 / (1 - \gamma)`.

    Needs only the range of the real rewards; for every policy. ``O(|S| |A|)``. Both values lie
    between :math:`H \min R` and :math:`H \max R`. A bound that is no smaller is called vacuous.
    """
    return Bound(
        name="L0", title="Trivial: range of the rewards", value=c.trivial, trivial=c.trivial
    )
