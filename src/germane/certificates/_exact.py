"""The regret itself, which two known models and a policy determine."""

from __future__ import annotations

import numpy as np

from ._bound import Bound, round_up
from ._comparison import Comparison
from ._l5_resolvent import swept_regret
from ._regret_interval import regret_interval

MAX_SWEEPS = 20_000
TOLERANCE = 1e-9
"""Sweeps stop once the bounds can fall by no more than this share of L0."""


def exact(c: Comparison) -> Bound:
    r"""The regret :math:`\max_s V^*(s) - V^\pi(s)`, as an interval that certainly holds it.

    Needs the real model. For one policy: planning and one evaluation; ``lower`` and ``value`` differ
    by the error bounds of both values. For every policy: :math:`V^* - \min_\pi V^\pi` over policies
    whose one-step gap in the twin is at most ``eps`` in each state, which contains all whose regret
    there is at most ``eps``; exact for ``eps = 0``.
    """
    if c.pi is not None:
        found = regret_interval(c.real, c.pi)
        return Bound(
            name="exact",
            title="Exact regret of this policy",
            value=found.upper,
            lower=found.lower,
            trivial=c.trivial,
            per_state=found.per_state,
        )
    per_state = swept_regret(c, n_sweeps=MAX_SWEEPS, tol=TOLERANCE * c.trivial)
    per_state += round_up(0.0, float(np.abs(per_state).max()), 64)
    return Bound(
        name="exact",
        title="Worst regret of every such policy",
        value=float(per_state.max()),
        trivial=c.trivial,
        per_state=per_state,
    )
