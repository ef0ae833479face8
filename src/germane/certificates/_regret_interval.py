"""The regret of a policy in one known model, as an interval that certainly holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..mdp import FiniteMDP, evaluate, horizon, solve
from ._bound import Array, round_up

RELATIVE_TOLERANCE = 1e-12
"""Values are computed to this share of ``H (max r - min r)``, where rounding allows it."""


@dataclass(frozen=True, eq=False)
class RegretInterval:
    """``lower <= max_s v*(s) - v^pi(s) <= upper``, and ``per_state`` upper ends ``(S,)``."""

    lower: float
    upper: float
    per_state: Array


def regret_interval(mdp: FiniteMDP, policy: ArrayLike) -> RegretInterval:
    """The regret of ``policy`` in ``mdp``; as wide as the error bounds of both values together."""
    tol = RELATIVE_TOLERANCE * float(mdp.r.max() - mdp.r.min()) * horizon(mdp.gamma)
    optimal, achieved = solve(mdp, tol=tol), evaluate(mdp, policy, tol=tol)
    difference = optimal.v - achieved.v
    size = float(np.abs(optimal.v).max() + np.abs(achieved.v).max())
    slack = round_up(optimal.error_bound + achieved.error_bound, size, 4)
    per_state = np.maximum(difference, 0.0) + slack
    per_state.flags.writeable = False
    return RegretInterval(
        lower=max(float(difference.max()) - slack, 0.0),
        upper=float(per_state.max()),
        per_state=per_state,
    )
