"""Pooled against plain and structural certainty equivalence: policy error and value loss by samples per pair.

    python benchmarks/search_pooling.py                       # all tables, small and tiny networks
    python benchmarks/search_pooling.py --sizes medium --seeds 5

*Policy error* is the share of states whose action is not optimal; *value loss* is what the policy loses on
average over states, as a share of what uniformly random actions lose.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from search_networks import COSTS, probabilities

from germane.learning import (
    certainty_equivalence,
    pooled_certainty_equivalence,
    q_learning,
    structural_certainty_equivalence,
)
from germane.mdp import (
    FactoredMDP,
    FiniteMDP,
    bellman_q,
    evaluate,
    greedy_actions,
    policy_error,
    solve,
)
from germane.networks import MimoInterference, MimoMobile, MisoEnergyHarvesting, MisoInterference

NETWORKS = (MisoInterference, MisoEnergyHarvesting, MimoInterference, MimoMobile)
IN_TURN_SAMPLES, TRAJECTORY_SAMPLES = (1, 2, 4, 8, 23, 78), (1, 4, 23, 78)
IN_TURN: dict[str, Callable[..., Any]] = {
    "certainty equivalence": certainty_equivalence,
    "pooled": pooled_certainty_equivalence,
    "structural": structural_certainty_equivalence,
}
ON_TRAJECTORIES: dict[str, Callable[..., Any]] = {
    "Q-learning": q_learning,
    **IN_TURN,
    "pooled, rewards known": partial(pooled_certainty_equivalence, known_rewards=True),
    "structural, rewards known": partial(structural_certainty_equivalence, known_rewards=True),
}


class Task(NamedTuple):
    """A network with its optimum, and the value of random actions."""

    name: str
    mdp: FactoredMDP
    flat: FiniteMDP
    q: np.ndarray
    v_random: np.ndarray

    @classmethod
    def of(cls, name: str, mdp: FactoredMDP) -> Task:
        flat = mdp.flat()
        q = bellman_q(flat, solve(flat, tol=1e-10).v)
        uniform = np.full(q.shape, 1 / mdp.n_actions)
        return cls(name, mdp, flat, q, evaluate(flat, uniform).v)

    def errors(self, policy: np.ndarray) -> tuple[float, float]:
        v = self.q.max(axis=1)
        loss = (v - evaluate(self.flat, policy).v).mean() / (v - self.v_random).mean()
        return policy_error(self.q, policy), loss


def random_networks(n: int, seed: int = 0) -> Iterator[FactoredMDP]:
    """Two-transmitter interference networks whose best policy is not myopic in a tenth of the states."""
    rng = np.random.default_rng(seed)
    while n:
        network = MisoInterference(
            arrival_probability=probabilities(rng, 3),
            worsen_probability=probabilities(rng, 3),
            improve_probability=probabilities(rng, 3),
            channel_cost=float(rng.choice(COSTS)),
            collision_cost=float(rng.choice(COSTS)),
        ).resized("small")
        mdp = network.factored()
        best = greedy_actions(Task.of("", mdp).q)
        if (~(best & greedy_actions(mdp.r)).any(axis=1)).mean() >= 0.1:
            n -= 1
            yield mdp


def table(
    tasks: list[Task],
    learners: dict[str, Callable[..., Any]],
    samples: tuple[int, ...],
    n_seeds: int,
    **options: Any,
) -> None:
    """Prints mean policy error / mean value loss, a row for each learner."""
    print(f"\n{tasks[0].name}, {len(tasks)} x {n_seeds} runs, {options}\n")
    print("| samples per pair |", " | ".join(map(str, samples)), "|")
    for name, learner in learners.items():
        cells = []
        for n in samples:
            found = [
                task.errors(
                    learner(
                        task.mdp,
                        n_steps=n * task.q.size,
                        checkpoints=1,
                        rng=np.random.default_rng(seed),
                        **options,
                    ).policy
                )
                for task in tasks
                for seed in range(n_seeds)
            ]
            cells.append("{:.3f} / {:.3f}".format(*np.mean(found, axis=0)))
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=["tiny", "small"])
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    tasks = [
        [Task.of(f"{kind.__name__} {size}", kind.of_size(size).factored())]
        for size in arguments.sizes
        for kind in NETWORKS
    ]
    if "small" in arguments.sizes:
        tasks.append([Task.of("random networks", mdp) for mdp in random_networks(16)])
    for group in tasks:
        n_seeds = -(-arguments.seeds // len(group))
        table(group, IN_TURN, IN_TURN_SAMPLES, n_seeds, generative=True)
        table(group, ON_TRAJECTORIES, TRAJECTORY_SAMPLES, n_seeds, epsilon=1.0)


if __name__ == "__main__":
    main()
