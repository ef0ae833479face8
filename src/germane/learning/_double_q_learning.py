r"""Double Q-learning: one table chooses the best next action, the other says what it is worth.

The maximum of noisy values is too large on average. So two tables learn from different samples: of each
sample one of them, picked at random, learns,

.. math:: Q_A(s, a) \leftarrow Q_A(s, a) + \alpha_n \big(r + \gamma Q_B(s', \hat a) - Q_A(s, a)\big) ,
    \qquad \hat a = \arg\max_b Q_A(s', b) ,

or the same with ``A`` and ``B`` exchanged. Both tables converge to ``Q*`` under the conditions of Q-learning
(van Hasselt 2010, theorem 1). Step sizes go by the visits of the pair in the table that learns. Actions are
chosen by :math:`Q_A + Q_B`. It is ensemble bootstrapped Q-learning with two tables, whose loop does the work.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from ._ensemble_bootstrapped_q_learning import walk_bootstrapped
from ._environment import Environment
from ._result import LearningResult
from ._several_tables import learn_several
from ._training import TrainingOptions


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
    return learn_several(walk_bootstrapped, 2, environment, rng, **options)
