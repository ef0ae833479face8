r"""Draws from finite distributions in constant time: Walker's tables of aliases.

A distribution over ``n`` values is cut into ``n`` cells of equal mass, each shared by at most two values.
A uniform number picks a cell by its leading part and one of the two by what is left; and what is
left then is uniform again, so that one number serves several choices in a row.

References:
    Walker, *An efficient method for generating discrete random variables with general distributions*, 1977;
    Vose, *A linear algorithm for generating random numbers with a given distribution*, 1991.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

CELL = np.dtype([("share", np.float64), ("own", np.int32), ("other", np.int32)])
"""One of ``n`` equal parts of a distribution: ``own`` with probability ``share``, else ``other``."""

BELOW_ONE = 1 - 2.0**-53

compiled = njit(nogil=True, cache=True, error_model="numpy")
inlined = njit(nogil=True, error_model="numpy")  # not cached: else callers cannot inline it


@compiled
def alias_cells(indptr: NDArray[Any], values: NDArray[Any], mass: Array) -> NDArray[np.void]:
    """``(nnz,)`` of :data:`CELL`, the tables of rows of non-negative ``mass``, each divided by its sum.

    Row ``i`` takes ``values[k]`` in proportion to ``mass[k]`` for ``indptr[i] <= k < indptr[i + 1]``, and
    has its cells in the same places. A row without mass takes every value alike. ``O(nnz)``.
    """
    cells = np.empty(len(mass), dtype=CELL)
    below, above = np.empty(len(mass), dtype=np.int64), np.empty(len(mass), dtype=np.int64)
    for i in range(len(indptr) - 1):
        first, last = indptr[i], indptr[i + 1]
        total = mass[first:last].sum()
        n_below, n_above = 0, 0
        for k in range(first, last):
            cells[k].own = cells[k].other = values[k]
            cells[k].share = mass[k] / total * (last - first) if total > 0 else 1.0
            if cells[k].share < 1:
                below[n_below] = k
                n_below += 1
            else:
                above[n_above] = k
                n_above += 1
        while n_below and n_above:  # shares above one lend to those below
            n_below -= 1
            borrower, lender = below[n_below], above[n_above - 1]
            cells[borrower].other = values[lender]
            cells[lender].share -= 1 - cells[borrower].share
            if cells[lender].share < 1:
                n_above -= 1
                below[n_below] = lender
                n_below += 1
        for k in below[:n_below]:  # one up to rounding
            cells[k].share = 1.0
        for k in above[:n_above]:
            cells[k].share = 1.0
    return cells


@inlined
def alias_choice(cells: NDArray[np.void], first: int, n: int, u: float) -> tuple[int, float]:
    """A value from the ``n`` cells from ``first`` on; and ``u`` in ``[0, 1)``, made uniform again."""
    k = int(u * n)  # below n for all u below one
    u = u * n - k
    cell = cells[first + k]
    if u < cell.share:
        return cell.own, u / cell.share
    return cell.other, min((u - cell.share) / (1 - cell.share), BELOW_ONE)  # both may round alike
