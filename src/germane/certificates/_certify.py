"""From two models and a policy to a certificate: the ladder, cheap rungs first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidParameter
from ..logs import EstimatedMDP, RectangularSet
from ..mdp import FiniteMDP
from ..metrics import BisimulationMetric, dt_bsm, total_variation
from ._bound import Bound
from ._box_rungs import BoxComparison
from ._certificate import Certificate
from ._certify_box import certify_box
from ._certify_samples import as_set, certify_samples, refuse_shared_rows
from ._climb import Step, climb, ranked_drivers
from ._comparison import Comparison, policy_fingerprint
from ._exact import exact
from ._l0_trivial import trivial
from ._l1_theorem1_tv import theorem1_tv
from ._l1b_kept_mass import kept_mass
from ._l1c_two_sided import two_sided_simulation
from ._l2_value_span import value_span, value_span_signed
from ._l3_theorem1 import theorem1, theorem1_gap_aware, theorem1_one_step
from ._l3p_on_policy import on_policy_metric
from ._l3t_twin_metric import twin_metric
from ._l4_value_mismatch import bellman_residual, calibrated_residual, value_mismatch
from ._l5_resolvent import real_sweeps, residual_gap_aware, residual_resolvent
from ._l6_robust import robust_set
from ._parameter_box import ParameterBox
from ._sampled_comparison import SampledComparison
from ._witness import Evidence

Rung = Callable[[Comparison], Bound]

FOR_ALL: tuple[Rung, ...] = (
    trivial,
    theorem1_tv,
    kept_mass,
    two_sided_simulation,
    value_span,
    value_span_signed,
    value_mismatch,
    bellman_residual,
    calibrated_residual,
)
"""Rungs for one policy or for every policy, in the order of their cost."""

FOR_ONE: tuple[Rung, ...] = (residual_resolvent, residual_gap_aware)
"""Rungs for one policy alone."""

ITERATED: tuple[Rung, ...] = (real_sweeps, exact, robust_set)
"""Rungs that sweep, for one policy or for every policy."""


def certify(
    real: FiniteMDP | EstimatedMDP | ParameterBox[Any],
    twin: FiniteMDP | EstimatedMDP,
    *,
    policy: ArrayLike | None = None,
    twin_regret: float | None = None,
    metric: BisimulationMetric | None = None,
    tol: float | None = None,
    max_seconds: float | None = None,
    progress: Callable[[Any], object] | None = None,
    stop_at: float | None = None,
    confidence: float = 0.95,
    within: Sequence[RectangularSet | ParameterBox[Any]] = (),
    known_support: bool = False,
    known_rewards: bool = False,
) -> Certificate:
    r"""The certificate for a policy, or for all policies good enough in the twin.

    Climbs the ladder of bounds, cheap rungs first. Every rung is certain; the certificate leads
    with the tightest.

    Args:
        real, twin: models with the same states, actions and discount. ``real`` may be a
            :class:`ParameterBox`: then the certificate holds for every network in it. It may be an
            :class:`EstimatedMDP`: then it holds with probability ``confidence`` over the log. A twin
            that was estimated too stands for its point estimate, and must share no row with ``real``.
        policy: ``(S,)`` actions or ``(S, A)`` probabilities; its regret in the twin is computed.
            ``None``: the certificate holds for every policy, stochastic ones too, with regret at
            most ``twin_regret`` in the twin.
        twin_regret: largest regret in the twin [reward units] when no policy is given; 0 by
            default: policies that are optimal in the twin.
        metric: ``dt_bsm(real, twin)`` when it is there already.
        tol, max_seconds, progress: for :func:`germane.dt_bsm`. Out of time, the rungs of the metric
            use what is certain by then. For a box: for the search over it
            (:func:`germane.certificates.robust_box`).
        stop_at: stop as soon as a bound is at most this [reward units]; rungs not computed are in
            ``skipped``.
        confidence: for a log: probability with which every bound holds, all at once.
        within: for a log: what else is known of the real network, sets or boxes of parameters; an
            unvisited pair need not make the certificate trivial then.
        known_support: for a log: the real network makes no transition that the twin rules out.
        known_rewards: for a log: its mean rewards are the twin's.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.
        InvalidPolicy: ``policy`` is not a policy of these models.
        InvalidParameter: ``twin_regret`` is negative or not finite, or given beside a policy; a
            metric is given with a box or a log; an option for a log without one; ``confidence`` is out
            of range; the twin was estimated from the same rows.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorem 1, for L1 and L3; each rung names its own.
    """
    if isinstance(twin, EstimatedMDP):
        if isinstance(real, EstimatedMDP):
            refuse_shared_rows(real, twin)
        twin = twin.mdp
    if metric is not None and not isinstance(real, FiniteMDP):
        raise InvalidParameter("a metric is between two models: give none with a box or a log")
    if isinstance(real, EstimatedMDP):
        return certify_samples(
            SampledComparison(
                real=real.mdp,
                twin=twin,
                policy=policy,
                twin_regret=twin_regret,
                estimate=real,
                confidence=confidence,
                within=tuple(as_set(known, twin) for known in within),
                known_support=known_support,
                known_rewards=known_rewards,
            ),
            stop_at=stop_at,
        )
    if within or known_support or known_rewards:
        raise InvalidParameter("within, known_support and known_rewards are for a log alone")
    if isinstance(real, ParameterBox):
        return certify_box(
            BoxComparison(
                real=real.network.mdp(),
                twin=twin,
                policy=policy,
                twin_regret=twin_regret,
                box=real,
            ),
            tol=tol,
            max_seconds=max_seconds,
            progress=progress,
            stop_at=stop_at,
        )
    c = Comparison(real=real, twin=twin, policy=policy, twin_regret=twin_regret)
    measured = metric

    def of_the_metric() -> Iterator[Bound]:
        nonlocal measured
        measured = metric or dt_bsm(real, twin, tol=tol, max_seconds=max_seconds, progress=progress)
        yield from _of_the_metric(c, measured, max_seconds)

    ladder = FOR_ALL + (FOR_ONE if c.pi is not None else ()) + ITERATED
    steps: list[Step] = [(rung.__name__, partial(rung, c)) for rung in ladder]
    rungs, skipped = climb([*steps, ("dt_bsm", of_the_metric)], stop_at)
    mismatch, slack = c.mismatch()
    fingerprints = {"real": real.fingerprint(), "twin": twin.fingerprint()}
    if c.pi is not None:
        fingerprints["policy"] = policy_fingerprint(c.pi)
    return Certificate(
        rungs=rungs,
        skipped=skipped,
        drivers=ranked_drivers(
            mismatch, slack, np.abs(real.r - twin.r), total_variation(real, twin)
        ),
        twin_regret=c.eps,
        for_policy=c.pi is not None,
        confidence=1.0,
        n_states=real.n_states,
        max_diagonal=None if measured is None else measured.max_diagonal,
        fingerprints=fingerprints,
        settings={"tol": tol, "max_seconds": max_seconds, "stop_at": stop_at},
        evidence=Evidence(c, measured),
    )


def _of_the_metric(
    c: Comparison, metric: BisimulationMetric, max_seconds: float | None
) -> Iterator[Bound]:
    yield theorem1(c, metric)
    yield theorem1_one_step(c, metric)
    yield twin_metric(c, dt_bsm(c.twin, c.twin, max_seconds=max_seconds))
    if c.pi is not None:
        yield theorem1_gap_aware(c, metric)
        yield on_policy_metric(c, metric)
