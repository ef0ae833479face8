"""A network that drifts after its certificate was issued: when the bound is false, when the watch says so.

The certificate is for a real network, a twin and the policy planned in it, as they are at hour 0. Then the
arrival rates move, hour by hour. *Exactly*: the regret of the policy in the network of each hour, as if
it were to stay like that, beside the bounds issued. *By simulation*: transitions of the policy, hour
after hour through the moving network, and the step at which the watch raises its alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...certificates import (
    Comparison,
    Watch,
    calibrated_residual,
    exact,
    residual_gap_aware,
    theorem1,
    theorem1_tv,
)
from ...mdp import FiniteMDP, Policy, induced_chain, solve
from ...metrics import dt_bsm
from ...networks import AdmissionControl
from .._experiment import Experiment, Job, generator, spawn
from ._drift_analysis import analyse

Ints = NDArray[np.int64]

TWIN: Mapping[str, Any] = MappingProxyType(
    {"arrival_rate": -0.15, "mean_service": -0.15, "profit": (0.2, 0.2, -0.2)}
)
"""What the twin has wrong: the one of ``germane demo``."""

HOUR_S, DAY_H = 3600, 24

EMPTY = 0
"""The network without a request, where streams begin."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Drifts, and how long they are watched.

    Attributes:
        size: of :class:`germane.AdmissionControl`.
        ramps: what is added to the arrival rates in each hour, as a share of the rates at hour 0.
        waves: how far they swing up and down in the course of each day, in the same unit.
        hours: how long.
        n_streams: streams of transitions under each drift; four times as many without any.
        alpha: of the watch.
        seed: the root of all seeds.
    """

    size: str = "tiny"
    ramps: tuple[float, ...] = (-0.005, 0.001, 0.002, 0.005, 0.02)
    waves: tuple[float, ...] = (0.2, 0.5)
    hours: int = 168
    n_streams: int = 50
    alpha: float = 0.05
    seed: int = 2502_17983

    @classmethod
    def tiny(cls) -> Self:
        """Seconds: a few hours, two streams."""
        return cls(ramps=(0.3,), waves=(), hours=8, n_streams=2)

    @classmethod
    def default(cls) -> Self:
        """A week in a network of 64 states."""
        return cls()

    @classmethod
    def full(cls) -> Self:
        """Four weeks in a network of 200 states, and ten times the streams."""
        return cls(
            size="small", ramps=(-0.001, 0.001, 0.002, 0.005, 0.02), hours=672, n_streams=500
        )


def jobs(settings: Settings) -> Sequence[Job]:
    """Two jobs for each drift: what is true in each hour, and when the watch alarms."""
    drifts = [("none", 0.0), *(("ramp", x) for x in settings.ramps)]
    drifts += [("wave", x) for x in settings.waves]
    found = []
    for (kind, size), seed in zip(drifts, spawn((settings.seed,), len(drifts))):
        task = {"network": settings.size, "kind": kind, "drift": size, "hours": settings.hours}
        found.append(Job(task | {"find": "truth"}, seed))
        n = settings.n_streams * (4 if kind == "none" else 1)
        found.append(Job(task | {"find": "alarms", "alpha": settings.alpha, "streams": n}, seed))
    return found


def hour_by_hour(job: Job) -> dict[str, Any]:
    """Regret and bounds in each hour; or the hours until each stream raises its alarm."""
    network = AdmissionControl.of_size(job.task["network"])
    twin = network.perturbed(**TWIN).mdp()
    policy = solve(twin).policy
    find = _truth if job.task["find"] == "truth" else _alarms
    return find(job, network, twin, policy)


def drifted(network: AdmissionControl, kind: str, drift: float, hour: int) -> AdmissionControl:
    """The network in that hour; at hour 0 it is as it was."""
    course = {"none": 0, "ramp": hour, "wave": math.sin(2 * math.pi * hour / DAY_H)}[kind]
    return network.perturbed(arrival_rate=drift * course)


def _models(job: Job, network: AdmissionControl) -> Iterator[FiniteMDP]:
    """The network of each hour."""
    for hour in range(job.task["hours"]):
        yield drifted(network, job.task["kind"], job.task["drift"], hour).mdp()


def _truth(job: Job, network: AdmissionControl, twin: FiniteMDP, policy: Policy) -> dict[str, Any]:
    regret: list[float] = []
    rungs: dict[str, list[float]] = {}
    for real in _models(job, network):
        c = Comparison(real=real, twin=twin, policy=policy)
        lost = exact(c)
        bounds = [lost, residual_gap_aware(c), calibrated_residual(c), theorem1_tv(c)]
        regret.append(lost.lower)
        for bound in (*bounds, theorem1(c, dt_bsm(real, twin))):
            rungs.setdefault(bound.name, []).append(bound.value)
    return {"regret": regret, "rungs": rungs}


def _alarms(job: Job, network: AdmissionControl, twin: FiniteMDP, policy: Policy) -> dict[str, Any]:
    task = job.task
    real = network.mdp()
    comparison = Comparison(real=real, twin=twin, policy=policy)
    range_ = (float(real.r.min()), float(real.r.max()))
    watches = [
        Watch(comparison, alpha=task["alpha"], reward_range=range_) for _ in range(task["streams"])
    ]
    per_hour = round(HOUR_S / network.step_s)
    rng, at = generator(job.seed), np.full(task["streams"], EMPTY)
    for model in _models(job, network):
        path = walks(model, policy, at, per_hour, rng)
        at = path[-1]
        for watch, s in zip(watches, path.T):
            if watch.alarm is None:
                a = np.asarray(policy)[s[:-1]]
                watch.update(s[:-1], a, model.r[s[:-1], a], s[1:])
    steps = [None if watch.alarm is None else watch.alarm.step for watch in watches]
    return {"alarm_h": [None if step is None else step / per_hour for step in steps]}


def walks(
    mdp: FiniteMDP, policy: Policy, start: Ints, n_steps: int, rng: np.random.Generator
) -> Ints:
    """``(n_steps + 1, n)`` states of ``n`` walks under the policy."""
    P, _ = induced_chain(mdp, policy)
    reached = np.cumsum(P.toarray(), axis=1)
    reached /= reached[:, -1:]
    path = np.empty((n_steps + 1, len(start)), dtype=np.int64)
    path[0] = start
    for t, u in enumerate(rng.random((n_steps, len(start)))):
        path[t + 1] = (reached[path[t]] <= u[:, None]).sum(axis=1)
    return path


DRIFT = Experiment(
    name="dt-bsm/drift",
    title="A network that drifts: when its certificate becomes false, when the watch alarms",
    settings={"tiny": Settings.tiny(), "default": Settings.default(), "full": Settings.full()},
    jobs=jobs,
    run_job=hour_by_hour,
    analyse=analyse,
)
"""A certificate over time."""
