"""The same tests in other networks: twins with wrong rewards or wrong processes, two ways to a policy.

The four networks of Bozkus and Mitra, arXiv 2402.08022, and admission control with bursty arrivals. In
each twin its exact optimum is planned and Q-learning is trained a few times; each policy is judged
exactly in the real network. Of the planned one every rung is computed that needs no metric but that of
Theorem 1, of the others a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components

from ...certificates import (
    Comparison,
    bellman_residual,
    calibrated_residual,
    exact,
    kept_mass,
    real_sweeps,
    residual_gap_aware,
    residual_resolvent,
    robust_set,
    theorem1,
    theorem1_gap_aware,
    theorem1_one_step,
    theorem1_tv,
    trivial,
    two_sided_simulation,
    value_mismatch,
    value_span,
    value_span_signed,
)
from ...errors import InvalidParameter
from ...learning import q_learning
from ...mdp import FiniteMDP, induced_chain, solve
from ...metrics import BisimulationMetric, dt_bsm, total_variation
from ...networks import NETWORKS, NamedNetwork
from .._experiment import Experiment, Job, Seed, generator, spawn
from ._average_reward import average_reward
from ._bursty import BurstyAdmissionControl
from ._other_tasks_analysis import analyse

BURSTY = "bursty-admission-control"

REWARDS, PROCESSES = "rewards", "processes"
WORTHS = ("cost", "reward", "profit")
"""How the names of parameters end that are worths of things; all others are of processes."""

OF_TWO_MODELS = (
    trivial,
    theorem1_tv,
    kept_mass,
    two_sided_simulation,
    value_span,
    value_span_signed,
    value_mismatch,
    bellman_residual,
    calibrated_residual,
    residual_resolvent,
    residual_gap_aware,
    real_sweeps,
    robust_set,
)
OF_THE_METRIC = (theorem1, theorem1_one_step, theorem1_gap_aware)
"""Rungs of planned policies."""

FEW = (trivial, theorem1_tv, calibrated_residual, residual_gap_aware)
FEW_OF_THE_METRIC = (theorem1,)
"""Rungs of learned policies, which are many."""

Task = NamedNetwork | BurstyAdmissionControl


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Networks, twins of each, and policies from each twin.

    Attributes:
        sizes: the networks by name, with their sizes; bursty admission control has one only.
        n_twins: twin ``i`` of ``n`` has relative errors drawn from ``[-e, e]``, with
            ``e = largest_error i / n``; so many with wrong rewards, and with wrong processes.
        largest_error: the largest relative error.
        n_trainings: runs of Q-learning in each twin; four times as many in the real network.
        seed: the root of all seeds.
    """

    sizes: Mapping[str, str]
    n_twins: int = 80
    largest_error: float = 0.9
    n_trainings: int = 3
    seed: int = 2502_17983

    @classmethod
    def tiny(cls) -> Self:
        """Seconds: the smallest networks, four twins."""
        names = ("miso-interference", "mimo-mobile")
        return cls(sizes=dict.fromkeys(names, "tiny"), n_twins=4, n_trainings=1)

    @classmethod
    def default(cls) -> Self:
        """Minutes: five networks of 16 to 72 states."""
        names = ("miso-interference", "mimo-interference", BURSTY)
        larger = ("miso-energy-harvesting", "mimo-mobile")
        return cls(sizes=dict.fromkeys(names, "small") | dict.fromkeys(larger, "tiny"))

    @classmethod
    def full(cls) -> Self:
        """Most of a day: up to 256 states, whose metric takes a minute a twin; more twins."""
        return cls(sizes=dict.fromkeys(cls.default().sizes, "small"), n_twins=200, n_trainings=5)


def jobs(settings: Settings) -> Sequence[Job]:
    """A job for each twin; the twin without errors, number 0, is the real network."""
    found = []
    for name, root in zip(settings.sizes, spawn((settings.seed,), len(settings.sizes))):
        where = {"network": name, "size": settings.sizes[name]}
        n = settings.n_trainings
        real = {"twin": 0, "wrong": "nothing", "errors": {}, "n_trainings": 4 * n}
        found.append(Job(where | real, root))
        for wrong, branch in zip((REWARDS, PROCESSES), spawn(root, 2)):
            for twin, seed in enumerate(spawn(branch, settings.n_twins), start=1):
                most = settings.largest_error * twin / settings.n_twins
                errors = _errors(network(name, settings.sizes[name]), wrong, most, seed)
                task = {"twin": twin, "wrong": wrong, "errors": errors, "n_trainings": n}
                found.append(Job(where | task, seed))
    return sorted(found, key=lambda job: int(job.task["twin"]))


