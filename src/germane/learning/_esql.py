r"""Ensemble synthetic Q-learning: Q-learners in a network and its cousins, mixed by how much they agree.

Algorithm 1 of the paper, with rewards instead of costs. ``K`` Q-learners run side by side, the first in the
original, the others in its cousins. After each iteration ``t`` every learner is weighted by the share of
states in which its greedy action is that of the first, and the tables are mixed:

.. math::
    \hat w_t^{(n)} &= \frac1{|S|} \sum_s 1\{ \pi_t^{(n)}(s) = \pi_t^{(1)}(s) \}, \qquad
    w_t^{(n)} = \frac{e^{\hat w_t^{(n)}}}{\sum_m e^{\hat w_t^{(m)}}} \\
    Q^{it}_t &= u_t Q^{it}_{t-1} + (1 - u_t) \sum_n w_t^{(n)} Q_t^{(n)} .

The random weights of its line 1 multiply empty tables and are left out.

**Fading cousins.** The mixture tends to :math:`\sum_n w_\infty^{(n)} Q^{(n)*}`, not to :math:`Q^*`:
however long it learns, a floor of error is left. With a number :math:`\kappa` the cousins count for
:math:`\kappa` visits,

.. math::
    \tilde Q_t(s, \cdot) = \frac{m_t(s) Q^{(1)}_t(s, \cdot) + \kappa Q^{it}_t(s, \cdot)}{m_t(s) + \kappa},
    \qquad m_t(s) = \min_a n^{(1)}_t(s, a) ,

and fade as the state becomes known in the original: ESQL at first, Q-learning in the end.

*Theorem.* If :math:`Q^{(1)}_t \to Q^*` (almost surely, as Q-learning does when every pair is visited for
ever), then :math:`\tilde Q_t \to Q^*`, with

.. math:: \| \tilde Q_t - Q^* \|_\infty \le \| Q^{(1)}_t - Q^* \|_\infty
    + \frac{\kappa}{\kappa + \min_s m_t(s)} \cdot \frac{\max r^+ + \max r^-}{1 - \gamma} ,

and the greedy policy is optimal from some time on, whichever optimal action it takes. *Proof.*
:math:`\tilde Q - Q^* = (Q^{(1)} - Q^*) + \frac{\kappa}{m + \kappa} (Q^{it} - Q^{(1)})`; all tables start
at zero and are moved by convex steps towards :math:`r + \gamma \max Q`, so they lie between
:math:`-\max r^- / (1 - \gamma)` and :math:`\max r^+ / (1 - \gamma)`, and so do their mixtures, whose
weights sum to at most one. No floor is left for any cousins, whatever they are. One number for all
actions of a state keeps their order where tables have different levels: weights pair by pair were worse.

Greedy actions are compared where one has changed, not in every state, and the mixture is never formed on
the way: see ``_ensemble.py``, which it shares with its predecessors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import numpy as np

from ..cousins import Chain, colink
from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ._ensemble import Mixing, environments, learn_together
from ._environment import Environment
from ._measure import Measure
from ._result import LearningResult
from ._schedule import Schedule
from ._training import Training, TrainingOptions


def esql(
    environment: Environment,
    *,
    rng: np.random.Generator,
    orders: Iterable[int] = (1, 2, 3, 4, 5),
    update_ratio: float | Schedule = 0.5,
    fading: float | None = None,
    samples_per_iteration: int | None = None,
    model: FiniteMDP | FactoredMDP | None = None,
    chain: Chain = colink,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    r"""The greedy policy of the mixture of Q-learners in a network and in its cousins.

    All share the rewards of the original. Trajectories of all ``K`` start in one random state; samples of
    cousins are synthetic, and history counts those of the original only.

    **Where it ends.** Without fading ``q`` tends to :math:`\sum_n w_\infty^{(n)} Q^{(n)*}`:
    :func:`germane.cousins.limit_policy_error` tells the error that is left, before anything is learned.
    With fading it tends to :math:`Q^*`. An ensemble of one is Q-learning: its member is that of
    :func:`q_learning`, bit for bit.

    Args:
        environment: the original: a finite or factored MDP, or a :class:`DiscreteEnv` with a ``model``.
        orders: of the cousins; 1 is the original and comes first. update_ratio: ``u_t`` in ``[0, 1]``, by
        iteration. fading: ``kappa > 0``, visits that the cousins count for; by default they do not fade,
        as in the paper.
            50 suited all networks that were tried.
        samples_per_iteration: of each member, between two mixtures; by default a trajectory.
        model: of what the cousins are made, such as an estimate; by default the original itself.
        chain: how the chain of a cousin is made. A factored network's co-links and powers are never
            formed.
        options: see :class:`Training`; checkpoints and the end are rounded up to whole iterations.

    Raises:
        InvalidParameter: naming the option that is out of its range.
        TooLarge: a cousin of a finite MDP is too large to be formed.

    References:
        Bozkus and Mitra, arXiv 2402.08022, Algorithm 1 and Propositions 1 to 5.

    >>> from germane.mdp import FiniteMDP
    >>> walk = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    >>> result = esql(walk, orders=(1, 2), n_steps=400, rng=np.random.default_rng(0))
    >>> [round(w, 3) for w in result.history[-1].weights]
    [0.5, 0.5]
    """
    if fading is not None and not 0 < fading < np.inf:
        raise InvalidParameter(f"fading must be positive and finite; got {fading}")
    training = Training(**options)
    mixing = Mixing.checked(
        Measure.ACTIONS, training, samples_per_iteration, update_ratio=update_ratio
    )
    envs = environments(environment, environment if model is None else model, tuple(orders), chain)
    return learn_together(environment, envs, mixing, training, rng, fading=fading)
