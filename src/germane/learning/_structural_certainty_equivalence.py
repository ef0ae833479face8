r"""Certainty equivalence by structure: count what each component does, and plan on the product.

The components of a factored MDP move by kernels that actions and components share. A sample from ``(s, a)``
is one of *every* kernel :math:`k(a, f)`, in the row of the value that component ``f`` has in ``s``:

.. math:: \hat K_k(x, x') = \frac{\sum_{(s, a, s')} \sum_f 1\{ k(a, f) = k,\ x_f = x,\ x'_f = x' \}}
    {\sum_{(s, a, s')} \sum_f 1\{ k(a, f) = k,\ x_f = x \}} , \qquad
    \hat P_a = \bigotimes_f \hat K_{k(a, f)} .

A network of thousands of pairs has some ten kernels of a few rows, so that a handful of samples per pair is
thousands per row. Which kernel goes where is taken from the model; no probability is.

**How good it is.** Rows of products differ in total variation by no more than the sum of what their factors
differ by, so :math:`\varepsilon \le \mathrm{span}(v^*) \max_{s, a} \sum_f \mathrm{TV}(\hat K_f, K_f)` in the
theorem of certainty equivalence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import numpy as np

from ..cousins import kernel_counts, kernel_frequencies
from ..errors import InvalidParameter
from ..mdp import FactoredMDP
from ._result import LearningResult
from ._samples import Array, Samples, learn_model, next_values, planned
from ._training import Training, TrainingOptions


def structural_certainty_equivalence(
    mdp: FactoredMDP,
    *,
    rng: np.random.Generator,
    generative: bool = False,
    known_rewards: bool = False,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The optimal policy of the product of the kernels that the samples amount to.

    Knows which components share which kernel, and no probability of them. The product is never formed.

    Args:
        mdp: the environment that is sampled.
        generative: the pairs are tried in turn, ``n_steps / (S * A)`` times each, instead of along
            trajectories.
        known_rewards: all rewards are known beforehand, as where costs are set by the operator. Then a
            pair never tried can be planned for as soon as each of its kernels' rows has been seen.
        options: see :class:`Training`. Behaviour is epsilon-greedy towards the plan of the moment; a
            checkpoint costs a plan.

    Raises:
        InvalidParameter: naming the option that is out of its range; a step size is given; ``mdp`` is not
            factored.

    References:
        *Structural estimation* in section II-C of Bozkus and Mitra, arXiv 2402.08022.

    >>> flip = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> pair = FactoredMDP(kernels=(flip,), index=[[0, 0]], r=[[1.0], [0.0], [0.0], [0.0]], gamma=0.5)
    >>> learned = structural_certainty_equivalence(pair, n_steps=100, rng=np.random.default_rng(0))
    >>> learned.q.round(6).ravel().tolist()
    [1.333333, 0.0, 0.0, 0.666667]
    """
    if not isinstance(mdp, FactoredMDP):
        raise InvalidParameter(f"mdp must be a FactoredMDP; got {type(mdp).__name__}")
    x = mdp.components(np.arange(mdp.n_states))[:, None, :]

    def planner(samples: Samples, v: Array) -> Array:
        N = samples.counts.tocoo()
        s, a = np.divmod(N.row.astype(np.int64), mdp.n_actions)
        totals = kernel_counts(mdp, s, a, N.col, N.data)
        visits = [total.sum(axis=1) for total in totals]
        seen = np.zeros((len(visits), max(mdp.sizes)), dtype=bool)
        for k, n in enumerate(visits):
            seen[k, : len(n)] = n > 0
        estimate = replace(mdp, kernels=tuple(map(kernel_frequencies, totals)))
        usable = samples.known & seen[mdp.index, x].all(axis=2)
        return planned(next_values(estimate), usable, samples, v)

    return learn_model(
        mdp, planner, Training(**options), rng, generative=generative, known_rewards=known_rewards
    )