def network(name: str, size: str) -> Task:
    """The real network of that name."""
    return BurstyAdmissionControl() if name == BURSTY else NETWORKS[name].of_size(size)


def _entries(task: Task) -> Mapping[str, int]:
    """The parameters that can be off, and how many entries each has."""
    if isinstance(task, BurstyAdmissionControl):
        return {**_entries(task.mean), "busy": 1, "leave": 1}
    return {name: np.size(getattr(task, full)) for name, full in task.perturbable.items()}


def _errors(task: Task, wrong: str, most: float, seed: Seed) -> Mapping[str, list[float]]:
    """Relative errors of every parameter of that sort."""
    rng = generator(seed)
    return {
        name: _drawn(task, name, n, most, rng)
        for name, n in _entries(task).items()
        if name.endswith(WORTHS) == (wrong == REWARDS)
    }


def _drawn(task: Task, name: str, n: int, most: float, rng: np.random.Generator) -> list[float]:
    """Errors of one parameter; those that take it out of its range are drawn again."""
    while True:
        drawn: list[float] = rng.uniform(-most, most, n).tolist()
        try:
            task.perturbed(**{name: drawn})
        except InvalidParameter:
            continue
        return drawn


def judged(job: Job) -> dict[str, Any]:
    """How wrong the twin is, and what each policy from it earns, loses, and may lose by its rungs."""
    task = job.task
    truth = network(task["network"], task["size"])
    real, twin = truth.mdp(), truth.perturbed(**task["errors"]).mdp()
    metric = dt_bsm(real, twin)
    learnt = [q_learning(twin, rng=generator(s)) for s in spawn(job.seed, task["n_trainings"])]
    policies = [("planner", solve(twin).policy), *(("q-learning", q.policy) for q in learnt)]
    uniform = np.full((real.n_states, real.n_actions), 1 / real.n_actions)
    return {
        "states": real.n_states,
        "reward_span": float(np.ptp(real.r)),
        "average_reward_at_random": average_reward(real, uniform),
        "reward_discrepancy": float(np.abs(real.r - twin.r).max()),
        "max_tv": float(total_variation(real, twin).max()),
        "policies": [_deployed(real, twin, *policy, metric) for policy in policies],
    }


def _deployed(
    real: FiniteMDP, twin: FiniteMDP, learner: str, policy: ArrayLike, metric: BisimulationMetric
) -> dict[str, Any]:
    c = Comparison(real=real, twin=twin, policy=policy)
    planned = learner == "planner"
    bounds = [rung(c) for rung in (OF_TWO_MODELS if planned else FEW)]
    bounds += [rung(c, metric) for rung in (OF_THE_METRIC if planned else FEW_OF_THE_METRIC)]
    alone = n_closed_classes(real, policy) == 1
    return {
        "learner": learner,
        "average_reward": average_reward(real, policy) if alone else None,
        "regret": exact(c).lower,
        "rungs": {bound.name: bound.value for bound in bounds},
    }


def n_closed_classes(mdp: FiniteMDP, policy: ArrayLike) -> int:
    """In how many sets of states a policy can end up for ever; each has its stationary distribution."""
    P, _ = induced_chain(mdp, policy)
    n, of = connected_components(P, connection="strong")
    source, target = P.nonzero()
    left = np.unique(of[source][of[source] != of[target]])
    return int(n - len(left))


OTHER_TASKS = Experiment(
    name="dt-bsm/other-tasks",
    title="Loss of policies from twins of five other networks, against how wrong the twins are",
    settings={"tiny": Settings.tiny(), "default": Settings.default(), "full": Settings.full()},
    jobs=jobs,
    run_job=judged,
    analyse=analyse,
)
"""Figures 5 and 6 elsewhere."""
