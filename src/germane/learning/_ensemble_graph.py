r"""Ensemble graph Q-learning: fewer states, and cousins weighted by symmetric Kullback-Leibler divergence.

The second of the ensembles that led to ESQL. The cousin of order ``n`` has the chains :math:`P_a^n`,
neighbouring states share a row of every table, and over the groups ``g`` of states

.. math::
    w_t^{(n)} &\propto \exp \Big( - \frac1{|G|} \sum_g \sum_a
    \big(p_g(a) - q_g(a)\big) \ln \frac{p_g(a)}{q_g(a)} \Big) \\
    Q^{it}_t &= u_t Q^{it}_{t-1} + (1 - u_t) \sum_n w_t^{(n)} Q_t^{(n)} , \qquad u_t \to 1 ,

with :math:`p_g` and :math:`q_g` the softmax of row ``g`` of :math:`Q_t^{(1)}` and :math:`Q_t^{(n)}`.

**How sure this is.** That it has no co-links and that weights come from a divergence of action values is
said by the later paper of the authors (arXiv 2402.08022), that it reduces a graph by its title. The rest
is a guess, the paper itself was not at hand: that cousins are powers, that the reduction is an
aggregation of neighbouring states, in pairs unless another is given, the divergence, and how it becomes a
weight.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import numpy as np

from ..cousins import Aggregation, aggregate_states, power
from ..mdp import FactoredMDP, FiniteMDP
from ._ensemble import INNOVATION, Mixing, environments, learn_together
from ._environment import DiscreteEnv, Environment
from ._measure import Measure
from ._result import LearningResult
from ._schedule import Schedule
from ._training import Training, TrainingOptions


def ensemble_graph(
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
    """The greedy policy of the mixture of Q-learners whose neighbouring states share a row.

    As :func:`ensemble_link`, but for the divergence, and that states are aggregated unless told
    otherwise. Where an optimal policy does not treat the states of a group alike, no number of samples
    makes it right.

    Args:
        environment: the original: a finite or factored MDP, or a :class:`DiscreteEnv` with a ``model``.
        orders: of the cousins; 1 is the original and comes first.
        innovation: ``1 - u_t`` in ``[0, 1]``, by iteration.
        samples_per_iteration: of each member, between two mixtures; by default a trajectory.
        model: of what the cousins are made, such as an estimate; by default the original itself.
        aggregation: groups of states that share a row of every table; by default :func:`pairs`.
        options: see :class:`Training`; checkpoints and the end are rounded up to whole iterations.

    Raises:
        InvalidParameter: naming the option that is out of its range.
        TooLarge: a cousin of a finite MDP is too large to be formed.

    References:
        Bozkus and Mitra, *Ensemble graph Q-learning for large scale networks*, ICASSP 2023.

    >>> from germane.mdp import FiniteMDP
    >>> walk = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    >>> result = ensemble_graph(walk, orders=(1, 2), n_steps=400, rng=np.random.default_rng(0))
    >>> bool(result.q[0] == result.q[1])  # one group
    True
    """
    training = Training(**options)
    mixing = Mixing.checked(
        Measure.SYMMETRIC, training, samples_per_iteration, innovation=innovation
    )
    envs = environments(environment, environment if model is None else model, tuple(orders), power)
    groups = pairs(environment) if aggregation is None else aggregation
    return learn_together(environment, envs, mixing, training, rng, aggregation=groups)


def pairs(environment: Environment) -> Aggregation:
    """Groups of two neighbouring states, by their components or, where there are none, their numbers."""
    S = environment.n_states
    near = np.arange(S)[:, None]
    if isinstance(environment, FactoredMDP):
        near = environment.components(np.arange(S))
    r = np.zeros((S, 1)) if isinstance(environment, DiscreteEnv) else environment.r
    return aggregate_states(r, near, np.zeros((S, 0)), k=2)
