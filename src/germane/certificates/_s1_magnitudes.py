"""Rungs S1 and S2: the bounds by total variation, with what a log can say of it."""

from __future__ import annotations

from dataclasses import replace

from ._bound import Bound
from ._l1_theorem1_tv import theorem1_tv
from ._l2_value_span import value_span
from ._sampled_comparison import SampledComparison


def sampled_theorem1_tv(c: SampledComparison) -> Bound:
    r"""Rung S1: Theorem 1 by total variation, as corrected for a log.

    Rung L1 with the largest reward gaps, total variations and ``Rmax`` that the log allows: what the
    paper's Theorem 4 means to give, with its union bounds, unequal counts and estimated rewards
    (Theorems B and C). More data cannot push it below L1. ``O(nnz)``.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorems 1 and 4.
    """
    return replace(theorem1_tv(c), name="S1", title="Theorem 1, total variation, from samples")


def sampled_value_span(c: SampledComparison) -> Bound:
    """Rung S2: total variation times the span of the twin's value, from samples.

    Rung L2 with the largest reward gaps and total variations that the log allows. More data cannot push
    it below L2. ``O(nnz)``.
    """
    return replace(value_span(c), name="S2", title="Total variation and span, from samples")
