"""From a box of networks, a twin and a policy to a certificate that needs no real model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import TooLarge
from ._bound import Bound
from ._box_moving import moving_box
from ._box_rungs import BoxComparison, parameter_box, robust_box
from ._box_search import BoxSearch
from ._certificate import Certificate, Driver
from ._comparison import Comparison, policy_fingerprint
from ._l0_trivial import trivial
from ._l1_theorem1_tv import theorem1_tv
from ._l1b_kept_mass import kept_mass
from ._l2_value_span import value_span
from ._l6_robust import robust_set

N_DRIVERS = 10

OF_MAGNITUDES: tuple[Callable[[Comparison], Bound], ...] = (
    trivial,
    theorem1_tv,
    kept_mass,
    value_span,
    robust_set,
)
"""Rungs that read magnitudes alone, which a :class:`BoxComparison` has at their largest."""

SEARCHES: tuple[tuple[Callable[..., Bound], int], ...] = (
    (parameter_box, 16),
    (robust_box, 1),
    (moving_box, 8),
)
"""Rungs that search the box, in the order of their cost, and how many cells each may examine."""

NOT_NEEDED = "not needed: a cheaper rung met the threshold"


def certify_box(
    c: BoxComparison,
    *,
    tol: float | None,
    max_seconds: float | None,
    progress: Callable[[BoxSearch], object] | None,
    stop_at: float | None,
) -> Certificate:
    """The certificate for every network of a box; arguments as for :func:`germane.certify`."""
    bounds: list[Bound] = []
    skipped: dict[str, str] = {}

    for rung in OF_MAGNITUDES:
        if _met(bounds, stop_at):
            skipped[rung.__name__] = NOT_NEEDED
        else:
            bounds.append(rung(c))
    for search, max_cells in SEARCHES:
        if _met(bounds, stop_at):
            skipped[search.__name__] = NOT_NEEDED
            continue
        try:
            bounds.append(
                search(
                    c, width=tol, max_cells=max_cells, max_seconds=max_seconds, progress=progress
                )
            )
        except TooLarge as error:
            skipped[search.__name__] = str(error)
    fingerprints = {"box": c.box.fingerprint(), "twin": c.twin.fingerprint()}
    if c.pi is not None:
        fingerprints["policy"] = policy_fingerprint(c.pi)
    return Certificate(
        rungs={bound.name: bound for bound in bounds},
        skipped=skipped,
        drivers=_drivers(c),
        twin_regret=c.eps,
        for_policy=c.pi is not None,
        confidence=1.0,
        n_states=c.real.n_states,
        max_diagonal=None,
        fingerprints=fingerprints,
    )


def _met(bounds: list[Bound], stop_at: float | None) -> bool:
    return stop_at is not None and bool(bounds) and min(b.value for b in bounds) <= stop_at


def _drivers(c: BoxComparison) -> tuple[Driver, ...]:
    """The pairs where some network of the box is furthest from the twin."""
    mismatch, slack = c.worst_mismatch(), 2 * c.slack(c.v)
    ranked = np.argsort(-np.abs(mismatch), axis=None, kind="stable")[:N_DRIVERS]
    pairs = zip(*np.unravel_index(ranked, mismatch.shape), strict=True)
    return tuple(
        Driver(
            state=int(s),
            action=int(a),
            reward_gap=float(c.reward_gap[s, a]),
            total_variation=float(c.tv[s, a]),
            mismatch=float(mismatch[s, a]),
        )
        for s, a in pairs
        if abs(mismatch[s, a]) > slack
    )
