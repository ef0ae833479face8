r"""Multi-timescale ensemble Q-learning: cousins some steps ahead, weighted by the divergence of tables.

The cousin of order ``n`` has the chains :math:`P_a^n`: one of its steps is ``n`` steps under the same
action. With :math:`\sigma` the softmax of a row and :math:`JSD` the Jensen-Shannon divergence in bits,

.. math::
    \hat w_t^{(n)} &= 1 - \frac1{|S|} \sum_s
    JSD\big(\sigma Q_t^{(1)}(s, \cdot) \,\|\, \sigma Q_t^{(n)}(s, \cdot)\big) , \qquad
    w_t^{(n)} = \frac{e^{\hat w_t^{(n)}}}{\sum_m e^{\hat w_t^{(m)}}} \\
    Q^{it}_t &= u_t Q^{it}_{t-1} + (1 - u_t) \sum_n w_t^{(n)} Q_t^{(n)} , \qquad u_t \to 1 .

**How sure this is.** That cousins are powers, that weights come from the divergence of action values and
that tables are mixed by this rule is said by the later paper of the authors (arXiv 2402.08022). The form
of the divergence and a ratio that rises are restored from their other papers, with medium confidence.
Theirs rises like :math:`1 - e^{-t / \tau}`, which reaches one so fast that the mixture stops where it is;
here :math:`1 - u_t = 1 / (1 + t / 1000)`, which begins in the same way, and whose sum is infinite, as
convergence needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import numpy as np

from ..cousins import power
from ..mdp import FactoredMDP, FiniteMDP
from ._ensemble import INNOVATION, Mixing, environments, learn_together
from ._environment import Environment
from ._measure import Measure
from ._result import LearningResult
from ._schedule import Schedule
from ._training import Training, TrainingOptions


def multi_timescale(
    environment: Environment,
    *,
    rng: np.random.Generator,
    orders: Iterable[int] = (1, 2, 3, 4, 5),
    innovation: float | Schedule = INNOVATION,
    samples_per_iteration: int | None = None,
    model: FiniteMDP | FactoredMDP | None = None,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    r"""The greedy policy of the mixture of Q-learners in a network and in the powers of its chains.

    Like :func:`esql`, with which it shares the contract: trajectories of all ``K`` start in one random
    state, samples of cousins are synthetic, and an ensemble of one is :func:`q_learning` bit for bit.
    ``q`` tends to a mean of the optima of the cousins, not to :math:`Q^*`.

    Args:
        environment: the original: a finite or factored MDP, or a :class:`DiscreteEnv` with a ``model``.
        orders: of the cousins; 1 is the original and comes first. innovation: ``1 - u_t`` in ``[0, 1]``,
        by iteration. samples_per_iteration: of each member, between two mixtures; by default a
        trajectory. model: of what the cousins are made, such as an estimate; by default the original
        itself. Powers of a
            factored model are never formed.
        options: see :class:`Training`; checkpoints and the end are rounded up to whole iterations.

    Raises:
        InvalidParameter: naming the option that is out of its range.
        TooLarge: a cousin of a finite MDP is too large to be formed.

    References:
        Bozkus and Mitra, *Multi-timescale ensemble Q-learning for Markov decision process policy
        optimization*, arXiv 2402.05476.

    >>> from germane.mdp import FiniteMDP
    >>> walk = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    >>> result = multi_timescale(walk, orders=(1, 2), n_steps=400, rng=np.random.default_rng(0))
    >>> [round(w, 3) for w in result.history[-1].weights]
    [0.5, 0.5]
    """
    training = Training(**options)
    mixing = Mixing.checked(
        Measure.JENSEN_SHANNON, training, samples_per_iteration, innovation=innovation
    )
    envs = environments(environment, environment if model is None else model, tuple(orders), power)
    return learn_together(environment, envs, mixing, training, rng)
