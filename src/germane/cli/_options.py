"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MODEL_HELP = (
    "A model file (.npz, .tra, .drn), a log (.parquet, .csv, .jsonl; or what germane estimate wrote), "
    "or a network: admission-control?size=tiny"
)
Real = Annotated[str, typer.Argument(metavar="REAL", help=f"The real network. {MODEL_HELP}")]
Twin = Annotated[str, typer.Argument(metavar="TWIN", help="Its digital twin, named the same way.")]
Policy = Annotated[
    str | None,
    typer.Option(
        metavar="P",
        help="The policy: .npy, .npz, .json or .csv of one action, or one row of probabilities, "
        "a state; or twin-optimal, to plan in the twin. Without it: every policy with at most "
        "--twin-regret.",
    ),
]
TwinRegret = Annotated[
    float | None,
    typer.Option(
        metavar="E", help="Largest loss in the twin, where no policy is given [default: 0]"
    ),
]
Tol = Annotated[
    float | None,
    typer.Option(
        help="Width of the metric's intervals, in reward units [default: 1e-6 of the most]"
    ),
]
MaxSeconds = Annotated[
    float | None, typer.Option(help="Stop the metric after about this time, with what is certain.")
]
Gamma = Annotated[
    float | None,
    typer.Option(help="Discount factor, for what holds none (.tra, .drn, logs)."),
]
CodebookFile = Annotated[
    str | None,
    typer.Option(metavar="C", help="For a log of KPIs: the codebook that makes states of them."),
]
RewardRange = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="LOW HIGH",
        help="For a log: where every reward of the network lies [default: what the log shows]",
    ),
]
Confidence = Annotated[
    float, typer.Option(help="For a log: the probability with which the certificate holds.")
]
KnownSupport = Annotated[
    bool,
    typer.Option(
        "--known-support",
        help="For a log: REAL makes no transition that TWIN rules out.",
    ),
]
KnownRewards = Annotated[
    bool, typer.Option("--known-rewards", help="For a log: REAL's mean rewards are TWIN's.")
]
TvTolerance = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="For a log: no row of TWIN is off by more than X in total variation (0 to 1), and ...",
    ),
]
RewardTolerance = Annotated[
    float | None,
    typer.Option(metavar="Y", help="... no mean reward of TWIN by more than Y."),
]
Renormalise = Annotated[
    bool,
    typer.Option(
        "--renormalise", help="Divide rows that are off by printed digits (1e-6) by their sums."
    ),
]
BesideReal = Annotated[
    str | None,
    typer.Option(
        "--real", metavar="R", help="The real network [default: real.npz beside CERT.json]"
    ),
]
BesideTwin = Annotated[
    str | None,
    typer.Option(
        "--twin", metavar="T", help="Its digital twin [default: twin.npz beside CERT.json]"
    ),
]
BesidePolicy = Annotated[
    str | None,
    typer.Option(
        "--policy", metavar="P", help="The policy certified [default: policy.npy beside it]"
    ),
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to write the results into.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
