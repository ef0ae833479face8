r"""The total-variation form of the metric on the diagonal, Definition 2 of the paper.

.. math::
    d_{TV}(i, i) = \max_a \Big\{ |R(i, a) - R'(i, a)|
        + \frac{\gamma R_{\max}}{1 - \gamma} TV(P(\cdot | i, a), P'(\cdot | i, a)) \Big\},
    \quad R_{\max} = \max_{i, j, a} |R(i, a) - R'(j, a)|.

One pass over the sparse rows of both models, which are sorted: their merge gives
:math:`TV(p, q) = \frac12 \sum_k |p_k - q_k|`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mdp import FiniteMDP, require_comparable
from ._game import compiled
from ._workers import Workers

Array = NDArray[np.float64]


def dt_bsm_tv(real: FiniteMDP, twin: FiniteMDP) -> Array:
    r"""The TV form of the DT-BSM between each state and its twin, ``d_TV(s, s)``, shape ``(S,)``.

    :math:`\max_s d(s, s) \le \max_s d_{TV}(s, s) / (1 - \gamma)` (Lemma 5). ``O(nnz)``: one pass.

    Returns:
        ``(S,)`` values [reward units], computed in doubles: relative error below 1e-13 for rows of
        up to a hundred successors. The certificate of Theorem 1 rounds them outward.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.

    References:
        Tao, Xu and You, arXiv 2502.17983, equations (36), (37).
    """
    require_comparable(real, twin, same_states=True)
    factor = real.gamma / (1 - real.gamma) * largest_reward_difference(real, twin)
    d = np.empty(real.n_states)
    p, q = real.transitions, twin.transitions
    arguments = (
        p.indptr,
        p.indices,
        p.data,
        q.indptr,
        q.indices,
        q.data,
        real.r,
        twin.r,
        factor,
        d,
    )
    with Workers(None, None) as workers:
        workers.run(lambda i, j: _tv_rows(i, j, *arguments), real.n_states, 4.0 * (p.nnz + q.nnz))
    return d


def largest_reward_difference(real: FiniteMDP, twin: FiniteMDP) -> float:
    """``Rmax = max_{i, j, a} |R(i, a) - R'(j, a)|`` over all pairs of states [reward units]."""
    low, high = _column_ranges(real.r)
    low_twin, high_twin = _column_ranges(twin.r)
    return float(np.maximum(high - low_twin, high_twin - low).max())


def total_variation(real: FiniteMDP, twin: FiniteMDP) -> Array:
    """``TV(P(. | s, a), P'(. | s, a)) = 1/2 sum_k |P - P'|`` of every pair, shape ``(S, A)``.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.

    References:
        Tao, Xu and You, arXiv 2502.17983, equation (36).
    """
    require_comparable(real, twin, same_states=True)
    distances = np.empty(real.r.shape)
    p, q = real.transitions, twin.transitions
    arguments = (p.indptr, p.indices, p.data, q.indptr, q.indices, q.data, distances)
    with Workers(None, None) as workers:
        work = 4.0 * (p.nnz + q.nnz)
        workers.run(lambda i, j: _tv_pairs(i, j, *arguments), real.n_states, work)
    return distances


@compiled
def _column_ranges(r: Any) -> tuple[Any, Any]:
    low, high = r[0].copy(), r[0].copy()
    for s in range(1, r.shape[0]):
        for a in range(r.shape[1]):
            low[a] = min(low[a], r[s, a])
            high[a] = max(high[a], r[s, a])
    return low, high


@compiled
def _tv_rows(
    first: int, last: int,
    p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, r: Any, r_twin: Any,
    factor: float, d: Any,
) -> None:  # fmt: skip
    n_actions = r.shape[1]
    for s in range(first, last):
        worst = 0.0
        for a in range(n_actions):
            row = s * n_actions + a
            l1 = _l1_distance(
                np.uint64(p_at[row]), np.uint64(p_at[row + 1]), p_in, p,
                np.uint64(q_at[row]), np.uint64(q_at[row + 1]), q_in, q,
            )  # fmt: skip
            worst = max(worst, abs(r[s, a] - r_twin[s, a]) + factor * 0.5 * l1)
        d[s] = worst


@compiled
def _tv_pairs(
    first: int, last: int, p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, tv: Any
) -> None:
    n_actions = tv.shape[1]
    for row in range(first * n_actions, last * n_actions):
        tv[row // n_actions, row % n_actions] = 0.5 * _l1_distance(
            np.uint64(p_at[row]), np.uint64(p_at[row + 1]), p_in, p,
            np.uint64(q_at[row]), np.uint64(q_at[row + 1]), q_in, q,
        )  # fmt: skip


@compiled
def _l1_distance(
    e: Any, e_end: Any, p_in: Any, p: Any, f: Any, f_end: Any, q_in: Any, q: Any
) -> float:
    """``sum_k |p_k - q_k|`` of two sorted sparse rows; unsigned positions spare a sign test each."""
    one, zero = np.uint64(1), np.uint64(0)
    total = 0.0
    if e_end - e == f_end - f:  # the usual twin: same successors, other probabilities
        x, y = e, f
        while x < e_end and p_in[x] == q_in[y]:
            total += abs(p[x] - q[y])
            x += one
            y += one
        if x == e_end:
            return total
        total = 0.0
    while e < e_end and f < f_end:
        k, l = p_in[e], q_in[f]
        if k == l:
            total += abs(p[e] - q[f])
        else:
            total += p[e] if k < l else q[f]
        e += one if k <= l else zero
        f += one if l <= k else zero
    while e < e_end:
        total += p[e]
        e += one
    while f < f_end:
        total += q[f]
        f += one
    return total
