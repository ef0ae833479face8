"""The Wasserstein distance of order one between two finite distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidDistribution, InvalidParameter, TooLarge
from ._simplex import (
    MASS_BITS,
    UNIT_ROUNDOFF,
    integer_masses,
    north_west_tree,
    optimise,
    perturbation_bits,
    tree_arrays,
)

Array = NDArray[np.float64]

LARGEST_COST = 1e300
"""Costs beyond this are refused: their potentials would overflow."""

SMALLEST = 2.0**-1074
"""The smallest positive double: what one operation can lose to underflow."""

MASS_TOLERANCE = 1e-9
"""Distributions whose sums are further from one than this are refused."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Transport:
    """An optimal transport plan with the potentials that prove it.

    Attributes:
        cost: ``<plan, cost>`` [units of the cost]; at most ``error_bound`` from the optimum.
        plan: ``(m, k)`` mass moved from ``i`` to ``j``; rows sum to ``p``, columns to ``q``.
        u: ``(m,)`` and
        v: ``(k,)`` potentials: ``u[i] + v[j] <= cost[i, j]``, with equality where mass moves, both
            up to ``error_bound``. In the paper's signs ``mu = u`` and ``nu = -v``.
        error_bound: ``cost - <u, p> - <v, q>`` and the rounding of both, in absolute value.
        n_pivots: simplex steps taken.
    """

    cost: float
    plan: Array
    u: Array
    v: Array
    error_bound: float
    n_pivots: int


def wasserstein(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> Transport:
    r"""The Wasserstein distance :math:`W_1(p, q; c)`, exactly, with plan and potentials.

    .. math::
        W_1(p, q; c) = \min_{L \ge 0,\ L 1 = p,\ L^T 1 = q} \langle L, c \rangle
                     = \max_{u_i + v_j \le c_{ij}} \langle u, p \rangle + \langle v, q \rangle

    Two potentials, because ``cost[i, i]`` need not be zero. Transport simplex; distributions are
    divided by their sums. About ``(m + k)`` pivots of ``O(m + k)`` each, plus pricing.

    Args:
        p: ``(m,)`` source distribution; zeros are allowed.
        q: ``(k,)`` target distribution.
        cost: ``(m, k)`` finite cost of moving one unit of mass; may be negative.

    Returns:
        :class:`Transport`; the optimum lies within ``error_bound`` of ``cost``.

    Raises:
        InvalidDistribution: a mass is negative or not finite, or a sum is off by more than 1e-9.
        InvalidParameter: ``cost`` has another shape, or an entry that is not finite or beyond 1e300.
        TooLarge: ``m + k`` exceeds 65,535.

    References:
        Tao, Xu and You, arXiv 2502.17983, equations (10)-(15).

    >>> wasserstein([1.0, 0.0], [0.0, 1.0], [[0.0, 3.0], [3.0, 0.0]]).cost
    3.0
    """
    p, q = _distribution("p", p), _distribution("q", q)
    c = _cost(cost, len(p), len(q))
    rows, columns = np.flatnonzero(p), np.flatnonzero(q)
    plan = np.zeros(c.shape)
    on_support = np.ix_(rows, columns)
    plan[on_support], v_support, n_pivots = _optimal(p[rows], q[columns], c[on_support])
    u = (c[:, columns] - v_support).min(axis=1)
    v = (c - u[:, None]).min(axis=0)
    primal, dual = float((plan * c).sum()), float(u @ p + v @ q)
    eta = 2.0 ** (perturbation_bits(len(rows)) - MASS_BITS)
    size = float(max(np.abs(part).max() for part in (c, u, v)))
    rounding = (len(p) + len(q)) * (size * (16 * UNIT_ROUNDOFF + 2 * eta) + SMALLEST)
    return Transport(
        cost=primal,
        plan=plan,
        u=u,
        v=v,
        error_bound=abs(primal - dual) + rounding,
        n_pivots=n_pivots,
    )


def _optimal(p: Array, q: Array, c: Array) -> tuple[Array, Array, int]:
    """An optimal plan between positive masses, the column potentials, and the pivots taken."""
    m, k = c.shape
    bits = perturbation_bits(m)
    sources, targets = np.empty(m, np.int64), np.empty(k, np.int64)
    integer_masses(p, np.array([0, m]), bits, sources)
    integer_masses(q, np.array([0, k]), bits, targets)
    parent, order, flow = tree_arrays(m + k)
    north_west_tree(sources, targets, parent, order, flow)
    potential, depth, count = np.empty(m + k), np.empty(m + k, np.int32), np.empty(m + k, np.int32)
    _, n_pivots = optimise(m, k, c.ravel(), parent, order, flow, potential, depth, count)
    node, above = np.arange(1, m + k), parent[1:].astype(np.int64)
    row, column = np.where(node < m, node, above), np.where(node < m, above, node) - m
    plan = np.zeros((m, k))
    plan[row, column] = ((flow[1:] + (1 << (bits - 1))) >> bits) * 2.0 ** (bits - MASS_BITS)
    return plan, potential[m:], n_pivots


def _distribution(name: str, masses: ArrayLike) -> Array:
    try:
        array = np.array(masses, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidDistribution(f"{name} must be a vector of masses: {error}") from None
    if array.ndim != 1 or len(array) == 0:
        raise InvalidDistribution(f"{name} must be a vector of masses; got shape {array.shape}")
    faulty = ~(np.isfinite(array) & (array >= 0))
    if faulty.any():
        i = int(np.argmax(faulty))
        raise InvalidDistribution(f"{name}[{i}] must be finite and non-negative; got {array[i]}")
    total = float(array.sum())
    if abs(total - 1) > MASS_TOLERANCE:
        raise InvalidDistribution(f"{name} must sum to 1 within {MASS_TOLERANCE}; got {total:.17g}")
    return np.asarray(array / total)


def _cost(cost: ArrayLike, m: int, k: int) -> Array:
    try:
        c = np.array(cost, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidParameter(f"cost must be a numeric matrix: {error}") from None
    if c.shape != (m, k):
        raise InvalidParameter(f"cost must have shape {(m, k)}, as p and q have; got {c.shape}")
    faulty = ~(np.abs(c) <= LARGEST_COST)
    if faulty.any():
        i, j = np.argwhere(faulty)[0]
        raise InvalidParameter(
            f"cost[{i}, {j}] must be finite and at most {LARGEST_COST:g} in size; got {c[i, j]}"
        )
    if m + k > 2**16 - 1:
        raise TooLarge(f"a transport problem has at most 65535 nodes; got {m} + {k}")
    return c
