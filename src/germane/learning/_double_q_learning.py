r"""Double Q-learning: one table chooses the best next action, the other says what it is worth.

The maximum of noisy values is too large on average. So two tables learn from different samples: of each
sample one of them, picked at random, learns,

.. math:: Q_A(s, a) \leftarrow Q_A(s, a) + \alpha_n \big(r + \gamma Q_B(s', \hat a) - Q_A(s, a)\big) ,
    \qquad \hat a = \arg\max_b Q_A(s', b) ,

or the same with ``A`` and ``B`` exchanged. Both tables converge to ``Q*`` under the conditions of Q-learning
(van Hasselt 2010, theorem 1). Step sizes go by the visits of the pair in the table that learns. Actions are
chosen by :math:`Q_A + Q_B`.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ..sampling import Stream, below, compiled
from ._environment import Environment, explore, start, step
from ._q_table import QTable, put, update
from ._result import LearningResult
from ._schedule import schedule_value
from ._several_tables import learn_several
from ._training import Plan, TrainingOptions

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def double_q_learning(
    environment: Environment, *, rng: np.random.Generator, **options: Unpack[TrainingOptions]
) -> LearningResult:
    """The greedy policy of the mean of the two tables of Double Q-learning.

    Starts with empty tables; ``q`` is their mean, ``members`` are the two.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`.
        options: see :class:`Training`.

    Raises:
        InvalidParameter: naming the option that is out of its range.

    References:
        van Hasselt, *Double Q-learning*, NeurIPS 2010, algorithm 1.

    >>> from germane.mdp import FiniteMDP
    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> double_q_learning(swap, n_steps=2000, rng=np.random.default_rng(0)).q.ravel().tolist()
    [1.0, 0.0]
    """
    return learn_several(walk_double, 2, environment, rng, **options)


@compiled
def walk_double(
    env: Any,
    plan: Plan,
    n_tables: int,
    tables: QTable,
    n_visits: Counts,
    mean: QTable,
    at: Counts,
    stream: Stream,
    n: int,
) -> float:
    """Updates in place along ``n`` samples; ``at`` is the state and the number of samples before."""
    s, earned, q = at[0], 0.0, tables.q
    for t in range(at[1], at[1] + n):
        if t % plan.trajectory == 0:
            s = start(env, stream)
        a = explore(mean.greedy[s], mean.q.shape[1], schedule_value(plan.epsilon, t), stream)
        r, s_next, discount, over = step(env, s, a, stream)
        i = below(2, stream)
        target = r + discount * q[2 * s_next + 1 - i, tables.greedy[2 * s_next + i]]
        update(plan, tables, n_visits, 2 * s + i, a, target)
        put(mean, s, a, (q[2 * s, a] + q[2 * s + 1, a]) / 2)
        earned += r
        s = start(env, stream) if over else s_next
    at[0], at[1] = s, at[1] + n
    return earned
