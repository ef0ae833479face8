r"""The choice of cousins by the Bellman error: how far a cousin's action values are from the original's.

.. math:: BE^{(n)}_\pi(s, a) = Q^{(1)}_\pi(s, a) - Q^{(n)}_\pi(s, a) \tag{14}

``n`` is ranked by the norm of its error at one policy, and the orders with the smallest are kept. Which
norm the paper takes is lost; here it is the Euclidean one. The policy is to be had at low cost: see
:func:`projected_policy`.

References:
    Bozkus and Mitra, arXiv 2402.08022, section IV-F and equation (14).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP, Policy
from ._colink import Chain, colink
from ._planning import policy_q
from ._projected_policy import projected_policy

Array = NDArray[np.float64]


def bellman_error(
    mdp: FiniteMDP | FactoredMDP, order: int, policy: Policy, *, chain: Chain = colink
) -> Array:
    r"""``(S, A)`` :math:`Q^{(1)}_\pi - Q^{(n)}_\pi`, equation (14): zero for order 1.

    Args:
        mdp: the original network.
        order: ``n >= 1`` of the cousin.
        policy: ``(S,)`` actions, or ``(S, A)`` probabilities.
        chain: how the cousin's chain is made.

    Raises:
        InvalidParameter: ``order`` is below 1, or beyond what ``chain`` defines.
        InvalidPolicy: ``policy`` is not a policy of ``mdp``.
    """
    original = policy_q(mdp, 1, policy, chain)
    return original - policy_q(mdp, order, policy, chain)


def select_orders(
    mdp: FiniteMDP | FactoredMDP,
    n_orders: int,
    max_order: int,
    *,
    policy: Policy | None = None,
    chain: Chain = colink,
) -> tuple[int, ...]:
    """The original and the ``n_orders - 1`` cousins of smallest Bellman error, best first.

    Nothing is learned: ``max_order`` evaluations of one policy. The ranking is a heuristic;
    :func:`exhaustive_orders` chooses by the error itself. Where ``mdp`` can be planned, its optimal policy
    costs less than the projected one and is the better place to compare at.

    Args:
        mdp: the original network, or its estimate.
        n_orders: ``K``, the size of the ensemble, the original included.
        max_order: largest order looked at.
        policy: the policy compared at; by default :func:`projected_policy`.
        chain: how the cousins' chains are made.

    Returns:
        ``K`` orders, 1 first, then by rising norm of :func:`bellman_error`.

    Raises:
        InvalidParameter: ``n_orders`` is not between 1 and ``max_order``.
        InvalidPolicy: ``policy`` is not a policy of ``mdp``.
    """
    require_choice(n_orders, max_order)
    pi = projected_policy(mdp) if policy is None else policy
    original = policy_q(mdp, 1, pi, chain)
    norms = {
        n: np.linalg.norm(original - policy_q(mdp, n, pi, chain)) for n in range(2, max_order + 1)
    }
    return (1, *sorted(norms, key=lambda n: norms[n])[: n_orders - 1])


def require_choice(n_orders: int, max_order: int) -> None:
    """Refuses to choose more orders than there are, or none."""
    if not 1 <= n_orders <= max_order:
        raise InvalidParameter(
            f"n_orders must lie in 1..{max_order}, the orders there are; got {n_orders}"
        )
