"""``germane watch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._app import DOES_NOT, HOLDS
from .._options import (
    AsJson,
    BesidePolicy,
    BesideReal,
    BesideTwin,
    CodebookFile,
    Gamma,
    Renormalise,
    RewardTolerance,
    TvTolerance,
)
from .._output import print_json


def watch(
    certificate: Annotated[
        Path, typer.Argument(metavar="CERT.json", help="What germane certify --out wrote.")
    ],
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGS...",
            help="New transitions in their order: files, globs in quotes, folders. Not those that the "
            "certificate was made from.",
        ),
    ],
    alpha: Annotated[
        float, typer.Option(help="The largest probability of a false alarm, over all time.")
    ] = 0.05,
    codebook: CodebookFile = None,
    reward_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="For two models: where all rewards lie; without it rewards are not watched.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="A model of what to look out for, named like REAL; may be repeated.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz", help="Go on from what this file kept, and keep what was seen in it."
        ),
    ] = None,
    real: BesideReal = None,
    twin: BesideTwin = None,
    policy: BesidePolicy = None,
    gamma: Gamma = None,
    renormalise: Renormalise = False,
    tv_tolerance: TvTolerance = None,
    reward_tolerance: RewardTolerance = None,
    as_json: AsJson = False,
) -> None:
    """Watch whether the network is still what CERT.json was issued for.

    Exit codes: 0 no alarm, 1 the alarm is raised, 64 misuse.
    """
    from .. import _inputs, _show, _watch

    over, network = _watch.opened(
        certificate,
        named={"real": real, "twin": twin, "policy": policy},
        how=_inputs.Reading(gamma=gamma, renormalise=renormalise, reward_range=reward_range),
        tolerances=(tv_tolerance, reward_tolerance),
        against=against or [],
        alpha=alpha,
    )
    if state is not None and state.exists():
        over.resume(state)
    _watch.follow(over, logs, network, codebook)
    if state is not None:
        over.save(state)
    told = _watch.record(over, network)
    if as_json:
        print_json(told)
    else:
        _show.watch(told)
    raise typer.Exit(DOES_NOT if over.alarm else HOLDS)
