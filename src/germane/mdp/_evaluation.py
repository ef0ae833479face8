r"""The value of a fixed policy, :math:`v = (I - \gamma P_\pi)^{-1} r_\pi`, with a proved error bound.

A linear solve (dense elimination for small chains, BiCGSTAB for large ones) only proposes ``v``; the
bound comes from applying the operator once (see ``_bellman``), so it holds however good the
proposal was. Sweeps follow until the bound is small enough, or no longer shrinks, or their budget is
spent.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from ._bellman import ValueBounds, residual_bounds, rounding_of
from ._model import Array

DENSE_STATES = 1500
"""Chains up to this size are solved by dense elimination."""

MAX_SWEEPS = 100_000
"""Sweeps after the linear solve, at most."""


def chain_value(
    P: sp.csr_array,
    r: Array,
    gamma: float,
    tol: float,
    *,
    n_mixed: int = 1,
    max_sweeps: int = MAX_SWEEPS,
) -> tuple[ValueBounds, int]:
    """The value of the Markov reward process ``P (S, S)``, ``r (S,)`` and the number of sweeps.

    ``error_bound`` is at most ``tol`` wherever rounding and ``max_sweeps`` allow it. ``n_mixed`` is
    the number of actions that a policy mixed into ``P`` and ``r``.
    """
    v = _proposal(P, r, gamma)
    best: ValueBounds | None = None
    n_sweeps, n_stalled = 0, 0
    while True:
        applied = r + gamma * (P @ v)
        rounding = rounding_of(P, r, gamma, v, n_mixed)
        reached = residual_bounds(v, applied, gamma, rounding)
        if best is None or reached.error_bound < best.error_bound:
            best, n_stalled = reached, 0
        else:
            n_stalled += 1
        n_sweeps += 1
        floor = 4 * rounding / (1 - gamma)
        stalled = n_stalled >= 3 and best.error_bound <= floor
        if best.error_bound <= tol or stalled or n_sweeps >= max_sweeps:
            return best, n_sweeps
        v = reached.v


def _proposal(P: sp.csr_array, r: Array, gamma: float) -> Array:
    """An approximate solution of ``(I - gamma P) v = r``; ``r`` itself where none is found."""
    if gamma == 0:
        return r
    n = len(r)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bad proposal is no error: its residual will tell
        try:
            if n <= DENSE_STATES:
                v = scipy.linalg.solve(np.eye(n) - gamma * P.toarray(), r)
            else:
                v = _krylov(sp.csc_array(sp.eye_array(n) - gamma * P), r)
        except (np.linalg.LinAlgError, RuntimeError):  # singular in doubles
            return r
    return np.asarray(v) if np.isfinite(v).all() else r


def _krylov(matrix: sp.csc_array, r: Array) -> Array:
    """BiCGSTAB; where it stalls, again behind an incomplete factorisation of bounded size."""
    v, failed = spla.bicgstab(matrix, r, rtol=1e-14, maxiter=200)
    if failed:
        factors = spla.spilu(matrix, drop_tol=1e-6, fill_factor=10)
        behind = spla.LinearOperator(matrix.shape, matvec=factors.solve, dtype=np.float64)
        v, _ = spla.bicgstab(matrix, r, x0=v, rtol=1e-14, maxiter=200, M=behind)
    return np.asarray(v)
