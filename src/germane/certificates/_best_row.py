r"""The largest ``q . v`` over the laws ``q`` of a ball: one step of robust value iteration.

*Total variation.* Mass ``radius`` moves from the lowest-valued successors to the best state that can be
reached.

*Relative entropy.* By duality, with ``top`` the largest ``v`` that can be reached,

.. math::
    \max \{ q \cdot v : KL(p \| q) \le u \} = \min_{\nu \ge top} \; \nu - e^{-u} \prod_i (\nu - v_i)^{p_i},

a convex function of one variable. Proof: the Lagrangian is largest at
:math:`q_i = \lambda p_i / (\nu - v_i)`, and in :math:`\lambda` it is least at
:math:`\ln \lambda = \sum p_i \ln (\nu - v_i) - u`. *Every* :math:`\nu` gives an upper bound, so the search
may stop anywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import ArrayLike

from ._bound import Array

MAX_STEPS = 30
PRECISION = 1e-3
"""The search ends with the slope within this share of the radius: the bound is then as good as exact."""


def best_in_tv_ball(
    rows: sp.csr_array, v: Array, radius: Array, top: ArrayLike | None = None
) -> Array:
    """Largest ``q . v`` over laws within ``radius`` of each row in total variation, shaped as it is.

    Args:
        rows: ``(n, S)`` laws.
        v: ``(S,)`` values.
        radius: ``n`` radii in ``[0, 1]``, of any shape.
        top: the largest value that each row can reach; by default that of all.
    """
    best = np.empty(radius.size)
    tops = np.broadcast_to(v.max() if top is None else top, radius.shape).ravel()
    _tv_rows(rows.indptr, rows.indices, rows.data, v, tops, radius.ravel(), best)
    return best.reshape(radius.shape)


def best_in_kl_ball(
    rows: sp.csr_array, v: Array, radius: Array, top: ArrayLike | None = None
) -> Array:
    """Upper bounds of the largest ``q . v`` over laws with ``KL(row || q) <= radius``.

    Arguments as for :func:`best_in_tv_ball`; an infinite radius gives ``top``. Above the maximum by
    less than a millionth of its distance from ``row . v``, roughly, and by rounding.
    """
    best = np.empty(radius.size)
    tops = np.broadcast_to(v.max() if top is None else top, radius.shape).ravel()
    _kl_rows(rows.indptr, rows.indices, rows.data, v, tops, radius.ravel(), best)
    return best.reshape(radius.shape)


def largest_in_row(rows: sp.csr_array, v: Array) -> Array:
    """``(n,)`` largest ``v`` among the successors of each row; minus infinity where there is none."""
    best = np.full(rows.shape[0], -np.inf)
    _largest(rows.indptr, rows.indices, v, best)
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def _largest(indptr: Any, indices: Any, v: Any, best: Any) -> None:
    for row in range(len(best)):
        for e in range(indptr[row], indptr[row + 1]):
            best[row] = max(best[row], v[indices[e]])


@njit(nogil=True, cache=True, error_model="numpy")
def _tv_rows(indptr: Any, indices: Any, p: Any, v: Any, tops: Any, radius: Any, best: Any) -> None:
    for row in range(len(radius)):
        first, last = indptr[row], indptr[row + 1]
        values = v[indices[first:last]]
        total = 0.0
        for e in range(first, last):
            total += p[e] * values[e - first]
        left = radius[row]
        for e in np.argsort(values):  # the lowest-valued successors give their mass away
            moved = min(left, p[first + e])
            total += moved * (tops[row] - values[e])
            left -= moved
            if left <= 0:
                break
        best[row] = total


@njit(nogil=True, cache=True, error_model="numpy")
def _kl_rows(indptr: Any, indices: Any, p: Any, v: Any, tops: Any, radius: Any, best: Any) -> None:
    for row in range(len(radius)):
        top, u = tops[row], radius[row]
        first, last = indptr[row], indptr[row + 1]
        mean, least, most = 0.0, np.inf, -np.inf
        for e in range(first, last):
            x = v[indices[e]]
            mean += p[e] * x
            least, most = min(least, x), max(most, x)
        best[row] = mean if u == 0.0 and last > first else top
        if u == 0.0 or not u < np.inf or first == last or least >= top:
            continue
        spread = 0.0
        for e in range(first, last):
            spread += p[e] * (v[indices[e]] - mean) ** 2
        smallest = 1e-12 * (top - least)
        low, high = 0.0, np.inf
        # Unless some mass sits at the top, its own value may be the best multiplier.
        y = 0.0 if most < top else max(np.sqrt(spread / (2 * u)) - (top - mean), smallest)
        for _ in range(MAX_STEPS):
            log_mean, inverse, square, longest = 0.0, 0.0, 0.0, 0.0
            for e in range(first, last):
                gap = y + (top - v[indices[e]])
                logarithm = np.log(gap)
                log_mean += p[e] * logarithm
                inverse += p[e] / gap
                square += p[e] / (gap * gap)
                longest = max(longest, abs(logarithm))
            lost = (last - first + 8) * 2.0**-50 * (1 + longest)  # relative, by rounding
            best[row] = min(best[row], top + y - np.exp(log_mean - u) * (1 - lost))
            slope = log_mean + np.log(inverse) - u  # falls in y; its root is the minimum
            if abs(slope) <= PRECISION * u or (y == 0.0 and slope <= 0):
                break
            if y == 0.0:
                y = max(np.sqrt(spread / (2 * u)) - (top - mean), smallest)
                continue
            if slope > 0:
                low = y
            else:
                high = y
            y -= slope / (inverse - square / inverse)
            if not low < y < high:
                y = 2 * low if high == np.inf else (low + high) / 2
            if y <= smallest:
                break
