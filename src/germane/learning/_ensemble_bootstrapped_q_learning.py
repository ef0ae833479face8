r"""Ensemble bootstrapped Q-learning: one table chooses the best next action, all others say what it is
worth.

Double Q-learning with ``K`` tables. Of each sample one table ``k``, picked at random, learns:

.. math::
    Q_k(s, a) \leftarrow Q_k(s, a) + \alpha_n \Big(r + \frac{\gamma}{K - 1} \sum_{j \ne k} Q_j(s', \hat a)
    - Q_k(s, a)\Big) , \qquad \hat a = \arg\max_b Q_k(s', b) .

The choice is made with one table's noise and judged with that of others, whose mean has less of it. Step
sizes go by the visits of the pair in the table that learns. Actions are chosen by the mean of all.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..sampling import Stream, below, compiled, inlined
from ._environment import Environment, explore, start, step
from ._q_table import QTable, put, update
from ._result import LearningResult
from ._schedule import schedule_value
from ._several_tables import learn_several
from ._training import Plan, TrainingOptions

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def ensemble_bootstrapped_q_learning(
    environment: Environment,
    *,
    rng: np.random.Generator,
    n_tables: int = 5,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The greedy policy of the mean of ``n_tables`` tables that bootstrap from one another.

    Starts with empty tables; ``q`` is their mean, ``members`` are the tables. With two tables it is
    :func:`double_q_learning` bit for bit.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`.
        n_tables: ``K >= 2``.
        options: see :class:`Training`.

    Raises:
        InvalidParameter: naming the option that is out of its range.

    References:
        Peer, Tessler, Merlis and Meir, *Ensemble bootstrapping for Q-learning*, ICML 2021, algorithm 1.

    >>> from germane.mdp import FiniteMDP
    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> learned = ensemble_bootstrapped_q_learning(swap, n_steps=2000, rng=np.random.default_rng(0))
    >>> learned.q.ravel().tolist()
    [1.0, 0.0]
    """
    if n_tables < 2:
        raise InvalidParameter(f"n_tables must be at least 2; got {n_tables}")
    return learn_several(walk_bootstrapped, n_tables, environment, rng, **options)


@compiled
def walk_bootstrapped(
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
        k = below(n_tables, stream)
        first = s_next * n_tables
        others = sum_without(q, first, n_tables, k, tables.greedy[first + k]) / (n_tables - 1)
        update(plan, tables, n_visits, s * n_tables + k, a, r + discount * others)
        put(mean, s, a, sum_without(q, s * n_tables, n_tables, n_tables, a) / n_tables)
        earned += r
        s = start(env, stream) if over else s_next
    at[0], at[1] = s, at[1] + n
    return earned


@inlined
def sum_without(q: Array, first: int, n: int, k: int, a: int) -> float:
    """The sum of ``q[first : first + n, a]`` but for row ``first + k``."""
    total = 0.0
    for j in range(n):
        if j != k:
            total += q[first + j, a]
    return total
