"""Models from and to the arrays of QuantEcon's ``DiscreteDP``, which germane does not import.

Two forms, with ``S`` states, ``A`` actions and ``L`` feasible pairs of both:

| form  | R                                  | Q                              | indices              |
|-------|------------------------------------|--------------------------------|----------------------|
| dense | (S, A), -inf where infeasible      | (S, A, S)                      | none                 |
| pairs | (L,)                               | (L, S), dense or SciPy sparse  | s_indices, a_indices |
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ..errors import InvalidModel
from ._model import Array, FiniteMDP
from ._ragged import IntArray, filled_with_last


class DiscreteDPLike(Protocol):
    """What ``from_quantecon`` reads: a ``DiscreteDP``, or its arguments."""

    @property
    def R(self) -> Any: ...
    @property
    def Q(self) -> Any: ...
    @property
    def beta(self) -> float: ...
    @property
    def s_indices(self) -> Any: ...
    @property
    def a_indices(self) -> Any: ...


class DiscreteDPArrays(NamedTuple):
    """The arguments of ``quantecon.markov.DiscreteDP`` in their order: ``DiscreteDP(*arrays)``.

    ``R (S, A)`` and ``Q (S, A, S)``, or ``R (L,)``, ``Q (L, S)`` and the ``L`` states and actions.
    """

    R: Any
    Q: Any
    beta: float
    s_indices: Any = None
    a_indices: Any = None


def from_quantecon(ddp: DiscreteDPLike) -> FiniteMDP:
    """The model of a ``DiscreteDP``, or of its arguments as ``DiscreteDPArrays(R, Q, beta, ...)``.

    Actions keep their numbers. An infeasible one (reward -inf, or a pair that is not listed)
    repeats the last feasible action of its state, which leaves the optimal value as it is; rows of
    ``Q`` for infeasible pairs are not looked at.

    Raises:
        InvalidModel: shapes that do not fit, a pair listed twice or out of range, a state without a
            feasible action, ``beta`` not in ``[0, 1)``, or what ``FiniteMDP`` refuses.
    """
    s, a, R, Q = _pairs(ddp)
    S = Q.shape[1]
    feasible = np.flatnonzero(~np.isneginf(R))
    stuck = np.ones(S, dtype=bool)
    stuck[s[feasible]] = False
    if stuck.any():
        raise InvalidModel(f"state {int(np.argmax(stuck))} has no feasible action")
    pair = feasible[filled_with_last(s[feasible], a[feasible], S, int(a.max()) + 1)]
    return FiniteMDP(Q[pair.ravel()], R[pair], ddp.beta)


def to_quantecon(mdp: FiniteMDP, *, dense: bool = False) -> DiscreteDPArrays:
    """The arguments of a ``DiscreteDP``: ``DiscreteDP(*to_quantecon(mdp))``.

    Pairs with a sparse ``Q (S * A, S)``, pair ``s * A + a``; if ``dense``, ``Q (S, A, S)`` without
    indices. ``from_quantecon`` returns the model to the last bit from either.
    """
    S, A = mdp.n_states, mdp.n_actions
    if dense:
        return DiscreteDPArrays(mdp.r.copy(), mdp.transitions.toarray().reshape(S, A, S), mdp.gamma)
    s, a = np.divmod(np.arange(S * A), A)
    # csr_matrix, not csr_array: DiscreteDP was written for the former
    return DiscreteDPArrays(
        mdp.r.ravel(), sp.csr_matrix(mdp.transitions, copy=True), mdp.gamma, s, a
    )


def _pairs(ddp: DiscreteDPLike) -> tuple[IntArray, IntArray, Array, sp.csr_array]:
    """``s (L,)``, ``a (L,)``, ``R (L,)`` and ``Q (L, S)`` of either form."""
    R = np.asarray(ddp.R, dtype=np.float64)
    if (ddp.s_indices is None) != (ddp.a_indices is None):
        raise InvalidModel("s_indices and a_indices must be given together or not at all")
    if ddp.s_indices is None:
        S, A = R.shape if R.ndim == 2 else (0, 0)
        if np.shape(ddp.Q) != (S, A, S) or 0 in (S, A):
            got = f"R {R.shape} and Q {np.shape(ddp.Q)}"
            raise InvalidModel(f"without indices R must be (S, A) and Q (S, A, S); got {got}")
        s, a = np.divmod(np.arange(S * A), A)
        return s, a, R.ravel(), sp.csr_array(np.reshape(ddp.Q, (S * A, S)))
    Q = sp.csr_array(ddp.Q, dtype=np.float64)
    s, a = _indices(ddp.s_indices), _indices(ddp.a_indices)
    L = R.size
    if not R.shape == s.shape == a.shape == (L,) == Q.shape[:1] or L == 0:
        raise InvalidModel(
            "with indices R, s_indices and a_indices must be (L,) and Q (L, S), L >= 1; "
            f"got {R.shape}, {s.shape}, {a.shape} and {Q.shape}"
        )
    outside = (s < 0) | (s >= Q.shape[1]) | (a < 0)
    if outside.any():
        k = int(np.argmax(outside))
        raise InvalidModel(f"pair {k} is state {s[k]}, action {a[k]}: out of range")
    if np.unique(np.stack([s, a]), axis=1).shape[1] < L:
        raise InvalidModel("a pair of state and action is listed twice")
    return s, a, R, Q


def _indices(values: ArrayLike) -> IntArray:
    indices = np.asarray(values)
    if indices.dtype.kind not in "iu":
        raise InvalidModel(f"s_indices and a_indices must be integers; got {indices.dtype}")
    return indices.astype(np.int64)
