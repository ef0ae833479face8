"""``germane certify``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ...errors import InvalidParameter
from .._app import CANNOT_CERTIFY, DOES_NOT, HOLDS
from .._options import (
    AsJson,
    CodebookFile,
    Confidence,
    Gamma,
    KnownRewards,
    KnownSupport,
    MaxSeconds,
    Out,
    Policy,
    Real,
    Renormalise,
    RewardRange,
    RewardTolerance,
    Tol,
    TvTolerance,
    Twin,
    TwinRegret,
)
from .._output import print_json, require_at_least_zero, typed, write_results

EXIT_CODES = {
    "pass": HOLDS,
    "fail": DOES_NOT,
    "cannot certify": CANNOT_CERTIFY,
    None: HOLDS,
}


def certify(
    real: Real,
    twin: Twin,
    policy: Policy = None,
    twin_regret: TwinRegret = None,
    max_regret: Annotated[
        float | None, typer.Option(metavar="X", help="The claim: it loses at most X.")
    ] = None,
    tol: Tol = None,
    max_seconds: MaxSeconds = None,
    gamma: Gamma = None,
    renormalise: Renormalise = False,
    codebook: CodebookFile = None,
    reward_range: RewardRange = None,
    confidence: Confidence = 0.95,
    known_support: KnownSupport = False,
    known_rewards: KnownRewards = False,
    tv_tolerance: TvTolerance = None,
    reward_tolerance: RewardTolerance = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Certify what a policy trained in TWIN can lose on REAL, at most.

    REAL may be a log: then the certificate holds with probability --confidence.

    Exit codes: 0 the claim holds (or none was made), 1 it does not, 2 it cannot be certified,
    64 misuse.
    """
    from ...mdp import require_comparable
    from .. import _certify, _inputs, _show

    started = time.monotonic()
    require_at_least_zero("--max-regret", max_regret)
    require_at_least_zero("--twin-regret", twin_regret)
    if policy is not None and twin_regret is not None:
        raise InvalidParameter("give --policy or --twin-regret, not both")
    models = _certify.read_both(
        real,
        twin,
        _inputs.Reading(
            gamma=gamma, renormalise=renormalise, codebook=codebook, reward_range=reward_range
        ),
    )
    require_comparable(models[0].mdp, models[1].mdp, same_states=True)
    from_log = _certify.log_options(
        models,
        confidence=confidence,
        known_support=known_support,
        known_rewards=known_rewards,
        tv_tolerance=tv_tolerance,
        reward_tolerance=reward_tolerance,
    )
    chosen, name = _certify.chosen_policy(policy, *models)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    record, certificate, metric = _certify.certified(
        *models,
        policy=chosen,
        policy_name=name,
        twin_regret=twin_regret,
        max_regret=max_regret,
        tol=tol,
        max_seconds=max_seconds,
        title=f"{real} and its twin {twin}",
        started=started,
        settings={"gamma": gamma, "renormalise": renormalise or None},
        command=typed(
            "certify",
            real,
            twin,
            policy=policy,
            twin_regret=twin_regret,
            max_regret=max_regret,
            tol=tol,
            max_seconds=max_seconds,
            gamma=gamma,
            renormalise=renormalise,
            codebook=codebook,
            reward_range=reward_range,
            confidence=confidence if from_log else None,
            known_support=known_support,
            known_rewards=known_rewards,
            tv_tolerance=tv_tolerance,
            reward_tolerance=reward_tolerance,
        ),
        from_log=from_log,
    )
    if out is not None:
        write_results(out, record, certificate, metric)
    if as_json:
        print_json(record)
    else:
        _show.certificate(record)
        if out is not None:
            _show.line(f"Written: {out / 'report.html'} and the record beside it.", wrap=False)
    raise typer.Exit(EXIT_CODES[record["answer"]])
