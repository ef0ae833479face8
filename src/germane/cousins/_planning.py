r"""Action values in a cousin, optimal and of a policy: :math:`Q^{(n)*}` and :math:`Q^{(n)}_\pi`.

A cousin of a :class:`FiniteMDP` is formed and solved as any finite MDP. Of a :class:`FactoredMDP` no
cousin is formed: its chains are applied to values as products, in plain value iteration. That stops
by MacQueen and Porteus' bounds, once the middle of the interval around the fixed point is as certain
as :data:`ACCURACY` asks; co-link chains mix fast, so this takes far fewer sweeps than ``gamma`` suggests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..mdp import (
    FactoredMDP,
    FiniteMDP,
    Policy,
    bellman_q,
    evaluate,
    policy_probabilities,
    solve,
)
from ._colink import Chain
from ._cousin import cousin
from ._product_chain import merged, product_chains

Array = NDArray[np.float64]

ACCURACY = 1e-12
"""Largest error of a value asked for, as a share of the largest value possible."""


def optimal_q(mdp: FiniteMDP | FactoredMDP, order: int, chain: Chain) -> Array:
    r""":math:`Q^{(n)*} (S, A)`, the optimal action values of the cousin of order ``n``."""
    if isinstance(mdp, FactoredMDP):
        return _q_of_fixed_point(mdp, order, chain, lambda q: q.max(axis=1))
    c = cousin(mdp, order, chain=chain)
    return bellman_q(c, solve(c, tol=_tolerance(c)).v)


def policy_q(mdp: FiniteMDP | FactoredMDP, order: int, policy: Policy, chain: Chain) -> Array:
    r""":math:`Q^{(n)}_\pi (S, A)`, the action values of a policy in the cousin of order ``n``.

    .. math:: Q^{(n)}_\pi(\cdot, a) = r_a + \gamma \tilde W_a^{(n)} (I - \gamma \tilde W_\pi^{(n)})^{-1} r_\pi
    """
    if isinstance(mdp, FactoredMDP):
        pi = policy_probabilities(mdp, policy)
        return _q_of_fixed_point(mdp, order, chain, lambda q: (pi * q).sum(axis=1))
    c = cousin(mdp, order, chain=chain)
    return bellman_q(c, evaluate(c, policy, tol=_tolerance(c)).v)


def _q_of_fixed_point(
    mdp: FactoredMDP, order: int, chain: Chain, choose: Callable[[Array], Array]
) -> Array:
    """``q`` at the fixed point of ``v = choose(r + gamma W v)``."""
    blocks = merged(mdp)
    laws, which = np.unique(blocks.index, axis=0, return_inverse=True)  # actions that move alike
    chains = [chain(P, order) for P in product_chains(blocks, laws)]

    def q_of(v: Array) -> Array:
        ahead = np.stack([P @ v for P in chains], axis=1)
        return np.asarray(mdp.r + mdp.gamma * ahead[:, which.reshape(-1)])

    reach, tol = mdp.gamma / (1 - mdp.gamma), _tolerance(mdp)
    v, width = np.zeros(mdp.n_states), np.inf
    while True:
        applied = choose(q_of(v))
        low, high = (applied - v).min(), (applied - v).max()
        v = applied + reach * (low + high) / 2
        before, width = width, reach * (high - low) / 2
        if width <= tol or width >= before:  # it shrinks by gamma as long as rounding lets it
            return q_of(v)


def _tolerance(mdp: FiniteMDP | FactoredMDP) -> float:
    return ACCURACY * float(np.abs(mdp.r).max()) / (1 - mdp.gamma)
