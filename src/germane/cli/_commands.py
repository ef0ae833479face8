"""The commands: their options, their exit codes, and one line for each way they can be misused.

Exit codes: 0 the claim holds (or nothing was claimed), 1 it does not, 2 it cannot be certified,
64 misuse, 130 interrupted before anything was certain.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from typer.core import TyperGroup

from ..errors import GermaneError, InvalidParameter, NotConverged, TooLarge

if TYPE_CHECKING:
    from ..metrics import BisimulationMetric

HOLDS, DOES_NOT, CANNOT_CERTIFY, MISUSE, INTERRUPTED = 0, 1, 2, 64, 130
EXIT_CODES = {
    "pass": HOLDS,
    "fail": DOES_NOT,
    "cannot certify": CANNOT_CERTIFY,
    None: HOLDS,
}

UsageError: Any = typer.BadParameter.__mro__[1]
ClickException: Any = typer.BadParameter.__mro__[2]
"""The kin of ``BadParameter``, wherever this version of typer keeps them."""


class Stopped(Exception):
    """A command was interrupted and says what it leaves."""


class Commands(TyperGroup):
    """The group of commands, with germane's exit codes and one-line errors."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        kwargs["standalone_mode"] = False
        sys.exit(_exit_code(lambda: super(Commands, self).main(*args, **kwargs)))


def _exit_code(run: Any) -> int:
    """What ``run`` returns; or, after one line on standard error, what its error stands for."""
    try:
        code = int(run() or HOLDS)
        if code == INTERRUPTED:  # typer makes this of a KeyboardInterrupt; some versions do not
            raise KeyboardInterrupt
        return code
    except Stopped as error:
        return _complain(str(error), INTERRUPTED)
    except (NotConverged, TooLarge) as error:
        return _complain(str(error), CANNOT_CERTIFY)
    except GermaneError as error:
        return _complain(str(error), MISUSE)
    except ClickException as error:
        hint = " (see germane --help)" if isinstance(error, UsageError) else ""
        return _complain(f"{error.format_message()}{hint}", MISUSE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", MISUSE)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted before anything was certain", INTERRUPTED)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"germane: {' '.join(message.split())}\n")
    return code


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="How much can a policy trained in a digital twin lose on the real network? "
    "Certified answers.",
    epilog="Exit codes: 0 the claim holds, 1 it does not, 2 it cannot be certified, 64 misuse.",
)


def main() -> NoReturn:
    """The program ``germane``: runs the command line and exits."""
    app(prog_name="germane")
    raise AssertionError("a command always exits")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"germane {metadata.version('germane')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


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


