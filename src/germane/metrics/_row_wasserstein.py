"""Wasserstein distance between the rows of a model and of its twin, pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mdp import FiniteMDP, require_comparable
from ..transport import wasserstein_rows

Array = NDArray[np.float64]


def row_wasserstein(real: FiniteMDP, twin: FiniteMDP, d: Array) -> Array:
    r""":math:`W_1(P(\cdot | s, a), P'(\cdot | s, a); d)` of every pair, shape ``(S, A)``, rounded up.

    One transport for each state and action; never below the exact value.

    Args:
        real, twin: models with the same states and actions.
        d: ``(S, S)`` cost of moving one unit of mass.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.
    """
    require_comparable(real, twin, same_states=True)
    values, error = wasserstein_rows(real.transitions, twin.transitions, d)
    return np.asarray(values + error).reshape(real.r.shape)
