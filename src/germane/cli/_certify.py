"""From what the user named to a certificate and its record: of two models, or of a log."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import certificates
from ..errors import InvalidParameter, TooLarge
from ..logs import RectangularSet
from ..mdp import solve
from ..metrics import dt_bsm, largest_reward_difference
from . import _inputs, _show
from ._log_record import samples
from ._record import loss, record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..certificates import Repair
    from ..metrics import BisimulationMetric
    from ._inputs import Model, Reading


def read_both(real: str, twin: str, how: Reading) -> tuple[Model, Model]:
    """Both models; a log takes the discount of the twin, where none is given."""
    if how.gamma is not None or not real.endswith(_inputs.LOG_SUFFIXES):
        return _inputs.read_named(real, how), _inputs.read_named(twin, how)
    believed = _inputs.read_named(twin, how)
    return _inputs.read_named(real, replace(how, gamma=believed.mdp.gamma)), believed


def chosen_policy(
    policy: str | None, real: Model, twin: Model
) -> tuple[NDArray[Any] | None, str | None]:
    """The policy that ``--policy`` stands for, and its name."""

    if policy is None:
        return None, None
    if policy == _inputs.TWIN_OPTIMAL:
        return solve(twin.mdp).policy, "optimal in the twin (planned)"
    return _inputs.read_policy(policy, real.mdp), policy


def log_options(
    models: tuple[Model, Model],
    *,
    confidence: float,
    known_support: bool,
    known_rewards: bool,
    tv_tolerance: float | None,
    reward_tolerance: float | None,
) -> dict[str, Any] | None:
    """The options of :func:`germane.certify` for a log; ``None`` where REAL is none.

    Raises:
        InvalidParameter: an option for a log is given without one, or one tolerance of the two.
    """
    real, twin = models
    tolerances = (tv_tolerance, reward_tolerance)
    given = known_support or known_rewards or tolerances != (None, None)
    if real.estimate is None:
        if given:
            raise InvalidParameter(
                "--known-support, --known-rewards and the tolerances are for a REAL that is a log"
            )
        return None
    within = []
    if tolerances != (None, None):
        if tv_tolerance is None or reward_tolerance is None:
            raise InvalidParameter("give --tv-tolerance and --reward-tolerance together")
        why = (
            f"no row of the twin is off by more than {tv_tolerance:g} in total variation, and no mean "
            f"reward by more than {reward_tolerance:g}"
        )
        within.append(
            RectangularSet(centre=twin.mdp, tv=tv_tolerance, reward_gap=reward_tolerance, why=why)
        )
    return {
        "confidence": confidence,
        "known_support": known_support,
        "known_rewards": known_rewards,
        "within": within,
    }


def _from_log(
    real: Model,
    twin: Model,
    *,
    options: dict[str, Any],
    max_regret: float | None,
    policy_name: str | None,
    started: float,
    settings: dict[str, Any],
    **about: Any,
) -> tuple[dict[str, Any], Any]:
    """The record and the certificate from a log."""
    assert real.estimate is not None
    found = certificates.certify(real.estimate, twin.estimate or twin.mdp, **options)
    settings = settings | {"confidence": options["confidence"]}
    written = record(
        real=real,
        twin=twin,
        certificate=found,
        metric=None,
        max_regret=max_regret,
        policy_name=policy_name,
        losses=[],
        samples=samples(found, real, twin, max_regret, **options),
        settings=settings,
        timings={"total_seconds": time.monotonic() - started},
        **about,
    )
    return written, found


def certified(
    real: Model,
    twin: Model,
    *,
    policy: NDArray[Any] | None,
    policy_name: str | None,
    max_regret: float | None,
    started: float,
    settings: dict[str, Any],
    twin_regret: float | None = None,
    tol: float | None = None,
    max_seconds: float | None = None,
    from_log: dict[str, Any] | None = None,
    **about: Any,
) -> tuple[dict[str, Any], Any, BisimulationMetric | None]:
    """The record, the certificate and the metric; the metric is left out if it is too large."""
    if from_log is not None:
        options = from_log | {"policy": policy, "twin_regret": twin_regret}
        written, found = _from_log(
            real,
            twin,
            options=options,
            max_regret=max_regret,
            policy_name=policy_name,
            started=started,
            settings=settings,
            **about,
        )
        return written, found, None
    asked = tol
    try:
        metric, tol = measured(real, twin, tol=tol, max_seconds=max_seconds)
    except TooLarge:
        metric = None  # certify finds out again, and says so in the certificate
    found = certificates.certify(
        real.mdp,
        twin.mdp,
        policy=policy,
        twin_regret=twin_regret,
        metric=metric,
        tol=asked,
        max_seconds=max_seconds,
    )
    rows = [loss("optimal in the twin (planned)", real.mdp, twin.mdp)]
    if policy is not None and policy_name != rows[0]["name"]:
        rows.insert(0, loss(str(policy_name), real.mdp, twin.mdp, policy))
    rows[0]["certified"] = policy is not None
    timings = {"total_seconds": time.monotonic() - started}
    if metric is not None:
        timings["metric_seconds"] = metric.seconds
    written = record(
        real=real,
        twin=twin,
        certificate=found,
        metric=metric,
        max_regret=max_regret,
        policy_name=policy_name,
        losses=rows,
        repairs=_advice(real, twin),
        settings={**settings, "tol": tol, "max_seconds": max_seconds},
        timings=timings,
        **about,
    )
    return written, found, metric


def _advice(real: Model, twin: Model) -> tuple[Repair, ...]:
    """What to correct in the twin first: parameters of a network, else rows of the model."""
    if real.network is None or twin.network is None:
        return certificates.repair_advice(real.mdp, twin.mdp)
    return certificates.repair_advice(real.network, twin.network, n_rows=0)


def measured(
    real: Model, twin: Model, *, tol: float | None, max_seconds: float | None
) -> tuple[BisimulationMetric, float | None]:
    """The metric, under a progress bar, and the tolerance that was asked of it."""
    if tol is None:
        most = largest_reward_difference(real.mdp, twin.mdp) / (1 - real.mdp.gamma)
        tol = 1e-6 * most or None
    with _show.measuring(tol) as moved:
        metric = dt_bsm(real.mdp, twin.mdp, tol=tol, max_seconds=max_seconds, progress=moved)
    if metric.stop == "interrupt":
        sys.stderr.write("Interrupted: going on with what is certain so far.\n")
    return metric, tol
