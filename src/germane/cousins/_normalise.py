r"""From similarities to probabilities: what makes the rows of a similarity matrix sum to one.

The paper divides each row by its sum (:func:`l1_rows`) and asks, among its open questions, for other
ways. Whatever only rescales a row, by its L2 norm or its largest entry, *is* :func:`l1_rows` once the
row sums to one; the functions here are the ways that differ. All keep zeros zero: a state that no
walk reaches is not reached, and sparse stays sparse.

References:
    Bozkus and Mitra, arXiv 2402.08022, sections II-C and IV-H.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._similarity import Matrix

Array = NDArray[np.float64]
Ints = NDArray[np.integer]

CONSTANT = 1e-12
"""A row whose entries differ by less than this share of the largest is constant."""


def l1_rows(W: Matrix) -> Matrix:
    """Each row of the non-negative ``W (S, S)`` divided by its sum: the paper's normalisation."""
    sums = W.sum(axis=1)
    if sp.issparse(W):
        return sp.csr_array(sp.diags_array(1 / sums) @ W)
    return W / sums[:, None]


def softmax_rows(W: Matrix) -> Matrix:
    r"""The softmax of each row of ``W (S, S)`` over the states that the row reaches.

    .. math:: \tilde W(s, s') = e^{W(s, s')} \Big/ \sum_{x : W(s, x) > 0} e^{W(s, x)}, \qquad W(s, s') > 0

    Close to uniform where similarities are small. Over all states it would be so everywhere, whatever
    the network.
    """

    def weigh(entries: Array, starts: Ints, row: Ints) -> Array:
        return np.exp(entries - np.maximum.reduceat(entries, starts)[row])

    return _over_support(W, weigh)


def min_max_rows(W: Matrix) -> Matrix:
    """Each row of ``W (S, S)`` less its smallest positive entry, then divided by its sum.

    Min-max scaling moves the positive entries of a row to ``[0, 1]``, and :func:`l1_rows` makes them
    probabilities: the states that a row reaches least drop out. A row whose positive entries are all
    equal has none that is least, and keeps them.
    """

    def weigh(entries: Array, starts: Ints, row: Ints) -> Array:
        low, high = (f.reduceat(entries, starts) for f in (np.minimum, np.maximum))
        low[high - low <= CONSTANT * high] = 0.0
        return np.asarray(entries - low[row])

    return _over_support(W, weigh)


def linear_rows(W: Matrix) -> Matrix:
    r"""``W (S, S)`` divided by its largest row sum; what a row then lacks stays where it is.

    .. math:: \tilde W = I + \tfrac1c \big(W - \mathrm{diag}(W 1)\big), \qquad c = \max_s \sum_{s'} W(s, s')

    One scale for the whole matrix: the only normalisation here that is linear up to that scale, and the
    only one that keeps a symmetric ``W`` symmetric, so that in the long run all states are visited
    equally often.
    """
    sums = W.sum(axis=1)
    c = sums.max()
    if sp.issparse(W):
        return sp.csr_array(W / c + sp.diags_array(1 - sums / c))
    return W / c + np.diag(1 - sums / c)


def _over_support(W: Matrix, weigh: Callable[[Array, Ints, Ints], Array]) -> Matrix:
    """New weights for the positive entries of ``W``, made probabilities row by row.

    ``weigh`` gets these entries row after row, where each row starts, and the row of each.
    """
    rows = sp.csr_array(W, copy=True)
    rows.eliminate_zeros()
    of = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    rows.data = weigh(rows.data, rows.indptr[:-1], of)
    normal = l1_rows(rows)
    return normal if sp.issparse(W) else normal.toarray()
