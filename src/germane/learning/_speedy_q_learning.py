r"""Speedy Q-learning: what the last round changed is carried on in full, only what is new is averaged.

Learning goes by rounds. With the *same* sample ``s'`` judged by the tables of this round and of the one
before, :math:`T_k Q(s, a) = r + \gamma \max_b Q(s', b)`,

.. math::
    Q_{k+1}(s, a) = Q_k(s, a) + \alpha_k \big(T_k Q_{k-1}(s, a) - Q_k(s, a)\big)
    + (1 - \alpha_k) \big(T_k Q_k(s, a) - T_k Q_{k-1}(s, a)\big), \qquad \alpha_k = \frac1{k + 1} .

Q-learning with these step sizes forgets where it began like :math:`k^{-(1 - \gamma)}`; here, with
probability :math:`1 - \delta`,
:math:`\|Q_k - Q^*\| \le O(\gamma \beta^2 / k + \beta^2 \sqrt{\ln(S A / \delta) / k})` with
:math:`\beta = 1 / (1 - \gamma)` (Azar et al. 2011, theorem 1), where every pair has a sample in every
round.

**Along trajectories.** That theorem draws one sample of every pair a round; a trajectory does not. Here a
round is a number of samples, in which the table is kept as it was when the round began. At its end a pair
with samples moves, by the means over them, and ``k`` counts the rounds in which it did; a pair without
stays as it is. For :math:`Q_{k-1}` a pair takes the table that it was judged by when it last moved. So
its carried changes add up to :math:`T Q_k - T Q_0` however often it is visited, and where every pair has
a sample in every round this is the rule above, to the letter. (The table of the round before would lose
what changed while a pair waited, and with it most of the speed; one that is only a sample old would leave
Q-learning. The asynchronous algorithm of the authors ends a round when every pair has been visited,
however long that takes.) Values of the last :data:`ROUNDS_KEPT` rounds are kept: a pair that waited
longer takes the oldest.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..sampling import Stream, compiled, new_stream
from ._environment import Environment, explore, runner, sampled, start, step
from ._q_table import first_largest
from ._result import LearningResult
from ._schedule import Schedule, schedule_value
from ._training import Learner, Plan, Training, TrainingOptions, train

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

ROUNDS_KEPT = 16
"""With a sample of every pair a round on average, one pair in ten million waits longer."""


def speedy_q_learning(
    environment: Environment,
    *,
    rng: np.random.Generator,
    samples_per_round: int | None = None,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The greedy policy of the ``q`` that Speedy Q-learning reaches in its last whole round.

    Starts with ``q = 0``; samples of a round that has not ended are not in ``q`` yet.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`. samples_per_round: by default
        ``S * A``, one for each pair on average. options: see :class:`Training`; the step size goes by the
        earlier rounds with samples of the pair, and is
            ``1 / (1 + k)`` by default.

    Raises:
        InvalidParameter: naming the option that is out of its range.

    References:
        Azar, Munos, Ghavamzadeh and Kappen, *Speedy Q-learning*, NeurIPS 2011, algorithm 1.

    >>> from germane.mdp import FiniteMDP
    >>> loop = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    >>> speedy_q_learning(loop, n_steps=1000, rng=np.random.default_rng(0)).q.round(3).tolist()
    [[1.998]]
    """
    training = Training(**options)
    S, A = environment.n_states, environment.n_actions
    per_round = S * A if samples_per_round is None else samples_per_round
    if per_round < 1:
        raise InvalidParameter(f"samples_per_round must be at least 1; got {per_round}")
    env, plan = sampled(environment), training.plan(environment.gamma)
    if training.step_size is None:
        plan = plan._replace(step_size=Schedule(1.0, 1.0, 1.0, 0.0))
    q, n_rounds, greedy = np.zeros((S, A)), np.zeros((S, A), np.int64), np.zeros(S, np.int64)
    sums, n_samples = np.zeros((2, S, A)), np.zeros((S, A), np.int64)
    v, judged_by, change = np.zeros((ROUNDS_KEPT, S)), np.full((S, A), -1), np.zeros(1)
    at, numbers, run = np.zeros(2, np.int64), new_stream(rng), runner(walk_rounds, env)
    learner = Learner(
        arrays={
            "q": q,
            "n_rounds": n_rounds,
            "greedy": greedy,
            "v": v,
            "judged_by": judged_by,
            "sums": sums,
            "n_samples": n_samples,
            "change": change,
            "at": at,
            "numbers": numbers,
        },
        advance=lambda n: run(
            env, plan, per_round, q, n_rounds, greedy, v, judged_by, sums, n_samples, change, at,
            numbers, n,
        ),
        q=lambda: q,
        change=lambda: float(change[0]),
    )  # fmt: skip
    return train(learner, (S, A), training)


@compiled
def walk_rounds(
    env: Any,
    plan: Plan,
    per_round: int,
    q: Array,
    n_rounds: Counts,
    greedy: Counts,
    v: Array,
    judged_by: Counts,
    sums: Array,
    n_samples: Counts,
    change: Array,
    at: Counts,
    stream: Stream,
    n: int,
) -> float:
    """Notes ``n`` samples; ``v`` is a ring of the values of rounds, ``judged_by`` holds their numbers."""
    s, earned, kept = at[0], 0.0, len(v)
    for t in range(at[1], at[1] + n):
        if t % plan.trajectory == 0:
            s = start(env, stream)
        a = explore(greedy[s], q.shape[1], schedule_value(plan.epsilon, t), stream)
        r, s_next, discount, over = step(env, s, a, stream)
        k = t // per_round
        before = k if judged_by[s, a] < 0 else max(judged_by[s, a], k - kept + 1)
        sums[0, s, a] += r + discount * v[before % kept, s_next]
        sums[1, s, a] += r + discount * v[k % kept, s_next]
        n_samples[s, a] += 1
        earned += r
        s = start(env, stream) if over else s_next
        if (t + 1) % per_round == 0:
            change[0] = end_round(plan, k, q, n_rounds, greedy, v, judged_by, sums, n_samples)
    at[0], at[1] = s, at[1] + n
    return earned


@compiled
def end_round(
    plan: Plan,
    k: int,
    q: Array,
    n_rounds: Counts,
    greedy: Counts,
    v: Array,
    judged_by: Counts,
    sums: Array,
    n_samples: Counts,
) -> float:
    """Moves every pair with samples by their means and begins the next round; the largest change."""
    largest = 0.0
    for s in range(q.shape[0]):
        for a in range(q.shape[1]):
            n = n_samples[s, a]
            if n > 0:
                alpha = schedule_value(plan.step_size, n_rounds[s, a])
                before, now = sums[0, s, a] / n, sums[1, s, a] / n
                change = alpha * (before - q[s, a]) + (1 - alpha) * (now - before)
                q[s, a] += change
                largest = max(largest, abs(change))
                n_rounds[s, a] += 1
                judged_by[s, a] = k
                sums[0, s, a] = sums[1, s, a] = 0.0
                n_samples[s, a] = 0
        greedy[s] = first_largest(q, s)
        v[(k + 1) % len(v), s] = q[s, greedy[s]]
    return largest
