"""``germane verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._options import AsJson, BesidePolicy, BesideReal, BesideTwin, Gamma, Renormalise
from .._output import print_json


def verify(
    certificate: Annotated[
        Path, typer.Argument(metavar="CERT.json", help="What germane certify --out wrote.")
    ],
    real: BesideReal = None,
    twin: BesideTwin = None,
    policy: BesidePolicy = None,
    gamma: Gamma = None,
    renormalise: Renormalise = False,
    as_json: AsJson = False,
) -> None:
    """Check a certificate independently, by exact arithmetic.

    Exit codes: 0 its bound is proved, 1 something in it is refuted, 2 it cannot be verified,
    64 misuse.
    """
    from ...certificates import verify as verdict_on
    from .. import _inputs, _show, _verify

    names = _verify.named_or_beside(certificate, real=real, twin=twin, policy=policy)
    real_mdp, twin_mdp = (
        _inputs.read_named(names[role], _inputs.Reading(gamma=gamma, renormalise=renormalise)).mdp
        for role in ("real", "twin")
    )
    chosen = _inputs.read_policy(names["policy"], real_mdp) if "policy" in names else None
    verdict = verdict_on(certificate, real_mdp, twin_mdp, chosen)
    if as_json:
        print_json(_verify.record(verdict))
    else:
        _show.verdict(_verify.record(verdict))
    raise typer.Exit(_verify.EXIT_CODES[_verify.answer(verdict)])
