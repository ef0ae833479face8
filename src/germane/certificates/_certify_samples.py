"""From a log, a twin and a policy to a certificate that needs no real model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..errors import InvalidParameter
from ..logs import EstimatedMDP, RectangularSet, missing_mass
from ..mdp import FiniteMDP
from ._bound import Array, Bound
from ._box_rungs import BoxComparison
from ._certificate import Certificate, Sampling
from ._climb import climb, ranked_drivers
from ._comparison import policy_fingerprint
from ._l0_trivial import trivial
from ._parameter_box import ParameterBox
from ._s1_magnitudes import sampled_theorem1_tv, sampled_value_span
from ._s3_sampled_residual import sampled_residual
from ._s8_robust import sampled_robust, sampled_value_aware
from ._s9_sampled_gaps import sampled_gaps
from ._sampled_comparison import SampledComparison

FROM_SAMPLES: tuple[Callable[[SampledComparison], Bound], ...] = (
    trivial,
    sampled_theorem1_tv,
    sampled_value_span,
    sampled_residual,
    sampled_robust,
    sampled_value_aware,
    sampled_gaps,
)
"""Rungs for a log, for one policy or for every policy, in the order of their cost."""


def certify_samples(c: SampledComparison, *, stop_at: float | None) -> Certificate:
    """The certificate from a log; arguments as for :func:`germane.certify`."""
    rungs, skipped = climb(((rung.__name__, partial(rung, c)) for rung in FROM_SAMPLES), stop_at)
    fingerprints = {"log": c.estimate.fingerprint(), "twin": c.twin.fingerprint()}
    if c.pi is not None:
        fingerprints["policy"] = policy_fingerprint(c.pi)
    return Certificate(
        rungs=rungs,
        skipped=skipped,
        drivers=ranked_drivers(
            c.widest_mismatch(),
            2 * c.slack(c.v),
            c.reward_gap,
            c.tv,
            score=_stakes(c),
            n_visits=c.n,
        ),
        twin_regret=c.eps,
        for_policy=c.pi is not None,
        confidence=c.confidence,
        n_states=c.twin.n_states,
        max_diagonal=None,
        fingerprints=fingerprints,
        settings={"confidence": c.confidence, "stop_at": stop_at},
        sampling=_sampling(c),
    )


def as_set(known: RectangularSet | ParameterBox[Any], twin: FiniteMDP) -> RectangularSet:
    """What is known of the real network as a set; every network of a box is in the one around the twin."""
    if isinstance(known, RectangularSet):
        return known
    apart = BoxComparison(real=known.network.mdp(), twin=twin, box=known)
    tolerances = ", ".join(f"{name} ±{t}" for name, t in known.tolerances.items())
    return RectangularSet(
        centre=twin,
        tv=apart.tv,
        reward_gap=apart.reward_gap,
        why=f"the network's parameters lie in a box, with relative tolerances {tolerances}",
    )


def refuse_shared_rows(real: EstimatedMDP, twin: EstimatedMDP) -> None:
    """Refuses a twin that was calibrated on the log which is to certify it.

    Raises:
        InvalidParameter: some row may be in both.
    """
    if real.shares_rows(twin):
        raise InvalidParameter(
            "the twin was estimated from rows of the log that is to certify it, so their agreement "
            "proves nothing: split the log, as with part=(0, 2) for one and part=(1, 2) for the other"
        )


def _stakes(c: SampledComparison) -> Array:
    """``(S, A)`` how much a pair's interval raises S3: as the optimum's, or as the policy's."""
    low, high = c.residual_low, c.residual_high
    may_play = c.gap <= c.eps if c.pi is None else c.pi > 0
    stakes = np.maximum(high, np.where(may_play, -low, -np.inf))
    return np.where(c.estimate.known, -np.inf, stakes)


def _sampling(c: SampledComparison) -> Sampling:
    estimate = c.estimate
    played = np.ones(c.twin.r.shape, dtype=bool) if c.pi is None else c.pi > 0
    unvisited = (c.n == 0) & ~estimate.known
    unseen = missing_mass(estimate, c.ledger.alpha / c.ledger.n_pairs)
    weight = c.n / max(c.n.sum(), 1)
    return Sampling(
        ledger=dict(c.ledger.entries),
        any_time=not estimate.counts_fixed,
        n_rows=estimate.provenance.n_rows,
        dropped=dict(estimate.provenance.dropped),
        n_transitions=estimate.n_transitions,
        n_pairs=c.twin.r.size,
        n_unvisited=int(unvisited.sum()),
        n_played=int(played.sum()),
        n_played_unvisited=int((unvisited & played).sum()),
        missing_mass=float((weight * unseen).sum()),
        reward_range=estimate.reward_range,
        range_given=estimate.range_given,
        known_support=c.known_support,
        known_rewards=c.known_rewards,
        within=tuple(known.why for known in c.within),
    )
