"""Policies of a finite MDP: deterministic ``(S,)`` action indices, or ``(S, A)`` probabilities."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidPolicy
from ._factored import FactoredMDP
from ._model import ROW_SUM_TOLERANCE, Array, FiniteMDP

Policy = NDArray[np.integer] | NDArray[np.float64]
"""``(S,)`` action indices, or ``(S, A)`` probabilities ``pi[s, a]``."""


def policy_probabilities(mdp: FiniteMDP | FactoredMDP, policy: ArrayLike) -> Array:
    """``(S, A)`` probabilities ``pi[s, a]`` of a deterministic or stochastic policy.

    Rows are divided by their sums, which must be one within 1e-9.

    Raises:
        InvalidPolicy: naming the first state at fault, what was got and what is accepted.
    """
    try:
        given = np.asarray(policy)
    except ValueError as error:
        raise InvalidPolicy(f"a policy must be an array: {error}") from None
    S, A = mdp.n_states, mdp.n_actions
    if given.shape == (S,) and given.dtype.kind in "iu":
        outside = (given < 0) | (given >= A)
        if outside.any():
            s = int(np.argmax(outside))
            raise InvalidPolicy(f"policy[{s}] must be an action in 0..{A - 1}; got {given[s]}")
        return np.asarray(np.eye(A)[given])
    if given.shape != (S, A) or given.dtype.kind not in "fiub":
        raise InvalidPolicy(
            f"a policy is ({S},) integers or ({S}, {A}) probabilities; "
            f"got shape {given.shape} of {given.dtype}"
        )
    pi = given.astype(np.float64)
    sums = pi.sum(axis=1)
    faulty = ~(np.isfinite(pi).all(axis=1) & (pi >= 0).all(axis=1))
    faulty |= ~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE)
    if faulty.any():
        s = int(np.argmax(faulty))
        raise InvalidPolicy(
            f"policy[{s}] must be probabilities that sum to 1 within {ROW_SUM_TOLERANCE}; "
            f"got {pi[s].tolist()}"
        )
    return np.asarray(pi / sums[:, None])


def induced_chain(mdp: FiniteMDP, policy: ArrayLike) -> tuple[sp.csr_array, Array]:
    """The Markov reward process of a policy: ``P_pi[s, s'] (S, S)`` and ``r_pi[s] (S,)``.

    ``P_pi[s] = sum_a pi[s, a] P[s, a]`` and ``r_pi[s] = sum_a pi[s, a] r[s, a]``.

    Raises:
        InvalidPolicy: when ``policy`` is not a policy of ``mdp``.
    """
    S, A = mdp.n_states, mdp.n_actions
    pi = policy_probabilities(mdp, policy)
    s, a = np.nonzero(pi)
    mixture = sp.csr_array((pi[s, a], (s, s * A + a)), shape=(S, S * A))
    return sp.csr_array(mixture @ mdp.transitions), np.asarray((pi * mdp.r).sum(axis=1))
