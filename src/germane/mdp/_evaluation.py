r"""The value of a fixed policy, :math:`v = (I - \gamma P_\pi)^{-1} r_\pi`, with a proved error bound.

A linear solve (dense elimination for small chains, BiCGSTAB for large ones) only proposes ``v``; the
bound comes from applying the operator once (see ``_bellman``), so it holds however good the
proposal was. Sweeps follow until the bound is small enough, or no longer shrinks.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from ._bellman import ValueBounds, residual_bounds, rounding_of
from ._model import Array

DENSE_STATES = 1500
"""Chains up to this size are solved by dense elimination."""


def chain_value(P: sp.csr_array, r: Array, gamma: float, tol: float) -> tuple[ValueBounds, int]:
    """The value of the Markov reward process ``P (S, S)``, ``r (S,)`` and the number of sweeps.

    ``error_bound`` is at most ``tol`` wherever rounding allows it.
    """
    v = _proposal(P, r, gamma)
    best: ValueBounds | None = None
    n_sweeps, n_stalled = 0, 0
    while True:
        applied = r + gamma * (P @ v)
        rounding = rounding_of(P, r, gamma, v)
        reached = residual_bounds(v, applied, gamma, rounding)
        if best is None or reached.error_bound < best.error_bound:
            best, n_stalled = reached, 0
        else:
            n_stalled += 1
        n_sweeps += 1
        floor = 4 * rounding / (1 - gamma)
        if best.error_bound <= tol or (n_stalled >= 3 and best.error_bound <= floor):
            return best, n_sweeps
        v = reached.v


def _proposal(P: sp.csr_array, r: Array, gamma: float) -> Array:
    if gamma == 0:
        return r
    if len(r) <= DENSE_STATES:
        return np.asarray(scipy.linalg.solve(np.eye(len(r)) - gamma * P.toarray(), r))
    matrix = spla.LinearOperator(P.shape, matvec=lambda v: v - gamma * (P @ v), dtype=np.float64)
    v, _ = spla.bicgstab(matrix, r, rtol=1e-14, maxiter=200)
    return np.asarray(v) if np.isfinite(v).all() else r
