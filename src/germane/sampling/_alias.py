r"""Draws from finite distributions in constant time: Walker's tables of aliases.

A distribution over ``n`` values is cut into ``n`` cells of equal mass, each shared by at most two values.
Random bits pick a cell by their leading part and one of the two by what is left of them.

References:
    Walker, *An efficient method for generating discrete random variables with general distributions*, 1977;
    Vose, *A linear algorithm for generating random numbers with a given distribution*, 1991.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._compiled import inlined
from ._stream import cut

Array = NDArray[np.float64]

CELL = np.dtype([("share", np.uint64), ("own", np.int32), ("other", np.int32)])
"""One of ``n`` equal parts of a distribution: ``own`` with probability ``share / 2**64``, else ``other``."""


class AliasRows(NamedTuple):
    """Distributions to draw from, one behind the other.

    Attributes:
        indptr: ``(n + 1,)``; row ``i`` has the cells from ``indptr[i]`` to before ``indptr[i + 1]``.
        cells: ``(nnz,)`` of :data:`CELL`.
    """

    indptr: NDArray[np.int64]
    cells: NDArray[np.void]


def alias_rows(indptr: NDArray[Any], values: NDArray[Any], mass: Array) -> AliasRows:
    """The tables of rows of non-negative ``mass``, each divided by its sum.

    Row ``i`` takes ``values[k]`` in proportion to ``mass[k]`` for ``indptr[i] <= k < indptr[i + 1]``, and
    has its cells in the same places. A row without mass takes every value alike. ``O(nnz)``.
    """
    indptr = np.array(indptr, dtype=np.int64)  # a copy: compiled code tells read-only arrays apart
    return AliasRows(indptr, _cells(indptr, values, mass))


@njit(nogil=True, cache=True, error_model="numpy")
def _cells(indptr: NDArray[Any], values: NDArray[Any], mass: Array) -> NDArray[np.void]:
    cells = np.empty(len(mass), dtype=CELL)
    share = np.empty(len(mass))
    below, above = np.empty(len(mass), dtype=np.int64), np.empty(len(mass), dtype=np.int64)
    for i in range(len(indptr) - 1):
        first, last = indptr[i], indptr[i + 1]
        total = mass[first:last].sum()
        n_below, n_above = 0, 0
        for k in range(first, last):
            cells[k].own = cells[k].other = values[k]  # the same, where a cell is not shared
            cells[k].share = 0
            share[k] = mass[k] / total * (last - first) if total > 0 else 1.0
            if share[k] < 1:
                below[n_below] = k
                n_below += 1
            else:
                above[n_above] = k
                n_above += 1
        while n_below and n_above:  # shares above one lend to those below
            n_below -= 1
            borrower, lender = below[n_below], above[n_above - 1]
            cells[borrower].other = values[lender]
            cells[borrower].share = np.uint64(share[borrower] * 2.0**64)
            share[lender] -= 1 - share[borrower]
            if share[lender] < 1:
                n_above -= 1
                below[n_below] = lender
                n_below += 1
    return cells


@inlined
def row_choice(rows: AliasRows, i: int, bits: np.uint64) -> int:
    """A value from row ``i``."""
    first = rows.indptr[i]
    return alias_choice(rows.cells, first, rows.indptr[i + 1] - first, bits)


@inlined
def alias_choice(cells: NDArray[np.void], first: int, n: int, bits: np.uint64) -> int:
    """A value from the ``n`` cells from ``first`` on; met up to ``2**-64`` for each cell."""
    k, rest = cut(bits, n)
    cell = cells[first + k]
    return int(cell.own) if rest < cell.share else int(cell.other)
