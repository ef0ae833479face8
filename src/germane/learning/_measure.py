"""How far the members of an ensemble are from the first, state by state, kept up to date by what changes."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ..sampling import compiled

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


class Measure(IntEnum):
    r"""How far two rows of action values are apart.

    ``ACTIONS``: 1 where their greedy actions differ, else 0. The others compare
    :math:`p = softmax(Q^{(1)}(s, \cdot))` with :math:`q = softmax(Q^{(n)}(s, \cdot))`: ``JENSEN_SHANNON``
    is :math:`\tfrac12 KL(p \| m) + \tfrac12 KL(q \| m)` in bits with :math:`m = (p + q) / 2`,
    ``KULLBACK_LEIBLER`` is :math:`KL(p \| q)`, and ``SYMMETRIC`` is :math:`KL(p \| q) + KL(q \| p)`, in
    nats.
    """

    ACTIONS = 0
    JENSEN_SHANNON = 1
    KULLBACK_LEIBLER = 2
    SYMMETRIC = 3


@compiled
def compare_actions(greedy: Counts, apart: Array, k: int, s: int, before: int) -> None:
    """Greedy actions of row ``s`` anew, after that of member ``k``: rare, and kept out of the fast loop."""
    new = greedy[k, s]
    if k > 0:
        apart[k] += int(new != greedy[0, s]) - int(before != greedy[0, s])
    else:
        for m in range(1, len(apart)):
            apart[m] += int(greedy[m, s] != new) - int(greedy[m, s] != before)


@compiled
def compare_rows(measure: Measure, q: Array, apart: Array, apart_in: Array, k: int, s: int) -> None:
    """Row ``s`` of the members anew, after that of member ``k`` has changed."""
    for m in range(1, len(apart)):
        if m == k or k == 0:
            d = divergence(measure, q, m, s)
            apart[m] += d - apart_in[m, s]
            apart_in[m, s] = d


@compiled
def divergence(measure: Measure, q: Array, m: int, s: int) -> float:
    r"""How far the softmax of row ``s`` of member ``m`` is from that of the first: see :class:`Measure`.

    With :math:`\log p_a - \log q_a = x_a - y_a - (\log Z_x - \log Z_y)` no logarithm of a probability is
    needed but for those of the mean ``m``.
    """
    A = q.shape[2]
    top_x, top_y = q[0, s, 0], q[m, s, 0]
    for a in range(1, A):
        top_x, top_y = max(top_x, q[0, s, a]), max(top_y, q[m, s, a])
    Z_x = Z_y = sum_x = sum_y = 0.0
    for a in range(A):
        x, y = q[0, s, a] - top_x, q[m, s, a] - top_y
        e_x, e_y = np.exp(x), np.exp(y)
        Z_x, Z_y = Z_x + e_x, Z_y + e_y
        if measure == Measure.JENSEN_SHANNON:
            sum_x, sum_y = sum_x + e_x * x, sum_y + e_y * y
        else:
            sum_x, sum_y = sum_x + e_x * (x - y), sum_y + e_y * (x - y)
    sum_x, sum_y = sum_x / Z_x, sum_y / Z_y
    if measure == Measure.SYMMETRIC:
        return float(sum_x - sum_y)
    if measure == Measure.KULLBACK_LEIBLER:
        return float(sum_x - np.log(Z_x) + np.log(Z_y))
    entropy = 0.0
    for a in range(A):
        mean = (np.exp(q[0, s, a] - top_x) / Z_x + np.exp(q[m, s, a] - top_y) / Z_y) / 2
        if mean > 0:
            entropy -= mean * np.log(mean)
    return float((entropy - (np.log(Z_x) - sum_x + np.log(Z_y) - sum_y) / 2) / np.log(2.0))
