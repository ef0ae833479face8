"""The value of a policy, and what it loses against the best one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ._evaluation import MAX_SWEEPS, chain_value
from ._model import Array, FiniteMDP
from ._planning import Solution, budget_spent, require_tolerance, solve
from ._policy import induced_chain


def evaluate(mdp: FiniteMDP, policy: ArrayLike, *, tol: float = 1e-9) -> Solution:
    r"""The value :math:`v^\pi` of a deterministic or stochastic policy.

    .. math:: v^\pi(s) = \sum_a \pi(s, a) [ r(s, a) + \gamma \sum_{s'} P(s' | s, a) v^\pi(s') ]

    Args:
        mdp: the model.
        policy: ``(S,)`` action indices or ``(S, A)`` probabilities.
        tol: largest ``error_bound`` asked for [reward units]; missed only where rounding forbids it.

    Returns:
        :class:`Solution` with ``|v - v^pi| <= error_bound`` in every state.

    Raises:
        InvalidPolicy: ``policy`` is not a policy of ``mdp``.
        InvalidParameter: ``tol`` is negative.
        NotConverged: a large chain with a discount near one ran out of sweeps; ``partial`` holds the
            value reached, with its true bound.
    """
    require_tolerance(tol)
    P, r = induced_chain(mdp, policy)
    n_mixed = 1 if np.ndim(policy) == 1 else mdp.n_actions
    (v, error_bound), n_sweeps = chain_value(P, r, mdp.gamma, tol, n_mixed=n_mixed)
    found = Solution(v=v, policy=np.array(policy), error_bound=error_bound, n_iterations=n_sweeps)
    if error_bound > tol and n_sweeps >= MAX_SWEEPS:
        raise budget_spent(found, tol)
    return found


def regret(mdp: FiniteMDP, policy: ArrayLike, *, tol: float = 1e-9) -> Array:
    """What a policy loses in each state, ``v* - v^pi``, shape ``(S,)`` [reward units].

    Never negative: the difference of the two computed values is cut at its known lower end, zero.
    Each value is accurate to ``tol`` where rounding allows it; for a guaranteed interval see
    ``germane.certificates.exact``.

    Raises:
        InvalidPolicy: ``policy`` is not a policy of ``mdp``.
        InvalidParameter: ``tol`` is negative.

    References:
        The left side of Theorem 1, equation (7), of the paper.
    """
    return np.maximum(solve(mdp, tol=tol).v - evaluate(mdp, policy, tol=tol).v, 0.0)
