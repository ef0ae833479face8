r"""Similarity matrices: how much two states have in common by their links, order by order.

A *link* is a transition, followed forwards (:math:`P`) or backwards (:math:`P^T`). Two states are
co-linked in order ``n`` when a walk of ``n`` links, whose first and last links point in opposite
directions, leads from one to the other: order 2 counts common successors and common predecessors.
Every such walk is a *word* in :math:`P` and :math:`P^T`, and every similarity matrix here is a sum of
words that contains each word with its transpose: it is symmetric and non-negative.

The equation of the paper is lost in its public text, which fixes no more than: built from ``P`` of one action
alone, symmetric, more products as ``n`` grows, convergent in ``n``. Orders 2 and 3 are those of
its source, Wang, Ding and Huang; beyond them there is more than one reading, each a function here.

References:
    Bozkus and Mitra, arXiv 2402.08022, equation (5).
    Wang, Ding and Huang, *Directed graph learning via high-order co-linkage analysis*, ECML 2010.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from ..errors import InvalidParameter

Array = NDArray[np.float64]
Matrix = Any
"""``(S, S)``: a NumPy array or a SciPy sparse array; what comes out is of the kind that went in."""


def colink_similarity(P: Matrix, order: int) -> Matrix:
    r"""``W (S, S)``, the sum of all words of ``order`` links whose ends point in opposite directions.

    .. math:: W^{(n)} = P (P + P^T)^{n-2} P^T + P^T (P + P^T)^{n-2} P, \qquad n \ge 2

    Orders 2 and 3 are Wang, Ding and Huang's. As ``n`` grows the rows, normalised, converge, unless the
    links make a bipartite graph: then even and odd orders do, each for itself. ``O(log n)`` products.

    Raises:
        InvalidParameter: ``order`` is below 2.
    """
    _require_order(order)
    M = P + P.T
    power = spla.matrix_power if sp.issparse(P) else np.linalg.matrix_power
    middle = power(M, order - 2)
    return P @ middle @ P.T + P.T @ middle @ P


def apply_similarity(P: Any, order: int, v: Array) -> Array:
    """``colink_similarity(P, order) @ v`` from right to left, ``2 n`` products and no matrix formed.

    ``P`` may be anything that has ``@`` and ``.T``.
    """
    T = P.T
    forth, back = T @ v, P @ v
    for _ in range(order - 2):
        forth, back = P @ forth + T @ forth, P @ back + T @ back
    return np.asarray(P @ forth + T @ back)


def wang_similarity(P: Matrix, order: int) -> Matrix:
    r"""``W (S, S)`` of orders 2 to 4 as Wang, Ding and Huang have them.

    .. math:: W^{(4)} = P (P^2 + (P^T)^2 + P P^T) P^T + P^T (P^2 + (P^T)^2 + P^T P) P

    Orders 2 and 3 are :func:`colink_similarity`; order 4 leaves out its two words that only go to and
    fro, :math:`(P P^T)^2` and :math:`(P^T P)^2`. Orders beyond 4 were never written down.

    Raises:
        InvalidParameter: ``order`` is not 2, 3 or 4.
    """
    if order > 4:
        raise InvalidParameter(f"Wang, Ding and Huang define orders 2, 3 and 4; got {order}")
    if order < 4:
        return colink_similarity(P, order)
    T = P.T
    onwards = P @ P + T @ T
    return P @ (onwards + P @ T) @ T + T @ (onwards + T @ P) @ P


def two_step_similarity(P: Matrix, order: int) -> Matrix:
    r"""``W (S, S)`` by putting two links around the matrix of order ``n - 2``.

    .. math:: W^{(n)} = P W^{(n-2)} P^T + P^T W^{(n-2)} P, \qquad W^{(0)} = I, \quad W^{(1)} = P + P^T

    Orders 2 and 3 are :func:`colink_similarity`. From order 4 on the links next to the middle, too, come
    in opposite pairs.

    Raises:
        InvalidParameter: ``order`` is below 2.
    """
    _require_order(order)
    # the middle of even orders is I: their first step is written out, and spares a sparse identity
    W = P + P.T if order % 2 else P @ P.T + P.T @ P
    for _ in range((order - 1) // 2):
        W = P @ W @ P.T + P.T @ W @ P
    return W


def one_step_similarity(P: Matrix, order: int) -> Matrix:
    r"""``W (S, S)`` by putting two links around the matrix of order ``n - 1``.

    .. math:: W^{(n)} = P W^{(n-1)} P^T + P^T W^{(n-1)} P, \qquad W^{(2)} = P P^T + P^T P

    Walks of ``2 (n - 1)`` links: what the paper's text calls ``n``-step has ``n``.

    Raises:
        InvalidParameter: ``order`` is below 2.
    """
    _require_order(order)
    W = P @ P.T + P.T @ P
    for _ in range(order - 2):
        W = P @ W @ P.T + P.T @ W @ P
    return W


def _require_order(order: int) -> None:
    if order < 2:
        raise InvalidParameter(
            f"a similarity matrix has order 2 or more (order 1 is the chain itself); got {order}"
        )
