r"""Certainty equivalence: count, and plan on the counts as if they were the truth.

.. math:: \hat P(s' | s, a) = \frac{N(s, a, s')}{n(s, a)} , \qquad
    \hat q(s, a) = r(s, a) + \gamma \sum_{s'} \hat P(s' | s, a) \max_b \hat q(s', b)

**How good it is.** For any model :math:`\hat P` whose rows are distributions, with
:math:`\varepsilon = \max_{s, a} |(\hat P - P) v^*|`,

.. math:: \| \hat q - q^* \|_\infty \le \frac{\gamma \varepsilon}{1 - \gamma} ,

because :math:`\hat q - q^* = \gamma \hat P (\hat v - v^*) + \gamma (\hat P - P) v^*`. With ``n`` samples of
every pair, Hoeffding's inequality has
:math:`\varepsilon \le \mathrm{span}(v^*) \sqrt{\ln(2 S A / \delta) / 2 n}` with probability
:math:`1 - \delta`. So :math:`\hat q \to q^*` as every pair is visited for ever; and once the bound is below
half the gap between the best and the second best action of a state, the policy there is optimal.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from ..mdp import FactoredMDP, FiniteMDP
from ._result import LearningResult
from ._samples import Array, Samples, learn_model, planned
from ._training import Training, TrainingOptions


def certainty_equivalence(
    mdp: FiniteMDP | FactoredMDP,
    *,
    rng: np.random.Generator,
    generative: bool = False,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The optimal policy of the model that the samples amount to.

    Knows of ``mdp`` what its samples show, and nothing of its structure. A pair never tried is taken for
    one that stays where it is and earns the worst reward seen so far. Memory grows with the samples.

    Args:
        mdp: the environment that is sampled.
        generative: the pairs are tried in turn, ``n_steps / (S * A)`` times each, instead of along
            trajectories.
        options: see :class:`Training`. Behaviour is epsilon-greedy towards the plan of the moment; a
            checkpoint costs a plan.

    Raises:
        InvalidParameter: naming the option that is out of its range; a step size is given; ``mdp`` is no
            model.

    References:
        Kearns and Singh, *Finite-sample convergence rates for Q-learning and indirect algorithms*, 1999.

    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.1]], 0.9)
    >>> learned = certainty_equivalence(swap, n_steps=100, rng=np.random.default_rng(0))
    >>> learned.q.round(6).ravel().tolist()
    [1.9, 1.0]
    """
    return learn_model(mdp, plan_on_counts, Training(**options), rng, generative=generative)


def plan_on_counts(samples: Samples, v: Array) -> Array:
    """``(S, A)`` optimal action values where every row is its frequencies."""
    P = samples.frequencies
    shape = samples.n_visits.shape
    return planned(lambda v: (P @ v).reshape(shape), samples.n_visits > 0, samples, v)