@app.command()
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
    from ..mdp import require_comparable
    from . import _certify, _inputs, _show

    started = time.monotonic()
    _require_at_least_zero("--max-regret", max_regret)
    _require_at_least_zero("--twin-regret", twin_regret)
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
        command=_typed(
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
        _write(out, record, certificate, metric)
    if as_json:
        _print_json(record)
    else:
        _show.certificate(record)
        if out is not None:
            _show.line(f"Written: {out / 'report.html'} and the record beside it.", wrap=False)
    raise typer.Exit(EXIT_CODES[record["answer"]])


@app.command()
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
    from ..logs import draft_codebook
    from ..logs import estimate as counted
    from . import _estimate, _show

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
        _print_json(told)
    else:
        _show.estimate(told)
        if out is not None:
            _show.line(f"Written: {out}", wrap=False)


@app.command()
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
    from ..certificates import sample_plan
    from ..mdp import require_comparable
    from . import _certify, _inputs, _log_record, _show

    _require_at_least_zero("--target", target)
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
        _save_json(out / "plan.json", told)
    if as_json:
        _print_json(told)
    else:
        _show.plan(told)
        if out is not None:
            _show.line(f"Written: {out / 'plan.json'}, with every pair.", wrap=False)


@app.command()
def distance(
    real: Real,
    twin: Twin,
    tol: Tol = None,
    max_seconds: MaxSeconds = None,
    gamma: Gamma = None,
    renormalise: Renormalise = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far TWIN is from REAL.

    They share their actions and discount; they may differ in their numbers of states.
    """
    from ..mdp import require_comparable
    from . import _certify, _distance, _inputs, _show

    models = _certify.read_both(real, twin, _inputs.Reading(gamma=gamma, renormalise=renormalise))
    require_comparable(models[0].mdp, models[1].mdp)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    metric, _ = _certify.measured(*models, tol=tol, max_seconds=max_seconds)
    found = _distance.record(models[0], models[1], metric)
    if out is not None:
        _save_distances(out, metric)
        _save_json(out / "distance.json", found)
    if as_json:
        _print_json(found)
    else:
        _show.distance(found)
        if out is not None:
            _show.line(f"Written: {out / 'distance.json'} and distances.npz beside it.", wrap=False)


@app.command()
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
    from ..certificates import verify as verdict_on
    from . import _inputs, _show, _verify

    names = _verify.named_or_beside(certificate, real=real, twin=twin, policy=policy)
    real_mdp, twin_mdp = (
        _inputs.read_named(names[role], _inputs.Reading(gamma=gamma, renormalise=renormalise)).mdp
        for role in ("real", "twin")
    )
    chosen = _inputs.read_policy(names["policy"], real_mdp) if "policy" in names else None
    verdict = verdict_on(certificate, real_mdp, twin_mdp, chosen)
    if as_json:
        _print_json(_verify.record(verdict))
    else:
        _show.verdict(_verify.record(verdict))
    raise typer.Exit(_verify.EXIT_CODES[_verify.answer(verdict)])


@app.command()
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
    from . import _inputs, _show, _watch

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
        _print_json(told)
    else:
        _show.watch(told)
    raise typer.Exit(DOES_NOT if over.alarm else HOLDS)


@app.command()
def networks(as_json: AsJson = False) -> None:
    """List the networks that can be named, their sizes and their parameters."""
    from . import _networks

    found = _networks.record()
    if as_json:
        _print_json(found)
    else:
        _networks.show(found)


@app.command()
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
    from ..networks import from_spec
    from . import _show, _train
    from ._inputs import naming

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
    _save_json(out.with_suffix(".json"), found)
    curve = out.with_suffix(".svg")
    curve.write_text(_train.figure(found), encoding="utf-8", newline="\n")
    if as_json:
        _print_json(found)
        return
    _train.show(found)
    _show.line()
    for path in (out, out.with_suffix(".json"), curve):
        _show.line(f"Written: {path}", wrap=False)
    _show.line(
        f"Next: germane certify REAL {quote(network)} --policy {quote(str(out))}", wrap=False
    )


@app.command()
def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Paper and figure, such as dt-bsm/fig5."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List what there is.")] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="Seconds: to see that it runs.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Hours: closest to the paper.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of results [default: germane-reproduce/NAME]"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Jobs at a time; -1 for one per core [default: 1]"),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Send the jobs to the Dask cluster there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce a figure of the papers.

    Every finished job is kept in DIR: stopped for whatever reason, the same command goes on.
    """
    from . import _reproduce, _show

    if listing or name is None:
        found = _reproduce.listed()
        if as_json:
            _print_json(found)
        else:
            _reproduce.show_list(found)
        return
    if tiny and full:
        raise InvalidParameter("give --tiny or --full, not both")
    if jobs == 0:
        raise InvalidParameter("--jobs must not be 0")
    experiment = _reproduce.named(name)
    folder = out or Path("germane-reproduce") / name
    size = "tiny" if tiny else "full" if full else "default"
    try:
        found = _reproduce.reproduced(experiment, size, folder, n_jobs=jobs, dask=dask)
    except KeyboardInterrupt:
        raise Stopped(
            f"interrupted; what is done is kept in {folder}: the same command goes on from there"
        ) from None
    _save_json(folder / "analysis.json", found)
    (folder / "analysis.md").write_text(_reproduce.markdown(found), encoding="utf-8", newline="\n")
    figures = _reproduce.write_figures(found, folder)
    if as_json:
        _print_json(found)
        return
    _reproduce.show(found)
    _show.line()
    for path in (folder / "analysis.json", folder / "analysis.md", *figures):
        _show.line(f"Written: {path}", wrap=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")] = Path(
        "germane-demo"
    ),
    size: Annotated[Literal["small", "tiny"], typer.Option(help="Size of the network.")] = "small",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the learner.")] = 0,
    max_regret: Annotated[
        float, typer.Option(metavar="X", help="The claim: it loses at most X.")
    ] = 2.0,
) -> None:
    """Go the whole way on an example network.

    Twin, training, certificate, report: in seconds, and the same for the same seed.
    """
    from . import _certify, _demo, _show

    started = time.monotonic()
    _require_at_least_zero("--max-regret", max_regret)
    out.mkdir(parents=True, exist_ok=True)
    scene = _demo.Scene.of_size(size, say=_show.line)
    trained = _demo.train(scene, seed=seed, say=_show.line)
    _show.line("Measuring how far the twin is, and certifying the trained policy ...")
    record, certificate, metric = _certify.certified(
        scene.real,
        scene.twin,
        policy=trained.policy,
        policy_name=trained.name,
        max_regret=max_regret,
        title=_demo.TITLE,
        units=_demo.UNITS,
        training=trained.record(),
        started=started,
        settings={"size": size, "seed": seed, "training steps": trained.n_steps},
        command=_typed("demo", size=size, seed=seed, max_regret=max_regret),
    )
    _write(out, record, certificate, metric)
    scene.write(out, trained.policy)
    _show.line()
    _show.certificate(record)
    _show.line()
    _show.line(f"Open {out / 'report.html'} in a browser.", "bold", wrap=False)


def _write(out: Path, record: Any, certificate: Any, metric: BisimulationMetric | None) -> None:
    """``certificate.json``, ``report.json``, ``report.html`` and ``distances.npz``."""
    from .. import report

    certificate.save(out / "certificate.json")
    _save_json(out / "report.json", record)
    report.write(record, out / "report.html")
    if metric is None:
        (out / "distances.npz").unlink(missing_ok=True)
    else:
        _save_distances(out, metric)


def _save_distances(out: Path, metric: BisimulationMetric) -> None:
    import numpy as np

    np.savez(out / "distances.npz", lower=metric.lower, upper=metric.upper)


def _save_json(path: Path, value: Any) -> None:
    path.write_text(_json(value), encoding="utf-8", newline="\n")


def _print_json(value: Any) -> None:
    typer.echo(_json(value), nl=False)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _typed(command: str, *arguments: str, **options: Any) -> str:
    """The command line, less ``--out``, that gives the same again."""
    words = ["germane", command, *map(quote, arguments)]
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words += map(quote, map(str, value if isinstance(value, tuple) else (value,)))
    return " ".join([*words, "--out DIR"])


def _require_at_least_zero(option: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise InvalidParameter(f"{option} must be finite and at least 0; got {value}")
