"""Co-link chains and powers: a row-stochastic matrix in, another one out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from ..errors import InvalidModel, InvalidParameter
from ._normalise import l1_rows
from ._product_chain import ProductChain
from ._similarity import Matrix, apply_similarity, colink_similarity

Array = NDArray[np.float64]

ROW_SUM_TOLERANCE = 1e-9
"""Rows of ``P_a`` whose sums are further from one than this are refused."""


class Chain(Protocol):
    """How a cousin's chain is made of the original one: :func:`colink`, :func:`power`, your own.

    Called with the ``(S, S)`` transition matrix of one action, dense or sparse, and the order; returns a
    row-stochastic matrix of the same shape. Order 1 is the original. Of a factored network the matrix is
    a :class:`ProductChain`, and what is returned needs to have ``@`` with a vector only.
    """

    def __call__(self, P_a: Matrix, order: int, /) -> Matrix: ...


def colink(
    P_a: Matrix,
    order: int,
    *,
    similarity: Callable[[Matrix, int], Matrix] = colink_similarity,
    normalise: Callable[[Matrix], Matrix] = l1_rows,
) -> Matrix:
    r"""The co-link chain of order ``n``: the similarity matrix of ``P_a``, its rows made to sum to one.

    .. math:: \tilde W_a^{(n)}(s, s') = W_a^{(n)}(s, s') \Big/ \sum_x W_a^{(n)}(s, x), \qquad n \ge 2

    No row of ``W`` is empty: a walk can go forwards ``n - 1`` times, and back where it came from. A matrix of
    ``S`` states costs ``O(S**3 log n)``, and a sparse one fills with ``n``; a :class:`ProductChain` is not
    multiplied out, what comes back for it only has ``@`` with a vector.

    Args:
        P_a: ``(S, S)`` row-stochastic: array, SciPy sparse, or :class:`ProductChain`.
        order: ``n >= 1``; order 1 is ``P_a`` itself.
        similarity: ``(P_a, n) -> W``, for ``n >= 2``.
        normalise: ``W ->`` row-stochastic.

    Returns:
        Row-stochastic ``(S, S)`` of the kind that went in.

    Raises:
        InvalidModel: ``P_a`` is no row-stochastic matrix.
        InvalidParameter: ``order`` is below 1, beyond ``similarity``, or so large that ``W`` overflows;
            or a :class:`ProductChain` was given with another similarity or normalisation than these.

    References:
        Bozkus and Mitra, arXiv 2402.08022, equation (5), as :func:`colink_similarity` reads it.

    >>> colink(np.array([[0.0, 1.0], [0.0, 1.0]]), 2).round(3).tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    P = _stochastic(P_a, order)
    if order == 1:
        return P
    if isinstance(P, ProductChain):
        if similarity is not colink_similarity or normalise is not l1_rows:
            raise InvalidParameter(
                "of a product chain only colink_similarity with l1_rows can be applied without "
                "forming it; give a matrix (the chain of a FactoredMDP's flat())"
            )
        return ProductColink(P, order)
    with np.errstate(over="ignore", invalid="ignore"):
        W = similarity(P, order)
    if not np.isfinite(W.data if sp.issparse(W) else W).all():
        raise InvalidParameter(f"order {order} is too large: its similarities overflow")
    return normalise(W)


def power(P_a: Matrix, order: int) -> Matrix:
    """``P_a ** n``: the states ``n`` steps on. The cousins of the earlier work.

    Takes, returns and raises what :func:`colink` does; the power of a :class:`ProductChain` is one.

    References:
        Bozkus and Mitra, *Multi-timescale ensemble Q-learning*, arXiv 2402.05476.
    """
    P = _stochastic(P_a, order)
    if isinstance(P, ProductChain):
        return ProductChain(tuple(np.linalg.matrix_power(F, order) for F in P.factors))
    return spla.matrix_power(P, order) if sp.issparse(P) else np.linalg.matrix_power(P, order)


@dataclass(frozen=True, eq=False)
class ProductColink:
    """The co-link chain of a product, as a linear map: ``(W v) / (W 1)``, ``W`` never formed."""

    chain: ProductChain
    order: int

    @cached_property
    def _mass(self) -> Array:
        return apply_similarity(self.chain, self.order, np.ones(self.chain.n_states))

    def __matmul__(self, v: Array) -> Array:
        return np.asarray(apply_similarity(self.chain, self.order, v) / self._mass)


def _stochastic(P_a: Matrix, order: int) -> Matrix:
    """``P_a`` as a float array, CSR or product, its rows checked."""
    if order < 1:
        raise InvalidParameter(f"the order must be at least 1; got {order}")
    if isinstance(P_a, ProductChain):
        return ProductChain(tuple(_stochastic(F, order) for F in P_a.factors))
    P = sp.csr_array(P_a, dtype=np.float64) if sp.issparse(P_a) else np.asarray(P_a, np.float64)
    if P.ndim != 2 or P.shape[0] != P.shape[1] or P.shape[0] == 0:
        raise InvalidModel(f"P_a must have shape (S, S) with S >= 1; got {P.shape}")
    sums = P.sum(axis=1)
    low = P.min(axis=1).toarray() if sp.issparse(P) else P.min(axis=1)
    faulty = ~((np.abs(sums - 1) <= ROW_SUM_TOLERANCE) & (low >= 0))
    if faulty.any():
        s = int(np.argmax(faulty))
        raise InvalidModel(
            f"P_a[{s}] must be non-negative and sum to 1 within {ROW_SUM_TOLERANCE}; "
            f"its smallest entry is {low[s]:.17g}, its sum {sums[s]:.17g}"
        )
    return P
