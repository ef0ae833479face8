"""The record of a certificate: one JSON document, from which the page is made.

Schema ``germane.report/1``. The clock goes under ``timings`` alone, which no page shows.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ..certificates import Certificate, Repair, regret_interval
from ..mdp import FiniteMDP, solve
from ..report import SCHEMA
from ..report.words import NEGLIGIBLE
from . import _log_record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..logs import EstimatedMDP
    from ..metrics import BisimulationMetric
    from ..networks import NamedNetwork
    from ._inputs import Model

Json = dict[str, Any]

N_WORST_STATES = 4
N_REPAIRS = 8
STOPS = {
    "tolerance": "the tolerance asked for was met",
    "rounding": "double precision allows no less",
    "time": "the time allowed was up",
    "interrupt": "it was interrupted",
}


@dataclass(frozen=True, kw_only=True)
class Units:
    """What a number of the certificate counts.

    Attributes:
        name: behind the number.
        meaning: one sentence.
    """

    name: str = "reward units"
    meaning: str = "One unit is one unit of reward in the models."


def record(
    *,
    title: str,
    real: Model,
    twin: Model,
    certificate: Certificate,
    metric: BisimulationMetric | None,
    max_regret: float | None,
    policy_name: str | None,
    losses: Sequence[Json],
    command: str,
    settings: Mapping[str, Any],
    repairs: Sequence[Repair] = (),
    units: Units | None = None,
    training: Json | None = None,
    samples: Json | None = None,
    timings: Mapping[str, float] | None = None,
) -> Json:
    """The record of a certificate and of how it came about.

    Args:
        title: what the report is about.
        losses: rows ``name``, ``loss_in_twin``, ``loss_on_real``, ``certified`` for the evidence.
        command: what to type to get the same certificate again.
        repairs: corrections of the twin, ranked.
        samples: which further samples would help, where the real network is known from a log.
    """
    gamma = real.mdp.gamma
    exact = certificate.rungs.get("exact")
    units = units or Units()
    return {
        "schema": SCHEMA,
        "title": title,
        "question": {"max_regret": max_regret},
        "answer": None if max_regret is None else certificate.answer(max_regret),
        "units": {"name": units.name, "meaning": units.meaning},
        "real": _model(real),
        "twin": _model(twin),
        "gamma": gamma,
        "effective_horizon": 1 / (1 - gamma),
        "policy": None if policy_name is None else {"name": policy_name},
        "certificate": certificate.to_json(),
        "bound_per_step": math.nextafter(certificate.bound * (1 - gamma), math.inf),
        "metric": _metric(metric),
        "multipliers": _multipliers(certificate, gamma),
        "twin_errors": _twin_errors(real.network, twin.network),
        "repairs": _repairs(repairs, certificate.trivial, real),
        "samples": samples,
        "drivers": _drivers(certificate, real, twin),
        "states": _states(certificate, real),
        "assumptions": _assumptions(certificate, real, twin),
        "evidence": None
        if certificate.sampling
        else {
            "loss": None if exact is None else {"lower": exact.lower, "upper": exact.value},
            "policies": list(losses),
        },
        "training": training,
        "provenance": {
            "command": command,
            "settings": dict(settings),
            "versions": _versions(),
        },
        "timings": dict(timings or {}),
    }


def loss(name: str, real: FiniteMDP, twin: FiniteMDP, policy: NDArray[Any] | None = None) -> Json:
    """What a policy loses in either model, at most; by default the best policy of the twin."""
    chosen = solve(twin).policy if policy is None else policy
    return {
        "name": name,
        "loss_in_twin": regret_interval(twin, chosen).upper,
        "loss_on_real": regret_interval(real, chosen).upper,
        "certified": False,
    }


def _model(model: Model) -> Json:
    return {
        "name": model.name,
        "n_states": model.mdp.n_states,
        "n_actions": model.mdp.n_actions,
        "n_transitions": int(model.mdp.transitions.nnz),
        "notes": list(model.notes),
        "log": None if model.estimate is None else _log(model.estimate),
    }


def _log(estimate: EstimatedMDP) -> Json:
    about = estimate.provenance
    return {
        "n_rows": about.n_rows,
        "n_transitions": about.n_transitions,
        "dropped": {why: n for why, n in about.dropped.items() if n},
        "n_unvisited": len(estimate.unvisited),
        "sources": [{"name": s.name, "sha256": s.sha256} for s in about.sources],
        "codebook": about.codebook,
        "part": list(about.part),
        "only": {column: list(values) for column, values in about.only.items()},
    }


def _metric(metric: BisimulationMetric | None) -> Json | None:
    if metric is None:
        return None
    return {
        "max_diagonal": list(metric.max_diagonal),
        "error_bound": metric.error_bound,
        "n_sweeps": metric.n_sweeps,
        "n_pivots": metric.n_pivots,
        "stop": metric.stop,
        "stop_in_words": STOPS[metric.stop],
    }


def _multipliers(certificate: Certificate, gamma: float) -> list[Json]:
    """The factors of Theorem 1, by the rung that has them."""
    factors = {
        "L1": ("the largest gap of one step", "2/(1 − γ)²", 2 / (1 - gamma) ** 2),
        "L3": ("the largest distance of a state and its twin", "2/(1 − γ)", 2 / (1 - gamma)),
    }
    return [
        {"rung": rung, "what": what, "formula": formula, "value": value}
        for rung, (what, formula, value) in factors.items()
        if rung in certificate.rungs
    ]


def _twin_errors(real: NamedNetwork | None, twin: NamedNetwork | None) -> list[Json]:
    """The network parameters that the twin has wrong, entry by entry."""
    if real is None or twin is None or type(real) is not type(twin):
        return []
    rows = []
    for name, field in real.perturbable.items():
        for i, (x, y) in enumerate(zip(_entries(real, field), _entries(twin, field), strict=True)):
            if x == y:
                continue
            words, unit = real.parameter_label(name, i)
            rows.append(
                {
                    "parameter": words,
                    "unit": unit,
                    "real": x,
                    "twin": y,
                    "relative": y / x - 1 if x else None,
                }
            )
    return rows


def _entries(network: NamedNetwork, field: str) -> tuple[float, ...]:
    value = getattr(network, field)
    return value if isinstance(value, tuple) else (value,)


def _repairs(repairs: Sequence[Repair], trivial: float, real: Model) -> Json | None:
    """The corrections that lower the bound, the best first; ``None`` where none does."""
    useful = [repair for repair in repairs if repair.fall > NEGLIGIBLE * trivial][:N_REPAIRS]
    if not useful:
        return None
    return {
        "rung": useful[0].rung,
        "before": useful[0].before,
        "vacuous": useful[0].before >= trivial,
        "first": [
            {
                "subject": _subject(repair, real),
                "part": repair.part,
                "unit": repair.unit,
                "real": repair.in_real,
                "twin": repair.in_twin,
                "after": repair.after,
                "remaining": repair.after / repair.before,
            }
            for repair in useful
        ],
    }


def _subject(repair: Repair, real: Model) -> str:
    """What to correct; states and actions by the names that the model has for them."""
    if repair.state is None:
        return repair.subject
    actions = " or ".join(real.action_name(repair.state, a) for a in repair.actions)
    return f"{real.state_name(repair.state)}, {actions}"


def _drivers(certificate: Certificate, real: Model, twin: Model) -> list[Json]:
    """The worst pairs; actions that have the same effect in a state share a row."""
    rows: dict[tuple[float, ...], Json] = {}
    for driver in certificate.drivers:
        s, a = driver.state, driver.action
        earned = float(real.mdp.r[s, a]), float(twin.mdp.r[s, a])
        row = rows.setdefault(
            (s, *earned, driver.total_variation, driver.mismatch, driver.n_visits or 0),
            {
                "state": s,
                "state_name": real.state_name(s),
                "actions": [],
                "action_names": [],
                "n_visits": driver.n_visits,
                "reward_real": earned[0],
                "reward_twin": earned[1],
                "reward_gap": driver.reward_gap,
                "total_variation": driver.total_variation,
                "mismatch": driver.mismatch,
                "relative": abs(driver.mismatch / certificate.drivers[0].mismatch),
            },
        )
        row["actions"].append(a)
        row["action_names"].append(real.action_name(s, a))
    return list(rows.values())


def _states(certificate: Certificate, real: Model) -> Json | None:
    """The states that can lose most, and what half of the states lose at most."""
    per_state = certificate.per_state
    if per_state is None:
        return None
    worst = (-per_state).argsort(kind="stable")[:N_WORST_STATES]
    ordered = sorted(per_state.tolist())
    return {
        "median": ordered[(len(ordered) - 1) // 2],
        "worst": [
            {"state": int(s), "name": real.state_name(int(s)), "bound": float(per_state[s])}
            for s in worst
        ],
    }


def _assumptions(certificate: Certificate, real: Model, twin: Model) -> list[Json]:
    """What the statement needs, with a status each: checked, assumed or violated."""
    same = (
        "Same states, actions and discount",
        "checked",
        f"both models have {real.mdp.n_states} states and {real.mdp.n_actions} actions; that state and "
        "action numbers mean the same in both is taken from the models",
    )
    if certificate.sampling:
        rows = [same, *_log_record.assumptions(certificate, real)]
    else:
        rows = [same, *_of_models(real, twin)]
    if certificate.for_policy:
        rows.append(
            (
                "The policy is the one examined",
                "assumed",
                "what is deployed has the fingerprint given under Provenance",
            )
        )
    return [{"name": name, "status": status, "why": why} for name, status, why in rows]


def _of_models(real: Model, twin: Model) -> list[tuple[str, str, str]]:
    r = real.mdp.r
    return [
        (
            "Bounded rewards",
            "checked",
            f"every reward of the real model lies in [{float(r.min()):g}, {float(r.max()):g}]",
        ),
        (
            "Proper probabilities",
            "checked",
            "every row is non-negative and sums to one, up to rounding"
            + (", after rows were divided by their sums" if _corrected(real, twin) else ""),
        ),
        (
            "Correct arithmetic",
            "checked",
            "the rounding of every step is bounded and added outward",
        ),
        (
            "The real model is the real network",
            "assumed",
            "the bound is for the model as given; an error in it is not covered",
        ),
        (
            "Markov",
            "assumed",
            "the next state depends on the present state and action alone; what a state leaves out "
            "cannot be seen in the models",
        ),
        ("Stationary", "assumed", "the probabilities and rewards stay what they are after go-live"),
        (
            "Discretisation",
            "assumed",
            "the network has exactly the listed states; what was rounded into them is not covered",
        ),
        (
            "The state is observed",
            "assumed",
            "in operation the controller knows which state it is in, without delay",
        ),
    ]


def _corrected(*models: Model) -> bool:
    return any(model.file and model.file.largest_correction for model in models)


def _versions() -> dict[str, str]:
    packages = ("germane", "numpy", "scipy", "numba")
    return {name: metadata.version(name) for name in packages} | {
        "python": platform.python_version()
    }
