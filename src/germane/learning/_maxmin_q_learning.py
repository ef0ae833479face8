r"""Maxmin Q-learning: the least of several tables counts, so that no single one's noise is taken for value.

With ``N`` tables and :math:`Q^{\min}(s, a) = \min_i Q_i(s, a)`, of each sample one table ``i``, picked at
random, learns:

.. math:: Q_i(s, a) \leftarrow Q_i(s, a) + \alpha_n \big(r + \gamma \max_b Q^{\min}(s', b) - Q_i(s, a)\big) .

``N = 1`` is Q-learning; the more tables, the further the bias of the maximum goes from too large to too
small. All tables converge to ``Q*`` under the conditions of Q-learning (Lan et al. 2020, theorem 2). Step
sizes go by the visits of the pair in the table that learns. Actions are chosen by :math:`Q^{\min}`.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..sampling import Stream, below, compiled, inlined
from ._environment import Environment, explore, start, step
from ._q_table import QTable, put, update, value
from ._result import LearningResult
from ._schedule import schedule_value
from ._several_tables import learn_several
from ._training import Plan, TrainingOptions

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def maxmin_q_learning(
    environment: Environment,
    *,
    rng: np.random.Generator,
    n_tables: int = 4,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The greedy policy of the least of ``n_tables`` tables.

    Starts with empty tables; ``q`` is their minimum, ``members`` are the tables. With one table it is
    :func:`q_learning` bit for bit.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`.
        n_tables: ``N >= 1``; the paper has 2 to 8.
        options: see :class:`Training`.

    Raises:
        InvalidParameter: naming the option that is out of its range.

    References:
        Lan, Pan, Fyshe and White, *Maxmin Q-learning: controlling the estimation bias of Q-learning*,
        ICLR 2020, algorithm 1.

    >>> from germane.mdp import FiniteMDP
    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> maxmin_q_learning(swap, n_steps=2000, rng=np.random.default_rng(0)).q.ravel().tolist()
    [1.0, 0.0]
    """
    if n_tables < 1:
        raise InvalidParameter(f"n_tables must be at least 1; got {n_tables}")
    return learn_several(walk_maxmin, n_tables, environment, rng, **options)


@compiled
def walk_maxmin(
    env: Any,
    plan: Plan,
    n_tables: int,
    tables: QTable,
    n_visits: Counts,
    least: QTable,
    at: Counts,
    stream: Stream,
    n: int,
) -> float:
    """Updates in place along ``n`` samples; ``at`` is the state and the number of samples before."""
    s, earned = at[0], 0.0
    for t in range(at[1], at[1] + n):
        if t % plan.trajectory == 0:
            s = start(env, stream)
        a = explore(least.greedy[s], least.q.shape[1], schedule_value(plan.epsilon, t), stream)
        r, s_next, discount, over = step(env, s, a, stream)
        row = s * n_tables + below(n_tables, stream)
        target = r + discount * value(least, s_next)
        update(plan, tables, n_visits, row, a, target)
        put(least, s, a, least_of(tables.q, s * n_tables, n_tables, a))
        earned += r
        s = start(env, stream) if over else s_next
    at[0], at[1] = s, at[1] + n
    return earned


@inlined
def least_of(q: Array, first: int, n: int, a: int) -> float:
    """The smallest of ``q[first : first + n, a]``."""
    least = q[first, a]
    for row in range(first + 1, first + n):
        least = min(least, q[row, a])
    return float(least)
