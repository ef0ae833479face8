r"""Expected Sarsa(lambda): the temporal difference is shared with the pairs that led to it.

With :math:`\pi_\varepsilon` the policy that is followed, greedy but for exploration,

.. math::
    \delta_t = r_t + \gamma \sum_b \pi_\varepsilon(b | s_{t+1}) Q(s_{t+1}, b) - Q(s_t, a_t) , \qquad
    Q(s_i, a_i) \leftarrow Q(s_i, a_i) + \alpha_i (\gamma \lambda)^{t - i} \delta_t
    \quad \text{for all } i \le t \text{ of the trajectory} ,

which are the accumulating traces
:math:`e(s, a) \leftarrow \gamma \lambda e(s, a) + 1\{(s, a) = (s_t, a_t)\}`, but that every visit keeps
the step size :math:`\alpha_i` that it came with. Each visit thus moves its pair towards a mean of the
returns after 1, 2, ... steps, weighted by powers of ``lambda``. A restart ends what can be credited.

**Step sizes.** In expectation an update contracts by
:math:`\kappa = \gamma (1 - \lambda) / (1 - \gamma \lambda)`, so that the default step size of Q-learning,
with :math:`\kappa` in the place of :math:`\gamma`, is :math:`1 / (1 + (1 - \kappa) n)`,
:math:`1 - \kappa = (1 - \gamma) / (1 - \gamma \lambda)`. Step sizes that stay near one for longer let
traces of many visits add up to far more than one, and tables may grow without bound before they settle.

**What it tends to** is the value of the best policy that explores as it does, the fixed point of
:math:`Q = r + \gamma P \big((1 - \varepsilon) \max_b Q + \varepsilon\, \mathrm{mean}_b\, Q\big)`: ``Q*``
only with an ``epsilon`` that vanishes.

**Cost.** Only the pairs of the present trajectory are touched, and of a long one only those whose trace
is not below :data:`NEGLIGIBLE`: what is left out is less than rounding.
"""

from __future__ import annotations

from math import floor, log
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..sampling import Stream, compiled, inlined, new_stream
from ._environment import Environment, explore, runner, sampled, start, step
from ._q_table import QTable, put, value
from ._result import LearningResult
from ._schedule import Schedule, schedule_value
from ._training import Learner, Plan, Training, TrainingOptions, train

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

NEGLIGIBLE = 2.0**-53
"""Traces below this are dropped."""


def expected_sarsa_lambda(
    environment: Environment,
    *,
    rng: np.random.Generator,
    lambda_: float = 0.9,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The greedy policy of the ``q`` that Expected Sarsa with traces reaches.

    Starts with ``q = 0``. With ``lambda_ = 0`` and ``epsilon = 0`` it is :func:`q_learning` bit for bit.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`.
        lambda_: how far credit reaches back, in ``[0, 1]``.
        options: see :class:`Training`; the step size is ``1 / (1 + (1 - gamma) / (1 - gamma lambda) n)`` by
            default.

    Raises:
        InvalidParameter: naming the option that is out of its range.

    References:
        Jiang et al., *An improved Sarsa(lambda) reinforcement learning algorithm for wireless
        communication systems*, IEEE Access 7, 2019; van Seijen et al., *A theoretical and empirical
        analysis of Expected Sarsa*, 2009.

    >>> from germane.mdp import FiniteMDP
    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> expected_sarsa_lambda(swap, n_steps=100, rng=np.random.default_rng(0)).q.ravel().tolist()
    [1.0, 0.0]
    """
    if not 0 <= lambda_ <= 1:
        raise InvalidParameter(f"lambda_ must lie in [0, 1]; got {lambda_}")
    training = Training(**options)
    env, plan = sampled(environment), training.plan(environment.gamma)
    shape = (environment.n_states, environment.n_actions)
    fading = environment.gamma * lambda_
    if training.step_size is None:
        plan = plan._replace(step_size=Schedule(1.0, (1 - environment.gamma) / (1 - fading)))
    reach = 1 + floor(log(NEGLIGIBLE) / log(fading)) if fading > 0 else 1
    reach = min(reach, training.trajectory)
    visited, sizes = np.zeros((reach, 2), dtype=np.int64), np.zeros(reach)
    table, n_visits = QTable.empty(*shape), np.zeros(shape, dtype=np.int64)
    at, numbers, run = np.zeros(3, dtype=np.int64), new_stream(rng), runner(walk_back, env)
    learner = Learner(
        arrays=table._asdict()
        | {"n_visits": n_visits, "visited": visited, "sizes": sizes, "at": at, "numbers": numbers},
        advance=lambda n: run(env, plan, fading, table, n_visits, visited, sizes, at, numbers, n),
        q=lambda: table.q,
    )
    return train(learner, shape, training)


@compiled
def walk_back(
    env: Any,
    plan: Plan,
    fading: float,
    table: QTable,
    n_visits: Counts,
    visited: Counts,
    sizes: Array,
    at: Counts,
    stream: Stream,
    n: int,
) -> float:
    """Updates in place along ``n`` samples; ``at`` is the state, the samples before, and those since a
    restart.

    The last visits and their step sizes are kept in a ring.
    """
    s, earned, length, reach, q = at[0], 0.0, at[2], len(sizes), table.q
    for t in range(at[1], at[1] + n):
        if t % plan.trajectory == 0:
            s, length = start(env, stream), 0
        epsilon = schedule_value(plan.epsilon, t)
        a = explore(table.greedy[s], q.shape[1], epsilon, stream)
        r, s_next, discount, over = step(env, s, a, stream)
        newest = length % reach
        visited[newest, 0], visited[newest, 1] = s, a
        sizes[newest] = schedule_value(plan.step_size, n_visits[s, a])
        n_visits[s, a] += 1
        length += 1
        error = r + discount * followed_value(table, s_next, epsilon) - q[s, a]
        trace, i = 1.0, newest
        for _ in range(min(length, reach)):
            x, b = visited[i, 0], visited[i, 1]
            put(table, x, b, q[x, b] + sizes[i] * trace * error)
            trace *= fading
            i = i - 1 if i > 0 else reach - 1
        earned += r
        s = s_next
        if over:
            s, length = start(env, stream), 0
    at[0], at[1], at[2] = s, at[1] + n, length
    return earned


@inlined
def followed_value(table: QTable, s: int, epsilon: float) -> float:
    """The value of ``s`` when the greedy action is taken, or with probability ``epsilon`` any."""
    total, n = 0.0, table.q.shape[1]
    for a in range(n):
        total += table.q[s, a]
    return float((1 - epsilon) * value(table, s) + epsilon * (total / n))
