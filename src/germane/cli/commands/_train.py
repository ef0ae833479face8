"""``germane train``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from ...errors import InvalidParameter
from .._app import Stopped
from .._options import AsJson
from .._output import print_json, save_json


def train(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="A named network: see germane networks.")
    ],
    algorithm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The learner [default: what measurements recommend]"),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Samples of the network [default: 100 a state-action pair; 20,000 for deep learners]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the learner.")] = 0,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The policy.")] = Path("policy.npz"),
    as_json: AsJson = False,
) -> None:
    """Train a policy in a network, such as a digital twin.

    Writes the policy for certify --policy, and beside it a record (.json) and the learning curve
    (.svg). Stopped for whatever reason, the same command goes on; deep learners begin anew.
    """
    from ...networks import from_spec
    from .. import _show, _train
    from .._inputs import naming

    if out.suffix != ".npz":
        raise InvalidParameter(f"--out ends in .npz; got {str(out)!r}")
    with naming(network):
        made = from_spec(network)
    chosen = algorithm or _train.algorithm_for(made)
    order = _train.Order(
        network=network, algorithm=_train.checked_algorithm(chosen, made), n_steps=steps, seed=seed
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = _train.trained(order, made, out, asked=algorithm is not None)
    except KeyboardInterrupt:
        raise Stopped(_train.left_behind(out)) from None
    save_json(out.with_suffix(".json"), found)
    curve = out.with_suffix(".svg")
    curve.write_text(_train.figure(found), encoding="utf-8", newline="\n")
    if as_json:
        print_json(found)
        return
    _train.show(found)
    _show.line()
    for path in (out, out.with_suffix(".json"), curve):
        _show.line(f"Written: {path}", wrap=False)
    _show.line(
        f"Next: germane certify REAL {quote(network)} --policy {quote(str(out))}", wrap=False
    )
