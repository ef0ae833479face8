"""Tabular learners: updates per second on one core, and the way to an average policy error of 0.1.

    python benchmarks/bench_learning.py

A network of 4,096 state-action pairs and one of 40,000, samples from their factors. *Baselines in the
same run*: Q-learning in plain Python, which must arrive at the same table to the last bit; the QLearning of
pymdptoolbox where that is installed; and, for the ensemble, the sum of ``K`` runs of Q-learning, one in
each of its environments. Rates are medians of interleaved rounds, and best rounds beside them; a learner of
``K`` members makes ``K`` updates a sample.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import report, timed

from germane.cousins import colink, cousin_optima
from germane.learning import (
    LearningResult,
    TrainingState,
    double_q_learning,
    ensemble_bootstrapped_q_learning,
    esql,
    expected_sarsa_lambda,
    maxmin_q_learning,
    q_learning,
    speedy_q_learning,
)
from germane.learning._ensemble import environments
from germane.learning._environment import runner
from germane.learning._q_learning import walk
from germane.learning._q_table import QTable
from germane.learning._training import Training
from germane.mdp import FactoredMDP
from germane.networks import MimoInterference, MisoInterference
from germane.sampling import new_stream

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from learning.plain import plain_q_learning

ORDERS = (1, 2, 3, 4, 5)
ROUNDS, SAMPLES = 15, 100_000
LEARNERS: dict[str, tuple[Callable[..., LearningResult], int]] = {
    "q_learning": (q_learning, 1),
    "speedy_q_learning": (speedy_q_learning, 1),
    "double_q_learning": (double_q_learning, 1),
    "maxmin_q_learning": (maxmin_q_learning, 1),
    "ensemble_bootstrapped_q_learning": (ensemble_bootstrapped_q_learning, 1),
    "expected_sarsa_lambda": (expected_sarsa_lambda, 1),
    "esql, K = 5": (partial(esql, orders=ORDERS), len(ORDERS)),
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def k_fold(mdp: FactoredMDP) -> Callable[[], float]:
    """Seconds that Q-learning takes in all environments of the ensemble, one after the other."""
    plan, learners = Training().plan(mdp.gamma), []
    for env in environments(mdp, mdp, ORDERS, colink):
        table, n_visits = QTable.empty(*mdp.r.shape), np.zeros(mdp.r.shape, dtype=np.int64)
        at, numbers = np.zeros(2, dtype=np.int64), new_stream(rng())
        learners.append(partial(runner(walk, env), env, plan, table, n_visits, at, numbers))
    return lambda: timed(lambda: [learn(SAMPLES) for learn in learners])[0]


def rates(mdp: FactoredMDP) -> dict[str, tuple[float, float]]:
    """Million updates a second of every learner, median and best of rounds in which each has its turn."""
    seconds: dict[str, list[float]] = {name: [] for name in (*LEARNERS, "K-fold q_learning")}
    states = {name: TrainingState() for name in LEARNERS}
    together = k_fold(mdp)
    for turn in range(ROUNDS + 1):  # each goes on from where it was; the first round compiles
        for name, (learner, _) in LEARNERS.items():
            n = (turn + 1) * SAMPLES
            history = learner(mdp, n_steps=n, checkpoints=1, state=states[name], rng=rng()).history
            seconds[name] += [history[-1].seconds - history[-2].seconds] if turn > 0 else []
        seconds["K-fold q_learning"] += [together()] if turn > 0 else []
    members = {name: n for name, (_, n) in LEARNERS.items()} | {"K-fold q_learning": len(ORDERS)}
    done = {name: members[name] * SAMPLES / 1e6 for name in seconds}
    return {
        name: (done[name] / float(np.median(s)), done[name] / min(s)) for name, s in seconds.items()
    }


def plain_rate(mdp: FactoredMDP) -> float:
    """Of plain Python, which takes the very same steps."""
    n = 20_000
    seconds, q = timed(lambda: plain_q_learning(mdp, rng=rng(), n_steps=n))
    assert (q == q_learning(mdp, rng=rng(), n_steps=n).q).all()
    return n / 1e6 / seconds


def public_rate(mdp: FactoredMDP) -> float | None:
    """Of pymdptoolbox, which takes dense matrices: for the smaller network only."""
    try:
        from mdptoolbox.mdp import QLearning
    except ImportError:
        return None
    if mdp.n_states > 1000:
        return None
    flat = mdp.flat()
    P = flat.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, -1).transpose(1, 0, 2)
    public = QLearning(P, mdp.r, mdp.gamma, n_iter=10_000)
    return 0.01 / timed(public.run)[0]


def time_to(mdp: FactoredMDP, error: float) -> dict[str, tuple[float, float]]:
    """Samples a pair and seconds until the average policy error stays at or below ``error``."""
    q_star, pairs = cousin_optima(mdp, (1,)).q[1], mdp.r.size
    stops = np.unique(np.geomspace(pairs, 200 * pairs, 50).astype(int)).tolist()
    found = {}
    for name, (learner, _) in LEARNERS.items():
        history = learner(
            mdp, rng=rng(), n_steps=stops[-1], checkpoints=stops, q_star=q_star
        ).history
        late = [i for i, c in enumerate(history) if c.policy_error > error]
        first = late[-1] + 1 if late else 0
        arrived = history[first] if first < len(history) else None
        found[name] = (arrived.n_steps / pairs, arrived.seconds) if arrived else (np.inf, np.inf)
    return found


def main() -> None:
    rows: list[dict[str, Any]] = []
    for network in (MisoInterference.medium(), MimoInterference.large()):
        mdp = network.factored()
        million, arrived = rates(mdp), time_to(mdp, 0.1)
        plain, public = plain_rate(mdp), public_rate(mdp)
        million |= {"plain Python": (plain, plain)}
        million |= {} if public is None else {"pymdptoolbox": (public, public)}
        together, apart = million["esql, K = 5"], million["K-fold q_learning"]
        for name, (median, best) in million.items():
            samples, seconds = arrived.get(name, (np.nan, np.nan))
            rows.append(
                {
                    "pairs": mdp.r.size,
                    "learner": name,
                    "M updates / s": median,
                    "best round": best,
                    "times plain Python": median / plain,
                    "samples / pair to 0.1": samples,
                    "seconds to 0.1": seconds,
                }
            )
        print(
            f"{mdp.r.size} pairs: ESQL updates at {together[0] / apart[0]:.2f} of the rate of K-fold "
            f"Q-learning (best rounds: {together[1] / apart[1]:.2f})"
        )
    report("learning: updates per second", rows)


if __name__ == "__main__":
    main()
