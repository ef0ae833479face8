"""``germane estimate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from ...errors import InvalidParameter
from .._options import AsJson
from .._output import print_json


def estimate(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGS...",
            help="Files (.parquet, .csv, .jsonl), globs in quotes, folders; or a Minari data set.",
        ),
    ],
    gamma: Annotated[float | None, typer.Option(help="Discount factor, in [0, 1).")] = None,
    codebook: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="For logs of KPIs, a row a time step: a .toml file that says what the columns are, or "
            "the name of one that is shipped (coloran, oran-slicing).",
        ),
    ] = None,
    init: Annotated[
        bool,
        typer.Option("--init", help="Draft a codebook from the columns of LOGS; estimate nothing."),
    ] = False,
    reward_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Where every reward of the network lies, from knowledge [default: what the log shows]",
        ),
    ] = None,
    n_states: Annotated[
        int | None, typer.Option(metavar="S", help="Without a codebook: number of states ...")
    ] = None,
    n_actions: Annotated[
        int | None, typer.Option(metavar="A", help="... and actions [default: as many as seen]")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=OWN",
            help="Without a codebook: what the log calls state, action, reward, ...; may be repeated.",
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Only the episodes K modulo N: 0/2 and 1/2 share no row."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=V,V", help="Only rows with these values; may be repeated."),
    ] = None,
    engine: Annotated[Literal["duckdb", "spark"], typer.Option(help="What counts.")] = "duckdb",
    out: Annotated[
        Path | None,
        typer.Option(metavar="M.npz", help="File to write the estimate (or draft) into."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count what LOGS say of a network, for germane certify and plan.

    Rows that are no transition are left out and counted by reason; pairs of state and action that
    were never tried are reported, never filled in.
    """
    from ...logs import draft_codebook
    from ...logs import estimate as counted
    from .. import _estimate, _show

    started = time.monotonic()
    if init:
        draft = draft_codebook(logs)
        if out is None:
            typer.echo(draft, nl=False)
        else:
            out.write_text(draft, encoding="utf-8", newline="\n")
            _show.line(f"Written: {out}. Go through its lines that say DECIDE.", wrap=False)
        return
    if gamma is None:
        raise InvalidParameter("a log holds no discount: give --gamma")
    if out is not None and out.suffix != ".npz":
        raise InvalidParameter(f"--out is a file that ends in .npz; got {out}")
    with _estimate.engine_called(engine) as runs, _show.counting() as moved:
        found = counted(
            logs[0] if len(logs) == 1 else logs,
            gamma=gamma,
            codebook=codebook,
            n_states=n_states,
            n_actions=n_actions,
            reward_range=reward_range,
            columns=_estimate.columns_typed(column or []),
            part=_estimate.part_typed(part) if part else (0, 1),
            only=_estimate.only_typed(only or []),
            engine=runs,
            progress=moved,
        )
    if out is not None:
        found.save(out)
    told = _estimate.record(found, seconds=time.monotonic() - started)
    if as_json:
        print_json(told)
    else:
        _show.estimate(told)
        if out is not None:
            _show.line(f"Written: {out}", wrap=False)
