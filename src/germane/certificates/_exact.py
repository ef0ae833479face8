"""The regret itself, which two known models and a policy determine."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..mdp import FiniteMDP, evaluate, solve
from ._bound import Bound, round_up
from ._trivial import trivial

RELATIVE_TOLERANCE = 1e-12
"""Values are computed to this share of the trivial bound, where rounding allows it."""


def exact(real: FiniteMDP, policy: ArrayLike) -> Bound:
    r"""The regret :math:`\max_s V^*(s) - V^\pi(s)`, as an interval that certainly holds it.

    ``value`` and ``per_state`` are upper ends, ``lower`` is the lower end; they differ by the error
    bounds of both values. Cost: planning and one policy evaluation.

    Raises:
        InvalidPolicy: ``policy`` is not a policy of ``real``.
    """
    ceiling = trivial(real).value
    tol = RELATIVE_TOLERANCE * ceiling
    optimal, achieved = solve(real, tol=tol), evaluate(real, policy, tol=tol)
    error = optimal.error_bound + achieved.error_bound
    difference = optimal.v - achieved.v
    size = float(np.abs(optimal.v).max() + np.abs(achieved.v).max())
    slack = round_up(error, size, 4)
    per_state = np.maximum(difference, 0.0) + slack
    per_state.flags.writeable = False
    return Bound(
        name="exact",
        title="Exact regret of this policy",
        value=float(per_state.max()),
        lower=max(float(difference.max()) - slack, 0.0),
        trivial=ceiling,
        per_state=per_state,
    )
