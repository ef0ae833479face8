"""Climbing a ladder: bounds one by one until one is good enough, and what they are driven by."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..errors import TooLarge
from ._bound import Array, Bound
from ._certificate import Driver

N_DRIVERS = 10
NOT_NEEDED = "not needed: a cheaper rung met the threshold"
Step = tuple[str, Callable[[], Bound | Iterable[Bound]]]


def climb(steps: Iterable[Step], stop_at: float | None) -> tuple[dict[str, Bound], dict[str, str]]:
    """The bounds by name, and the steps that were left out with the reason.

    Args:
        steps: names, and what gives one bound or several.
        stop_at: leave out what follows a bound of at most this; ``None`` climbs to the end.
    """
    bounds: dict[str, Bound] = {}
    skipped: dict[str, str] = {}
    for name, step in steps:
        if (
            stop_at is not None
            and min((b.value for b in bounds.values()), default=np.inf) <= stop_at
        ):
            skipped[name] = NOT_NEEDED
            continue
        try:
            found = step()
            for bound in [found] if isinstance(found, Bound) else found:
                bounds[bound.name] = bound
        except TooLarge as error:
            skipped[name] = str(error)
    return bounds, skipped


def ranked_drivers(
    mismatch: Array,
    slack: float,
    reward_gap: Array,
    tv: Array,
    *,
    score: Array | None = None,
    n_visits: Array | None = None,
) -> tuple[Driver, ...]:
    """The pairs of largest score, by default the size of the mismatch; none that are within rounding.

    Args:
        mismatch, reward_gap, tv: ``(S, A)`` what a :class:`Driver` tells of a pair.
        slack: how far a mismatch may be off by rounding.
        score: ``(S, A)`` how much a pair matters.
        n_visits: ``(S, A)`` rows of a log, where there is one.
    """
    rank = np.abs(mismatch) if score is None else score
    ranked = np.argsort(-rank, axis=None, kind="stable")[:N_DRIVERS]
    pairs = zip(*np.unravel_index(ranked, mismatch.shape), strict=True)
    return tuple(
        Driver(
            state=int(s),
            action=int(a),
            reward_gap=float(reward_gap[s, a]),
            total_variation=float(tv[s, a]),
            mismatch=float(mismatch[s, a]),
            n_visits=None if n_visits is None else int(n_visits[s, a]),
        )
        for s, a in pairs
        if abs(mismatch[s, a]) > slack and rank[s, a] > -np.inf
    )
