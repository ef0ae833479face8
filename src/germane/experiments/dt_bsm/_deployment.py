"""One training and deployment: a policy from a twin, judged exactly in the real network.

The network is small enough that nothing about the policy needs to be simulated: its average reward
follows from the stationary distribution, its discounted regret from two solves. Only PPO itself
samples. Beside each policy that PPO learns in a twin stands the one planned in it, without any noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...certificates import certify
from ...learning import ppo
from ...mdp import FiniteMDP, Policy, regret, solve
from ...metrics import total_variation
from ...networks import AdmissionControl
from .._experiment import Job, Seed, generator, spawn
from ._average_reward import average_reward
from ._settings import Settings

N_REPRESENTATIVE = 5
"""States that stand for all, where the paper says "a few"."""

EMPTY = 0
"""The network without a request, where deployment begins."""


def jobs(settings: Settings) -> Sequence[Job]:
    """A job for each policy: from each twin the planned one and those of PPO; the same in the real network.

    A task holds the errors themselves: with its seed it is complete. The real network is the twin
    without errors, number 0. First come all planned policies, then the first training in each twin,
    then the second: what is done at any moment is spread over all twins.
    """
    planned, trained = [], []
    for twin, seed in enumerate(spawn((settings.seed,), settings.n_twins + 1)):
        errors = _errors(settings, twin, seed) if twin else {}
        n_trainings = settings.n_trainings if twin else settings.n_references
        task = {"network": settings.size, "twin": twin, "errors": errors}
        planned.append(Job(task | {"learner": "planner"}, seed))
        trained += [
            (nth, Job(task | {"learner": "ppo", "n_steps": settings.n_steps}, training))
            for nth, training in enumerate(spawn(seed, n_trainings))
        ]
    return planned + [job for _, job in sorted(trained, key=lambda pair: pair[0])]


def _errors(settings: Settings, twin: int, seed: Seed) -> dict[str, list[float]]:
    most = settings.largest_error * twin / settings.n_twins
    rng = generator(seed)
    n_slices = len(AdmissionControl.of_size(settings.size).slices)
    return {name: rng.uniform(-most, most, n_slices).tolist() for name in settings.wrong}


def deployed(job: Job) -> dict[str, Any]:
    """How wrong the twin is, what its policy earns and loses in the real network, and every bound on it."""
    task = job.task
    network = AdmissionControl.of_size(task["network"])
    believed = network.perturbed(**task["errors"])
    real, twin = network.mdp(), believed.mdp()
    policy = solve(twin).policy if task["learner"] == "planner" else _trained(believed, job)
    certificate = certify(real, twin, policy=policy)
    return {
        "reward_discrepancy": float(np.abs(real.r - twin.r).max()),
        **_transition_discrepancy(real, twin),
        "average_reward": average_reward(real, policy),
        "regret_from_empty": float(regret(real, policy)[EMPTY]),
        "regret": certificate.rungs["exact"].lower,
        "regret_in_twin": certificate.twin_regret,
        "rungs": {name: bound.value for name, bound in certificate.rungs.items()},
    }


def _trained(believed: AdmissionControl, job: Job) -> Policy:
    return ppo(
        "germane/AdmissionControl-v0",
        n_steps_total=job.task["n_steps"],
        rng=job.rng(),
        env_kwargs={"network": believed},
        n_envs=16,
        n_steps_per_update=64,
        learning_rate=3e-3,
    ).policy


def _transition_discrepancy(real: FiniteMDP, twin: FiniteMDP) -> Mapping[str, float]:
    """The largest total variation over all states, and over a few that stand for them."""
    tv: NDArray[np.float64] = total_variation(real, twin)
    few = np.linspace(0, real.n_states - 1, N_REPRESENTATIVE).round().astype(int)
    return {"max_tv": float(tv.max()), "max_tv_few_states": float(tv[few].max())}
