"""Upper ends of fixed points, certain after any number of sweeps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..mdp import UNIT_ROUNDOFF
from ._bound import Array


def fixed_point_above(
    operator: Callable[[Array], Array],
    v: Array,
    gamma: float,
    slack: Callable[[Array], float],
    *,
    n_sweeps: int,
    tol: float = 0.0,
) -> Array:
    r"""``(S,)`` upper bounds of the fixed point of a monotone operator with ``T(v + c) = T v + gamma c``.

    After each sweep :math:`v^* \le T v + \frac{\gamma}{1 - \gamma} \max (T v - v)`; the least of these
    bounds in each state is returned, so it holds after any number of sweeps.

    Args:
        operator: ``(S,) -> (S,)``.
        v: ``(S,)`` any start.
        gamma: the discount.
        slack: how far ``operator(v)`` may be off by rounding.
        n_sweeps: sweeps after the first.
        tol: stop once the bounds can fall by no more than this.
    """
    reach = gamma / (1 - gamma)
    best = np.full(len(v), np.inf)
    for _ in range(n_sweeps + 1):
        applied = operator(v)
        e = applied - v
        rounding = slack(v) / (1 - gamma)
        rounding += (
            16 * UNIT_ROUNDOFF * (np.abs(applied).max() + np.abs(e).max()) / (1 - gamma) ** 2
        )
        best = np.minimum(best, applied + reach * e.max() + rounding)
        if reach * (e.max() - e.min()) <= tol:
            break
        v = applied
    return np.asarray(best)
