"""``germane plan``."""

from __future__ import annotations

from typing import Annotated

import typer

from ...errors import InvalidParameter
from .._options import (
    AsJson,
    CodebookFile,
    Confidence,
    Gamma,
    KnownRewards,
    KnownSupport,
    Out,
    Policy,
    RewardRange,
    RewardTolerance,
    TvTolerance,
    Twin,
    TwinRegret,
)
from .._output import print_json, require_at_least_zero, save_json


def plan(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="Pilot samples: a log, or an estimate of one.")
    ],
    twin: Twin,
    target: Annotated[
        float, typer.Option(metavar="X", help="The bound to reach, in reward units.")
    ],
    policy: Policy = None,
    twin_regret: TwinRegret = None,
    gamma: Gamma = None,
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
    """Plan which further samples would bring the certificate of LOG and TWIN to a target.

    Every sample costs the same. It is an expectation, no guarantee: certify again with the samples.
    """
    from ...certificates import sample_plan
    from ...mdp import require_comparable
    from .. import _certify, _inputs, _log_record, _show

    require_at_least_zero("--target", target)
    models = _certify.read_both(
        log, twin, _inputs.Reading(gamma=gamma, codebook=codebook, reward_range=reward_range)
    )
    require_comparable(models[0].mdp, models[1].mdp, same_states=True)
    options = _certify.log_options(
        models,
        confidence=confidence,
        known_support=known_support,
        known_rewards=known_rewards,
        tv_tolerance=tv_tolerance,
        reward_tolerance=reward_tolerance,
    )
    counted = models[0].estimate
    if options is None or counted is None:
        raise InvalidParameter(f"{log} is no log: there is nothing to sample of a model")
    chosen, _ = _certify.chosen_policy(policy, *models)
    found = sample_plan(
        counted,
        models[1].mdp,
        target=target,
        policy=chosen,
        twin_regret=twin_regret,
        **options,
    )
    told = {"schema": "germane.plan/1"} | _log_record.plan_record(found, models[0])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        save_json(out / "plan.json", told)
    if as_json:
        print_json(told)
    else:
        _show.plan(told)
        if out is not None:
            _show.line(f"Written: {out / 'plan.json'}, with every pair.", wrap=False)
