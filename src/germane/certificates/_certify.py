"""From two models and a policy to a certificate."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidParameter, TooLarge
from ..mdp import FiniteMDP, policy_probabilities, require_comparable
from ..metrics import BisimulationMetric, dt_bsm, largest_reward_difference, total_variation
from ._certificate import Certificate, Driver
from ._exact import exact
from ._theorem1 import theorem1
from ._theorem1_tv import theorem1_tv
from ._trivial import trivial

N_DRIVERS = 10


def certify(
    real: FiniteMDP,
    twin: FiniteMDP,
    *,
    policy: ArrayLike | None = None,
    twin_regret: float | None = None,
    metric: BisimulationMetric | None = None,
    tol: float | None = None,
    max_seconds: float | None = None,
    progress: Callable[[BisimulationMetric], object] | None = None,
) -> Certificate:
    r"""The certificate for a policy, or for all policies good enough in the twin.

    Cheap rungs first: L0 (trivial), L1 (Theorem 1 by total variation), the exact regret where the
    policy is known, then L3 (Theorem 1 by the DT-BSM).

    Args:
        real, twin: models with the same states, actions and discount.
        policy: ``(S,)`` actions or ``(S, A)`` probabilities; its regret in the twin is computed.
            ``None``: the certificate holds for every policy with regret at most ``twin_regret`` in
            the twin.
        twin_regret: largest regret in the twin [reward units] when no policy is given; 0 by
            default: policies that are optimal in the twin.
        metric: ``dt_bsm(real, twin)`` when it is there already.
        tol, max_seconds, progress: for :func:`germane.dt_bsm`. Out of time, L3 uses what is certain
            by then.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.
        InvalidPolicy: ``policy`` is not a policy of these models.
        InvalidParameter: ``twin_regret`` is negative or not finite, or given beside a policy.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorem 1.
    """
    require_comparable(real, twin, same_states=True)
    if policy is not None and twin_regret is not None:
        raise InvalidParameter("give a policy or its twin_regret, not both")
    epsilon = float(twin_regret or 0.0) if policy is None else exact(twin, policy).value
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise InvalidParameter(f"twin_regret must be finite and >= 0; got {twin_regret}")
    bounds = [trivial(real), theorem1_tv(real, twin, twin_regret=epsilon)]
    if policy is not None:
        bounds.append(exact(real, policy))
    skipped: dict[str, str] = {}
    try:
        metric = metric or dt_bsm(real, twin, tol=tol, max_seconds=max_seconds, progress=progress)
        bounds.append(theorem1(real, metric, twin_regret=epsilon))
    except TooLarge as error:
        skipped["L3"] = str(error)
    fingerprints = {"real": real.fingerprint(), "twin": twin.fingerprint()}
    if policy is not None:
        pi = policy_probabilities(real, policy)
        fingerprints["policy"] = hashlib.sha256(pi.astype("<f8").tobytes()).hexdigest()
    return Certificate(
        rungs={bound.name: bound for bound in bounds},
        skipped=skipped,
        drivers=_drivers(real, twin),
        twin_regret=epsilon,
        for_policy=policy is not None,
        confidence=1.0,
        max_diagonal=None if metric is None else metric.max_diagonal,
        fingerprints=fingerprints,
    )


def _drivers(real: FiniteMDP, twin: FiniteMDP) -> tuple[Driver, ...]:
    """The pairs with the largest terms of ``d_TV``, largest first; pairs that agree are left out."""
    gap, tv = np.abs(real.r - twin.r), total_variation(real, twin)
    factor = real.gamma / (1 - real.gamma) * largest_reward_difference(real, twin)
    distance = gap + factor * tv
    ranked = np.argsort(-distance, axis=None, kind="stable")[:N_DRIVERS]
    pairs = zip(*np.unravel_index(ranked, distance.shape), strict=True)
    return tuple(
        Driver(
            state=int(s),
            action=int(a),
            reward_gap=float(gap[s, a]),
            total_variation=float(tv[s, a]),
            distance=float(distance[s, a]),
        )
        for s, a in pairs
        if distance[s, a] > 0
    )
