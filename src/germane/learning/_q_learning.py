r"""Tabular Q-learning.

In ``s`` the learner takes ``a``, earns ``r`` and lands in ``s_next``; then

.. math:: Q(s, a) \leftarrow Q(s, a) + \alpha_n \big(r + \gamma \max_b Q(s', b) - Q(s, a)\big) . \tag{3}

With ``sum alpha = inf`` and ``sum alpha**2 < inf``, ``Q`` converges to ``Q*`` with probability one as long as
every pair is visited for ever (Watkins and Dayan, 1992); exploration and restarts see to that. The default
step size is ``1 / (1 + (1 - gamma) n)`` after ``n`` earlier visits (Wainwright, *Stochastic approximation
with cone-contractive operators*, 2019). The first visit has step size one: on a deterministic chain, one
sweep against the direction of travel is exact.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ..sampling import Stream, compiled, new_stream
from ._environment import Environment, explore, runner, sampled, start, step
from ._q_table import QTable, update, value
from ._result import LearningResult
from ._schedule import schedule_value
from ._training import Learner, Plan, Training, TrainingOptions, train

Counts = NDArray[np.int64]


def q_learning(
    environment: Environment, *, rng: np.random.Generator, **options: Unpack[TrainingOptions]
) -> LearningResult:
    """The greedy policy of the ``q`` that Q-learning reaches.

    Starts with ``q = 0``; of equal values the action with the lowest index counts as greedy. The same
    ``rng`` gives the same table, bit for bit.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`.
        options: see :class:`Training`.

    Raises:
        InvalidParameter: naming the option that is out of its range.

    References:
        Watkins and Dayan, *Q-learning*, Machine Learning 8, 1992; equation (3) of Bozkus and Mitra.

    >>> from germane.mdp import FiniteMDP
    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> q_learning(swap, n_steps=100, rng=np.random.default_rng(0)).q.ravel().tolist()
    [1.0, 0.0]
    """
    training = Training(**options)
    env, plan = sampled(environment), training.plan(environment.gamma)
    shape = (environment.n_states, environment.n_actions)
    table, n_visits = QTable.empty(*shape), np.zeros(shape, dtype=np.int64)
    at, numbers, run = np.zeros(2, dtype=np.int64), new_stream(rng), runner(walk, env)
    learner = Learner(
        arrays=table._asdict() | {"n_visits": n_visits, "at": at, "numbers": numbers},
        advance=lambda n: run(env, plan, table, n_visits, at, numbers, n),
        q=lambda: table.q,
    )
    return train(learner, shape, training)


@compiled
def walk(
    env: Any, plan: Plan, table: QTable, n_visits: Counts, at: Counts, stream: Stream, n: int
) -> float:
    """Updates in place along ``n`` samples; ``at`` is the state and the number of samples before."""
    s, earned = at[0], 0.0
    for t in range(at[1], at[1] + n):
        if t % plan.trajectory == 0:
            s = start(env, stream)
        a = explore(table.greedy[s], table.q.shape[1], schedule_value(plan.epsilon, t), stream)
        r, s_next, discount, over = step(env, s, a, stream)
        update(plan, table, n_visits, s, a, r + discount * value(table, s_next))
        earned += r
        s = start(env, stream) if over else s_next
    at[0], at[1] = s, at[1] + n
    return earned
