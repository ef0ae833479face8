"""The finite MDP ``(S, A, P, r, gamma)``.

Shapes, here and in the whole package: ``S`` states, ``A`` actions, index order ``P[s, a, s']``.
Transitions are stored sparse, one row per state-action pair: row ``s * A + a`` of ``transitions``
is the distribution of the next state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import IncompatibleModels, InvalidModel

Array = NDArray[np.float64]

ROW_SUM_TOLERANCE = 1e-9
"""Rows of ``P`` whose sums are further from one than this are refused."""

LARGEST = 1e300
"""Largest magnitude that values and bounds may reach."""

UNIT_ROUNDOFF = float(np.finfo(np.float64).eps) / 2
"""Largest relative error of one correctly rounded operation, ``2**-53``."""


@dataclass(frozen=True, eq=False, repr=False)
class FiniteMDP:
    """A finite, discounted Markov decision process; rewards are maximised.

    Once built it is known to be valid, so nothing downstream checks it again: every row of
    ``transitions`` is sorted, free of zeros and duplicates, and sums to one up to the rounding of
    its own entries. A row whose sum is off by more than that, but by no more than 1e-9, is divided
    by its sum; ``row_sum_correction`` is the largest such correction (0 when there was none).

    Args:
        P: transition probabilities, one of
            ``(S, A, S)`` array;
            a list or tuple of ``A`` matrices ``(S, S)``, dense or SciPy sparse, one per action;
            ``(S * A, S)`` SciPy sparse matrix, row ``s * A + a``.
        r: ``(S, A)`` expected one-step reward [reward units].
        gamma: discount factor in ``[0, 1)``.

    Attributes:
        transitions: ``(S * A, S)`` CSR matrix; row ``s * A + a`` is ``P[s, a]``. Read-only.
        r: as given, copied, read-only.
        gamma: as given.
        row_sum_correction: largest ``|sum - 1|`` that was divided away.

    Raises:
        InvalidModel: naming the first state and action at fault, what was got and what is accepted.

    >>> mdp = FiniteMDP(np.full((2, 1, 2), 0.5), [[0.0], [1.0]], 0.9)
    >>> mdp
    FiniteMDP(n_states=2, n_actions=1, n_transitions=4, gamma=0.9)
    """

    P: InitVar[Any]
    r: Array
    gamma: float
    transitions: sp.csr_array = field(init=False)
    row_sum_correction: float = field(init=False)

    def __post_init__(self, P: Any) -> None:
        put = object.__setattr__
        put(self, "r", reward_array(self.r))
        put(self, "gamma", valid_discount(self.gamma))
        refuse_overflow(self.r, self.gamma)
        n_states, n_actions = self.r.shape
        rows = _transition_rows(P, n_states, n_actions)
        put(self, "row_sum_correction", _make_stochastic(rows, n_actions))
        for part in (rows.data, rows.indices, rows.indptr):
            part.flags.writeable = False
        put(self, "transitions", rows)

    @property
    def n_states(self) -> int:
        return int(self.r.shape[0])

    @property
    def n_actions(self) -> int:
        return int(self.r.shape[1])

    def fingerprint(self) -> str:
        """SHA-256 over shapes, discount, rewards and transitions: equal iff the bits are equal."""
        digest = hashlib.sha256(repr((self.r.shape, self.gamma.hex())).encode())
        rows = self.transitions
        for part in (self.r, rows.indptr, rows.indices, rows.data):
            wide = "<f8" if part.dtype.kind == "f" else "<i8"
            digest.update(np.ascontiguousarray(part, dtype=wide).tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        return (
            f"FiniteMDP(n_states={self.n_states}, n_actions={self.n_actions}, "
            f"n_transitions={self.transitions.nnz}, gamma={self.gamma})"
        )


def require_comparable(real: FiniteMDP, twin: FiniteMDP, *, same_states: bool = False) -> None:
    """Refuses two models that do not share actions and discount (and states, when asked).

    Raises:
        IncompatibleModels: naming what differs.
    """
    names = ["n_actions", "gamma"] + (["n_states"] if same_states else [])
    for name in names:
        if getattr(real, name) != getattr(twin, name):
            raise IncompatibleModels(
                f"the real model and its twin must have the same {name}; "
                f"got {getattr(real, name)} and {getattr(twin, name)}"
            )


def reward_array(r: ArrayLike) -> Array:
    """An own, read-only copy of ``(S, A)`` rewards, all of them finite."""
    try:
        array = np.array(r, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidModel(f"r must be a numeric (S, A) array: {error}") from None
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidModel(f"r must have shape (S, A) with S, A >= 1; got {array.shape}")
    if not np.isfinite(array).all():
        s, a = np.argwhere(~np.isfinite(array))[0]
        raise InvalidModel(f"r[{s}, {a}] must be finite; got {array[s, a]}")
    array.flags.writeable = False
    return array


def valid_discount(gamma: float) -> float:
    """The discount factor given, in ``[0, 1)``."""
    try:
        value = float(gamma)
    except (TypeError, ValueError):
        raise InvalidModel(f"gamma must be a number in [0, 1); got {gamma!r}") from None
    if not 0 <= value < 1:
        raise InvalidModel(f"gamma must lie in [0, 1); got {value}")
    return value


def refuse_overflow(r: Array, gamma: float) -> None:
    """Values reach ``max |r| / (1 - gamma)``, and bounds two factors more: all must be doubles."""
    size = float(np.abs(r).max())
    if size > LARGEST * (1 - gamma) ** 3:
        s, a = np.unravel_index(np.abs(r).argmax(), r.shape)
        raise InvalidModel(
            f"r[{s}, {a}] must be at most {LARGEST * (1 - gamma) ** 3:.3g} in absolute value at "
            f"gamma {gamma}, so that no bound overflows; got {r[s, a]}"
        )


def _transition_rows(P: Any, n_states: int, n_actions: int) -> sp.csr_array:
    """``P`` in any accepted form -> an own ``(S * A, S)`` CSR copy, row ``s * A + a``."""
    by_action = isinstance(P, Sequence) and all(
        sp.issparse(M) or isinstance(M, np.ndarray) for M in P
    )
    try:
        if sp.issparse(P):
            rows = sp.csr_array(_real(P), dtype=np.float64, copy=True)
        elif by_action:
            rows = _interleaved(P, n_states, n_actions)
        else:
            dense = np.asarray(_real(np.asarray(P)), dtype=np.float64)
            if dense.shape != (n_states, n_actions, n_states):
                raise InvalidModel(
                    f"P must have shape {(n_states, n_actions, n_states)}, "
                    f"since r has shape {(n_states, n_actions)}; got {dense.shape}"
                )
            rows = sp.csr_array(dense.reshape(n_states * n_actions, n_states))
    except InvalidModel:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidModel(f"P is not numeric: {error}") from None
    if rows.shape != (n_states * n_actions, n_states):
        raise InvalidModel(
            f"sparse P must have shape {(n_states * n_actions, n_states)} (rows s * A + a), "
            f"since r has shape {(n_states, n_actions)}; got {rows.shape}"
        )
    return rows


def _real(matrix: Any) -> Any:
    if matrix.dtype.kind == "c":
        raise InvalidModel("P must be real; got complex numbers")
    return matrix


def _interleaved(matrices: Sequence[Any], n_states: int, n_actions: int) -> sp.csr_array:
    if len(matrices) != n_actions or any(M.shape != (n_states, n_states) for M in matrices):
        raise InvalidModel(
            f"P must be {n_actions} matrices of shape {(n_states, n_states)}, one per action, "
            f"since r has shape {(n_states, n_actions)}; got shapes {[M.shape for M in matrices]}"
        )
    stacked = sp.vstack([sp.csr_array(_real(M), dtype=np.float64) for M in matrices], format="csr")
    order = np.arange(n_states * n_actions).reshape(n_actions, n_states).T.ravel()
    return sp.csr_array(stacked[order])


def _make_stochastic(rows: sp.csr_array, n_actions: int) -> float:
    """Checks every row, in place tidies it, and returns the largest correction of a row sum."""
    _refuse(rows, ~np.isfinite(rows.data), n_actions, "must be finite")
    _refuse(rows, rows.data < 0, n_actions, "must be non-negative")
    rows.sum_duplicates()
    rows.eliminate_zeros()
    n_entries = np.diff(rows.indptr)
    sums = np.asarray(rows.sum(axis=1))
    off = np.abs(sums - 1)
    if (off > ROW_SUM_TOLERANCE).any():
        row = int(np.argmax(off > ROW_SUM_TOLERANCE))
        raise InvalidModel(
            f"P[{row // n_actions}, {row % n_actions}] must sum to 1 within {ROW_SUM_TOLERANCE}; "
            f"got {sums[row]:.17g}"
        )
    correct = off > 4 * UNIT_ROUNDOFF * (n_entries + 1)
    if not correct.any():
        return 0.0
    rows.data /= np.repeat(np.where(correct, sums, 1.0), n_entries)
    return float(off[correct].max())


def _refuse(rows: sp.csr_array, faulty: NDArray[np.bool_], n_actions: int, must: str) -> None:
    if faulty.any():
        k = int(np.argmax(faulty))
        row = int(np.searchsorted(rows.indptr, k, side="right")) - 1
        where = f"P[{row // n_actions}, {row % n_actions}, {rows.indices[k]}]"
        raise InvalidModel(f"{where} {must}; got {rows.data[k]}")
