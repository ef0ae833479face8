r"""Bellman operators, the bounds that one application gives, and what rounding adds.

The operators are monotone and shift constants, ``T(v + c) = T v + gamma c``, because rows of ``P``
sum to one. So for *any* ``v``, with ``e = T v - v`` (MacQueen 1966, Porteus 1971),

.. math::
    T v + \tfrac{\gamma}{1 - \gamma} \min_s e(s) \le v^* \le T v + \tfrac{\gamma}{1 - \gamma} \max_s e(s).

*Rounding.* With ``u = 2**-53``, ``n`` the longest row of ``P`` and ``m`` actions mixed, one
application in doubles is within ``delta = (6 n + 3 m + 16) u (max |r| + gamma max |v|)`` of the exact
one: products and sums of a row and of a mixture, the row's own sum being one only up to rounding,
and half a unit in the last place of every number of the model, so that the bounds also hold for the
decimal numbers the model was written from. For the same reason the factor ``gamma / (1 - gamma)`` is
good to a relative ``u / (1 - gamma)`` only, which is charged where it multiplies ``e``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from ._model import UNIT_ROUNDOFF, Array, FiniteMDP

SMALLEST = 2.0**-1074
"""The smallest positive double: what one operation can lose to underflow."""


class ValueBounds(NamedTuple):
    """``|v - v*| <= error_bound`` in every state, rounding included."""

    v: Array
    error_bound: float


def bellman_q(mdp: FiniteMDP, v: Array) -> Array:
    """Action values ``q[s, a] = r[s, a] + gamma sum_s' P[s, a, s'] v[s']``, shape ``(S, A)``."""
    return np.asarray(mdp.r + mdp.gamma * (mdp.transitions @ v).reshape(mdp.r.shape))


def bellman_operator(mdp: FiniteMDP, v: Array) -> Array:
    """``(T v)(s) = max_a r[s, a] + gamma sum_s' P[s, a, s'] v[s']``, shape ``(S,)``."""
    return np.asarray(bellman_q(mdp, v).max(axis=1))


def greedy_policy(mdp: FiniteMDP, v: Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The policy ``argmax_a q[s, a]`` that is greedy for ``v``; ties go to the first action."""
    return np.asarray(bellman_q(mdp, v).argmax(axis=1))


def residual_bounds(v: Array, applied: Array, gamma: float, rounding: float) -> ValueBounds:
    """The middle of the MacQueen-Porteus interval around ``applied = T v``, and its half width.

    ``rounding`` is how far ``applied`` may be from the exact ``T v`` in any state.
    """
    e = applied - v
    low, high = float(e.min()), float(e.max())
    reach = gamma / (1 - gamma)
    middle = applied + reach * (low + high) / 2
    size = float(np.abs(middle).max()) + reach * max(abs(low), abs(high)) / (1 - gamma)
    half_width = reach * ((high - low) / 2 + rounding) + rounding + 8 * UNIT_ROUNDOFF * size
    return ValueBounds(middle, half_width * (1 + 8 * UNIT_ROUNDOFF))


def rounding_of(P: sp.csr_array, r: Array, gamma: float, v: Array, n_mixed: int = 1) -> float:
    """``delta``: how far one application of an operator to ``v`` in doubles is from the exact one.

    ``n_mixed``: actions that a policy mixes into the rows of ``P`` and into ``r``.
    """
    terms = 6 * int(np.diff(P.indptr).max()) + 3 * n_mixed + 16
    size = float(np.abs(r).max()) + gamma * float(np.abs(v).max())
    return terms * (UNIT_ROUNDOFF * size + SMALLEST)


def horizon(gamma: float) -> float:
    """``1 / (1 - gamma)``, rounded up over every discount that rounds to the double ``gamma``."""
    plain = 1 / (1 - gamma)
    return float(np.nextafter(plain * (1 + 4 * UNIT_ROUNDOFF * plain), np.inf))
