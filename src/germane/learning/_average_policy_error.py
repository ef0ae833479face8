"""The average policy error: in how many states a policy is not optimal."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ..cousins import cousin_optima
from ..mdp import FactoredMDP, FiniteMDP, Ties, policy_error


def average_policy_error(
    mdp: FiniteMDP | FactoredMDP, policy: ArrayLike, *, ties: Ties = "tolerant"
) -> float:
    r"""The share of states in which ``policy`` is not optimal in ``mdp``, a number in ``[0, 1]``.

    .. math:: \mathrm{APE} = \frac{1}{|S|} \sum_s 1\{ \pi^*(s) \ne \pi(s) \} \tag{11}

    Solves ``mdp``, factored models without multiplying them out. To judge many policies of one model, solve
    it once and use :func:`germane.mdp.policy_error`.

    Args:
        mdp: the original network.
        policy: ``(S,)`` actions, or ``(S, A)`` probabilities.
        ties: ``"tolerant"`` takes every optimal action for right, ``"strict"`` only the first.

    Raises:
        InvalidPolicy: ``policy`` is not a policy of ``mdp``.
        InvalidParameter: ``ties`` is neither word.

    References:
        Bozkus and Mitra, arXiv 2402.08022, equation (11).

    >>> import numpy as np
    >>> mdp = FiniteMDP(np.ones((2, 2, 2)) / 2, [[1.0, 0.0], [1.0, 1.0]], 0.9)
    >>> average_policy_error(mdp, [1, 1])
    0.5
    """
    return policy_error(cousin_optima(mdp, (1,)).q[1], policy, ties=ties)
