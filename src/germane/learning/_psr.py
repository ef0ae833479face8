r"""Policy sampling and reconstruction: plan, keep the policy of some states, and infer that of the others.

Policies of wireless networks have structure: between a few thresholds in buffers and channels the action
stays the same. So the policy is kept only where it is worth most, and states in between take it from
their neighbours:

1. count samples and plan on the frequencies, as :func:`certainty_equivalence`;
2. of the states that are kept, half are those where the best and the second best action are closest, near
   the thresholds; the others are spread evenly over the state numbers;
3. every other state takes the row of the nearest of them, by the sum of the differences of components.

**How sure this is.** That states are sampled, that values are estimated from samples and that the policy
is interpolated is said in words by Bozkus and Mitra, who compare with it (arXiv 2402.08022). Which
states, how many, and how is lost: steps 2 and 3 are ours.
"""

from __future__ import annotations

from math import ceil
from typing import Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ._certainty_equivalence import plan_on_counts
from ._result import LearningResult
from ._samples import Array, Samples, learn_model
from ._training import Training, TrainingOptions

Ints = NDArray[np.int64]

TINY = np.finfo(np.float64).tiny


def psr(
    mdp: FiniteMDP | FactoredMDP,
    *,
    rng: np.random.Generator,
    share: float = 0.25,
    generative: bool = False,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The policy reconstructed from that of a share of the states.

    ``q`` holds the rows that were kept, or taken from a neighbour. Knows of a factored MDP its components;
    of a finite one its state numbers, as if they were a line.

    Args:
        mdp: the environment that is sampled.
        share: of the states whose policy is kept, in ``(0, 1]``; with 1 it is
            :func:`certainty_equivalence`.
        generative: the pairs are tried in turn instead of along trajectories.
        options: see :class:`Training`. Behaviour is epsilon-greedy towards the policy of the moment; a
            checkpoint costs a plan.

    Raises:
        InvalidParameter: naming the option that is out of its range; a step size is given; ``mdp`` is no
            model.

    References:
        Liu and Mitra, *On sampled reinforcement learning in wireless networks: exploitation of policy
        structures*, IEEE Transactions on Communications 68, 2020.

    >>> stay = np.eye(4)[:, None, :].repeat(2, axis=1)
    >>> threshold = FiniteMDP(stay, [[2, 0], [1, 0], [0, 1], [0, 2]], 0.5)
    >>> learned = psr(threshold, share=0.5, n_steps=400, rng=np.random.default_rng(0))
    >>> learned.policy.tolist()
    [0, 0, 1, 1]
    """
    if not 0 < share <= 1:
        raise InvalidParameter(f"share must lie in (0, 1]; got {share}")
    states = np.arange(mdp.n_states)
    x = mdp.components(states) if isinstance(mdp, FactoredMDP) else states[:, None]

    def planner(samples: Samples, v: Array) -> Array:
        return reconstructed(plan_on_counts(samples, v), x, ceil(share * mdp.n_states))

    return learn_model(mdp, planner, Training(**options), rng, generative=generative)


def reconstructed(q: Array, x: Ints, n: int) -> Array:
    """``(S, A)`` every row that of the nearest of ``n`` kept states, by components ``x (S, F)``."""
    kept = kept_states(q, n)
    _, nearest = KDTree(x[kept]).query(x, p=1)
    return np.asarray(q[kept[nearest]])


def kept_states(q: Array, n: int) -> Ints:
    """``(n,)`` states: half of the closest decisions, the others evenly from what is left."""
    best = np.sort(q, axis=1)
    gap = best[:, -1] - best[:, -2] if q.shape[1] > 1 else np.zeros(len(q))
    rounded = np.round(gap / max(np.abs(q).max(), TINY), 9)  # so that rounding does not choose
    close = np.argsort(rounded, kind="stable")[: n // 2]
    others = np.delete(np.arange(len(q)), close)
    m = n - len(close)
    spread = others[((np.arange(m) + 0.5) * len(others) / m).astype(np.int64)]
    return np.sort(np.concatenate([close, spread]))
