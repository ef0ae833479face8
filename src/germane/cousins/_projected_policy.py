r"""A policy from few unknowns: policy iteration with values in the span of a few eigenvectors.

The value of a policy is sought as :math:`v = \Phi x`, where the columns of :math:`\Phi` span the leading
eigenvectors of the co-link chain of :math:`P_\pi`, and the evaluation equation is projected onto them,

.. math:: \Phi^T (I - \gamma P_\pi) \Phi\, x = \Phi^T r_\pi ,

``m`` unknowns instead of ``S``. Then the policy is improved as in policy iteration, and all begins again.
The chain :math:`D^{-1} W` with :math:`W` symmetric, ``D`` its row sums, has real eigenvectors
:math:`D^{-1/2} u`, ``u`` those of :math:`D^{-1/2} W D^{-1/2}`; the first is constant. (Those of ``W`` itself
are not, and approximate values badly: three times the policy error at eight of 64 states.)

**Stopping rule.** A policy comes back, or :data:`MAX_ROUNDS` are over: projected iteration need not converge.

References:
    Bozkus and Mitra, *Link analysis for solving multiple-access MDPs with large state spaces*, IEEE
    Transactions on Signal Processing 71, 2023: the idea; its formulas are restored here, not quoted.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP, bellman_q, greedy_actions, induced_chain
from ._cousin import DENSE_STATES
from ._similarity import apply_similarity, colink_similarity

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_ROUNDS = 20
"""Policies that are evaluated, at most."""


def projected_policy(
    mdp: FiniteMDP | FactoredMDP, *, n_features: int | None = None, order: int = 5
) -> Ints:
    """``(S,)`` the policy in which policy iteration with projected evaluation ends.

    With ``n_features = S`` nothing is lost in the projection, and the policy is optimal. With fewer there
    is no guarantee.

    Args:
        mdp: the network; a factored one is multiplied out, but no similarity matrix above 1,500 states.
        n_features: ``m`` eigenvectors; by default the square root of ``S``, rounded up.
        order: of the co-link chain whose eigenvectors are taken.

    Raises:
        InvalidParameter: ``n_features`` is not in ``1..S``, or ``order`` below 2.
        TooLarge: a factored network has too many transitions.
    """
    flat = mdp.flat() if isinstance(mdp, FactoredMDP) else mdp
    S = flat.n_states
    m = math.isqrt(S - 1) + 1 if n_features is None else n_features
    if not 1 <= m <= S:
        raise InvalidParameter(f"n_features must lie in 1..{S}, the states there are; got {m}")
    policy = np.asarray(flat.r.argmax(axis=1))
    seen = set[bytes]()
    while policy.tobytes() not in seen and len(seen) < MAX_ROUNDS:
        seen.add(policy.tobytes())
        P, r = induced_chain(flat, policy)
        features = leading_eigenvectors(P, order, m)
        system = np.eye(m) - flat.gamma * (features.T @ (P @ features))
        x = scipy.linalg.lstsq(system, features.T @ r)[0]
        policy = np.asarray(greedy_actions(bellman_q(flat, features @ x)).argmax(axis=1))
    return policy


def leading_eigenvectors(P: sp.csr_array, order: int, m: int) -> Array:
    """``(S, m)`` orthonormal, with the span of the leading eigenvectors of the co-link chain of ``P``."""
    S = P.shape[0]
    root = np.sqrt(apply_similarity(P, order, np.ones(S)))
    if S <= DENSE_STATES:
        W = colink_similarity(P.toarray(), order) / np.outer(root, root)
        u = scipy.linalg.eigh(W, subset_by_index=(S - m, S - 1))[1]
    else:
        N = spla.LinearOperator(
            (S, S), lambda v: apply_similarity(P, order, v.ravel() / root) / root, dtype=np.float64
        )
        u = spla.eigsh(N, m, which="LA", v0=np.ones(S))[1]
    return np.asarray(np.linalg.qr(u / root[:, None])[0])
