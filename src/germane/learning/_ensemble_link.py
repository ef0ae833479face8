r"""Ensemble link learning: cousins that are some steps ahead, weighted by Kullback-Leibler divergence.

The first of the ensembles that led to ESQL. The cousin of order ``n`` has the chains :math:`P_a^n`; with
:math:`\sigma` the softmax of a row,

.. math::
    w_t^{(n)} &\propto \exp \Big( - \frac1{|S|} \sum_s
    KL\big(\sigma Q_t^{(1)}(s, \cdot) \,\|\, \sigma Q_t^{(n)}(s, \cdot)\big) \Big) \\
    Q^{it}_t &= u_t Q^{it}_{t-1} + (1 - u_t) \sum_n w_t^{(n)} Q_t^{(n)} , \qquad u_t \to 1 .

Neighbouring states may share a row of every table (``aggregation``).

**How sure this is.** That it has no co-links, that weights come from a divergence of action values and
that it introduced the aggregation of states is said by the later paper of the authors (arXiv 2402.08022).
That cousins are powers, the divergence and how it becomes a weight are guesses: the paper itself was not
at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import numpy as np

from ..cousins import Aggregation, power
from ..mdp import FactoredMDP, FiniteMDP
from ._ensemble import INNOVATION, Mixing, environments, learn_together
from ._environment import Environment
from ._measure import Measure
from ._result import LearningResult
from ._schedule import Schedule
from ._training import Training, TrainingOptions


def ensemble_link(
    environment: Environment,
    *,
    rng: np.random.Generator,
    orders: Iterable[int] = (1, 2, 3, 4, 5),
    innovation: float | Schedule = INNOVATION,
    samples_per_iteration: int | None = None,
    model: FiniteMDP | FactoredMDP | None = None,
    aggregation: Aggregation | None = None,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The greedy policy of the mixture of Q-learners in a network and in the powers of its chains.

    As :func:`multi_timescale`, but for the divergence and for the states that may share rows.

    Args:
        environment: the original: a finite or factored MDP, or a :class:`DiscreteEnv` with a ``model``.
        orders: of the cousins; 1 is the original and comes first.
        innovation: ``1 - u_t`` in ``[0, 1]``, by iteration.
        samples_per_iteration: of each member, between two mixtures; by default a trajectory.
        model: of what the cousins are made, such as an estimate; by default the original itself.
        aggregation: groups of states that share a row of every table, such as those of
            :func:`germane.cousins.aggregate_states`; by default every state has its own.
        options: see :class:`Training`; checkpoints and the end are rounded up to whole iterations.

    Raises:
        InvalidParameter: naming the option that is out of its range.
        TooLarge: a cousin of a finite MDP is too large to be formed.

    References:
        Bozkus and Mitra, *Ensemble link learning for large state space multiple access communications*,
        EUSIPCO 2022; section IV-D of arXiv 2402.08022 for the aggregation.

    >>> from germane.mdp import FiniteMDP
    >>> walk = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    >>> result = ensemble_link(walk, orders=(1, 2), n_steps=400, rng=np.random.default_rng(0))
    >>> [round(w, 3) for w in result.history[-1].weights]
    [0.5, 0.5]
    """
    training = Training(**options)
    mixing = Mixing.checked(
        Measure.KULLBACK_LEIBLER, training, samples_per_iteration, innovation=innovation
    )
    envs = environments(environment, environment if model is None else model, tuple(orders), power)
    return learn_together(environment, envs, mixing, training, rng, aggregation=aggregation)
