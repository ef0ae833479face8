r"""Tabular Q-learning.

In ``s`` the learner takes ``a``, earns ``r`` and lands in ``s_next``; then

.. math:: Q(s, a) \leftarrow Q(s, a) + \alpha_n \big(r + \gamma \max_b Q(s', b) - Q(s, a)\big) . \tag{3}

With ``sum alpha = inf`` and ``sum alpha**2 < inf``, ``Q`` converges to ``Q*`` with probability one as long as
every pair is visited for ever (Watkins and Dayan, 1992); exploration and restarts see to that. The default
step size is ``1 / (1 + (1 - gamma) n)`` after ``n`` earlier visits (Wainwright, *Stochastic approximation
with cone-contractive operators*, 2019). The first visit has step size one: on a deterministic chain, one
sweep against the direction of travel is exact.

The greedy action of each state is kept, so that a maximum over actions is one look, and a row is searched
again only when its best action has become worse.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._environment import Environment, explore, runner, sampled, start, step
from ._result import LearningResult
from ._schedule import schedule_value
from ._stream import Stream, new_stream
from ._training import Learner, Plan, Training, TrainingOptions, train

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

compiled = njit(nogil=True, cache=True, error_model="numpy")
inlined = njit(nogil=True, error_model="numpy")  # not cached: else callers cannot inline it


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
    q, n_visits = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    greedy, at = np.zeros(shape[0], dtype=np.int64), np.zeros(2, dtype=np.int64)
    numbers, run = new_stream(rng), runner(walk, env)
    learner = Learner(
        arrays={"q": q, "n_visits": n_visits, "greedy": greedy, "at": at, "numbers": numbers},
        advance=lambda n: run(env, plan, q, n_visits, greedy, at, numbers, n),
        q=lambda: q,
    )
    return train(learner, shape, training)


@compiled
def walk(
    env: Any,
    plan: Plan,
    q: Array,
    n_visits: Counts,
    greedy: Counts,
    at: Counts,
    stream: Stream,
    n: int,
) -> float:
    """Updates in place along ``n`` samples; ``at`` is the state and the number of samples before."""
    s, earned = at[0], 0.0
    for t in range(at[1], at[1] + n):
        if t % plan.trajectory == 0:
            s = start(env, stream)
        a = explore(greedy[s], q.shape[1], schedule_value(plan.epsilon, t), stream)
        r, s_next, discount, over = step(env, s, a, stream)
        target = r + discount * q[s_next, greedy[s_next]]
        update(plan, q, n_visits, greedy, s, a, target)
        earned += r
        s = start(env, stream) if over else s_next
    at[0], at[1] = s, at[1] + n
    return earned


@inlined
def update(
    plan: Plan, q: Array, n_visits: Counts, greedy: Counts, s: int, a: int, target: float
) -> None:
    """Moves ``q[s, a]`` towards ``target`` by the step size of its visits."""
    put(q, greedy, s, a, moved(plan, q, n_visits, s, a, target))


@inlined
def moved(plan: Plan, q: Array, n_visits: Counts, s: int, a: int, target: float) -> float:
    """What ``q[s, a]`` becomes on its way to ``target``; the visit is counted."""
    alpha = schedule_value(plan.step_size, n_visits[s, a])
    n_visits[s, a] += 1
    return float(q[s, a] + alpha * (target - q[s, a]))


@inlined
def put(q: Array, greedy: Counts, s: int, a: int, new: float) -> None:
    """Writes ``q[s, a]``; the greedy action stays the first of the largest values."""
    old, q[s, a] = q[s, a], new
    best = greedy[s]
    if a == best:
        if new < old:
            greedy[s] = first_largest(q, s)
    elif new > q[s, best] or (new == q[s, best] and a < best):
        greedy[s] = a


@inlined
def first_largest(q: Array, s: int) -> int:
    """The first action of the largest value: ``q[s].argmax()``, without a view of the row."""
    best = 0
    for a in range(1, q.shape[1]):
        if q[s, a] > q[s, best]:
            best = a
    return best
