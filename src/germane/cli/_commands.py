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
    from numpy.typing import NDArray

    from ..certificates import Repair
    from ..metrics import BisimulationMetric
    from ._inputs import Model

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


MODEL_HELP = "A model file (.npz, .tra, .drn) or a network: admission-control?size=tiny"
Real = Annotated[str, typer.Argument(metavar="REAL", help=f"The real network. {MODEL_HELP}")]
Twin = Annotated[str, typer.Argument(metavar="TWIN", help="Its digital twin, named the same way.")]
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
    float | None, typer.Option(help="Discount factor, for files that hold none (.tra, .drn).")
]
Renormalise = Annotated[
    bool,
    typer.Option(
        "--renormalise", help="Divide rows that are off by printed digits (1e-6) by their sums."
    ),
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to write the results into.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def certify(
    real: Real,
    twin: Twin,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="The policy: .npy, .npz, .json or .csv of one action, or one row of probabilities, "
            "a state; or twin-optimal, to plan in the twin. Without it: every policy with at most "
            "--twin-regret.",
        ),
    ] = None,
    twin_regret: Annotated[
        float | None,
        typer.Option(
            metavar="E", help="Largest loss in the twin, where no policy is given [default: 0]"
        ),
    ] = None,
    max_regret: Annotated[
        float | None, typer.Option(metavar="X", help="The claim: it loses at most X.")
    ] = None,
    tol: Tol = None,
    max_seconds: MaxSeconds = None,
    gamma: Gamma = None,
    renormalise: Renormalise = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Certify what a policy trained in TWIN can lose on REAL, at most.

    Exit codes: 0 the claim holds (or none was made), 1 it does not, 2 it cannot be certified,
    64 misuse.
    """
    from ..mdp import require_comparable, solve
    from . import _inputs, _show

    started = time.monotonic()
    _require_at_least_zero("--max-regret", max_regret)
    _require_at_least_zero("--twin-regret", twin_regret)
    if policy is not None and twin_regret is not None:
        raise InvalidParameter("give --policy or --twin-regret, not both")
    models = [_inputs.read_named(x, gamma=gamma, renormalise=renormalise) for x in (real, twin)]
    require_comparable(models[0].mdp, models[1].mdp, same_states=True)
    if policy is None:
        chosen, name = None, None
    elif policy == _inputs.TWIN_OPTIMAL:
        chosen, name = solve(models[1].mdp).policy, "optimal in the twin (planned)"
    else:
        chosen, name = _inputs.read_policy(policy, models[0].mdp), policy
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    record, certificate, metric = _certified(
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
        ),
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
    from . import _distance, _inputs, _show

    models = [_inputs.read_named(x, gamma=gamma, renormalise=renormalise) for x in (real, twin)]
    require_comparable(models[0].mdp, models[1].mdp)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    metric, _ = _measured(*models, tol=tol, max_seconds=max_seconds)
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
    real: Annotated[
        str | None,
        typer.Option(metavar="R", help="The real network [default: real.npz beside CERT.json]"),
    ] = None,
    twin: Annotated[
        str | None,
        typer.Option(metavar="T", help="Its digital twin [default: twin.npz beside CERT.json]"),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="P", help="The policy certified [default: policy.npy beside it]"),
    ] = None,
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
        _inputs.read_named(names[role], gamma=gamma, renormalise=renormalise).mdp
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
    from . import _demo, _show

    started = time.monotonic()
    _require_at_least_zero("--max-regret", max_regret)
    out.mkdir(parents=True, exist_ok=True)
    scene = _demo.Scene.of_size(size, say=_show.line)
    trained = _demo.train(scene, seed=seed, say=_show.line)
    _show.line("Measuring how far the twin is, and certifying the trained policy ...")
    record, certificate, metric = _certified(
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


def _certified(
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
    **about: Any,
) -> tuple[dict[str, Any], Any, BisimulationMetric | None]:
    """The record, the certificate and the metric; the metric is left out if it is too large."""
    from .. import certificates
    from ._record import loss, record

    asked = tol
    try:
        metric, tol = _measured(real, twin, tol=tol, max_seconds=max_seconds)
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
    from ..certificates import repair_advice

    if real.network is None or twin.network is None:
        return repair_advice(real.mdp, twin.mdp)
    return repair_advice(real.network, twin.network, n_rows=0)


def _measured(
    real: Model, twin: Model, *, tol: float | None, max_seconds: float | None
) -> tuple[BisimulationMetric, float | None]:
    """The metric, under a progress bar, and the tolerance that was asked of it."""
    from ..metrics import dt_bsm, largest_reward_difference
    from . import _show

    if tol is None:
        most = largest_reward_difference(real.mdp, twin.mdp) / (1 - real.mdp.gamma)
        tol = 1e-6 * most or None
    with _show.measuring(tol) as moved:
        metric = dt_bsm(real.mdp, twin.mdp, tol=tol, max_seconds=max_seconds, progress=moved)
    if metric.stop == "interrupt":
        sys.stderr.write("Interrupted: going on with what is certain so far.\n")
    return metric, tol


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
            words.append(quote(str(value)))
    return " ".join([*words, "--out DIR"])


def _require_at_least_zero(option: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise InvalidParameter(f"{option} must be finite and at least 0; got {value}")
