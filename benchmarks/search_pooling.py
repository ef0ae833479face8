"""Pooled against plain and structural certainty equivalence: policy error and value loss by samples per pair.

    python benchmarks/search_pooling.py                             # the tables of docs/theory/cousins.md
    python benchmarks/search_pooling.py --sizes medium --seeds 3
    python benchmarks/search_pooling.py --pools                     # other pools, the mass chosen alike

*Policy error* is the share of states whose action is not optimal; *value loss* is what the policy loses on
average over states, as a share of what uniformly random actions lose.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from search_networks import COSTS, probabilities

import germane.learning._pooled_certainty_equivalence as pooling
from germane.cousins import colink
from germane.learning import (
    LearningResult,
    Training,
    certainty_equivalence,
    pooled_certainty_equivalence,
    q_learning,
    structural_certainty_equivalence,
)
from germane.learning._certainty_equivalence import plan_on_counts
from germane.learning._pooled_certainty_equivalence import TINY, PooledModel
from germane.learning._samples import Array, Samples, learn_model
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


def random_networks(n: int, seed: int = 1) -> Iterator[FactoredMDP]:
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


def random_tasks() -> list[Task]:
    return [Task.of("random networks", mdp) for mdp in random_networks(16)]


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


class Everything(PooledModel):
    """One pool for all: the mean of every row."""

    def pool(self, own: Array) -> Array:
        return np.full(own.shape, np.average(own, weights=self.weight))


class OtherActions(PooledModel):
    """The other actions in the same state, as they are."""

    def pool(self, own: Array) -> Array:
        total = self.n * own
        here = total.sum(axis=1, keepdims=True) - total
        n_here = self.n.sum(axis=1, keepdims=True) - self.n
        return np.where(n_here > 0, here / np.maximum(n_here, 1), Everything.pool(self, own))


class SimilarRows(PooledModel):
    """Rows of all pairs by the successors they share, P P^T P: the forward half of co-links, with drift."""

    def pool(self, own: Array) -> Array:
        share = self.P @ self.P.T - sp.diags_array((self.P.multiply(self.P)).sum(axis=1))
        mass = share.sum(axis=1) + TINY
        return ((share @ own.ravel() + TINY * own.mean()) / mass).reshape(own.shape)


class Cousins(PooledModel):
    """The rows of the cousins of orders 2 and 3, made of the frequencies."""

    def pooled(self, share: float, v: Array) -> Array:
        if not hasattr(self, "chains"):
            S, A = self.n.shape
            P = self.P.toarray().reshape(S, A, S)
            stays = self.n.T[:, :, None] == 0
            P = np.where(stays, np.eye(S), P.transpose(1, 0, 2))
            self.chains = [(colink(P_a, 2) + colink(P_a, 3)) / 2 for P_a in P]
        return np.stack([W @ v for W in self.chains], axis=1)


class AdditiveEffects(PooledModel):
    """What the other actions of the state say, plus the mean effect of the action over all states."""

    def __init__(self, samples: Samples, twin_values: None = None) -> None:
        super().__init__(samples._replace(r=np.zeros_like(samples.r)), twin_values)


class RegressionAlone(PooledModel):
    """The same action elsewhere, by the rewards of the states, and nothing of the other actions here."""

    def pool(self, own: Array) -> Array:
        beta = np.einsum("aij,ja->ia", self.inverse, self.x.T @ (self.weight * own))
        return own - (own - self.x @ beta) / self.others


def with_pool(model: type[PooledModel], *arguments: Any, **options: Any) -> LearningResult:
    with patch.object(pooling, "PooledModel", model):
        return pooled_certainty_equivalence(*arguments, **options)


def bootstrapped(mdp: FactoredMDP, *, rng: np.random.Generator, **options: Any) -> LearningResult:
    """The mean of the action values of 12 models, each of samples drawn again from the samples."""

    def planner(samples: Samples, v: Array) -> Array:
        q = np.zeros(mdp.r.shape)
        for _ in range(12):
            counts = samples.counts.copy()
            for i, n in enumerate(samples.n_visits.ravel()):
                row = slice(counts.indptr[i], counts.indptr[i + 1])
                counts.data[row] = rng.multinomial(n, counts.data[row] / n)
            q += plan_on_counts(samples._replace(counts=counts), v) / 12
        return q

    generative = options.pop("generative")
    return learn_model(mdp, planner, Training(**options), rng, generative=generative)


POOLS: dict[str, Callable[..., Any]] = {
    "none: certainty equivalence": certainty_equivalence,
    "mean q of 12 bootstrapped models": bootstrapped,
    "cousins of orders 2 and 3": partial(with_pool, Cousins),
    "everything alike": partial(with_pool, Everything),
    "other actions of the state": partial(with_pool, OtherActions),
    "rows that share successors": partial(with_pool, SimilarRows),
    "regression on rewards alone": partial(with_pool, RegressionAlone),
    "other actions, mean effect": partial(with_pool, AdditiveEffects),
    "other actions, regressed effect: `pooled`": pooled_certainty_equivalence,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=["tiny", "small"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument(
        "--pools", action="store_true", help="other pools, on random networks and one more"
    )
    arguments = parser.parse_args()
    if arguments.pools:
        mobile = [Task.of("MimoMobile small", MimoMobile.small().factored())]
        table(random_tasks(), POOLS, IN_TURN_SAMPLES, 2, generative=True)
        table(mobile, POOLS, IN_TURN_SAMPLES, 10, generative=True)
        return
    tasks = [
        [Task.of(f"{kind.__name__} {size}", kind.of_size(size).factored())]
        for size in arguments.sizes
        for kind in NETWORKS
    ]
    if "small" in arguments.sizes:
        tasks.append(random_tasks())
    for group in tasks:
        n_seeds = -(-arguments.seeds // len(group))
        table(group, IN_TURN, IN_TURN_SAMPLES, n_seeds, generative=True)
        table(group, ON_TRAJECTORIES, TRAJECTORY_SAMPLES, n_seeds, epsilon=1.0)


if __name__ == "__main__":
    main()
