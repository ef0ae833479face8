"""From a box of networks, a twin and a policy to a certificate that needs no real model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ._bound import Bound
from ._box_moving import moving_box
from ._box_rungs import BoxComparison, parameter_box, robust_box
from ._box_search import BoxSearch
from ._certificate import Certificate
from ._climb import Step, climb, ranked_drivers
from ._comparison import Comparison, policy_fingerprint
from ._l0_trivial import trivial
from ._l1_theorem1_tv import theorem1_tv
from ._l1b_kept_mass import kept_mass
from ._l2_value_span import value_span
from ._l6_robust import robust_set

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


def certify_box(
    c: BoxComparison,
    *,
    tol: float | None,
    max_seconds: float | None,
    progress: Callable[[BoxSearch], object] | None,
    stop_at: float | None,
) -> Certificate:
    """The certificate for every network of a box; arguments as for :func:`germane.certify`."""
    steps: list[Step] = [(rung.__name__, partial(rung, c)) for rung in OF_MAGNITUDES]
    steps += [
        (
            search.__name__,
            partial(search, c, width=tol, max_cells=n, max_seconds=max_seconds, progress=progress),
        )
        for search, n in SEARCHES
    ]
    rungs, skipped = climb(steps, stop_at)
    fingerprints = {"box": c.box.fingerprint(), "twin": c.twin.fingerprint()}
    if c.pi is not None:
        fingerprints["policy"] = policy_fingerprint(c.pi)
    return Certificate(
        rungs=rungs,
        skipped=skipped,
        drivers=ranked_drivers(c.worst_mismatch(), 2 * c.slack(c.v), c.reward_gap, c.tv),
        twin_regret=c.eps,
        for_policy=c.pi is not None,
        confidence=1.0,
        n_states=c.real.n_states,
        max_diagonal=None,
        fingerprints=fingerprints,
    )
