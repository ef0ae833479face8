"""Branch and bound over a box of networks: a bound for all of them, valid at any time.

The cell with the largest bound is cut in two across the parameter that moves most, until the largest
bound is within ``width`` of what a network of the box is known to reach. Every network lies in one of
the cells, so the largest bound of the cells holds for all of them whenever the search stops. The order
of the cells depends on nothing but the bounds, hence the result on nothing but the arguments, unless
it is the clock that stops the search.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import numpy as np

from ..errors import InvalidParameter
from ._bound import Array
from ._network import Coordinate
from ._parameter_box import Cell, N


@dataclass(frozen=True, eq=False, kw_only=True)
class CellBound:
    """What is known of a cell.

    Attributes:
        upper: no network of the cell has a larger value.
        lower: some network of the cell has at least this value.
        per_state: ``(S,)`` upper ends in each state; all ``upper`` where there is nothing better.
        values: ``(S,)`` functions to start from in a part of the cell, and to choose a cut by.
    """

    upper: float
    lower: float
    per_state: Array
    values: tuple[Array, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class BoxSearch:
    """How far a search over a box has come.

    Attributes:
        upper: holds for every network of the box.
        lower: reached by some network of the box.
        per_state: ``(S,)`` holds for every network of the box, in each state.
        n_cells: cells examined.
    """

    upper: float
    lower: float
    per_state: Array
    n_cells: int


@dataclass(frozen=True, eq=False)
class _Leaf(Generic[N]):
    number: int
    cell: Cell[N]
    bound: CellBound

    def __lt__(self, other: _Leaf[N]) -> bool:  # the heap gives the largest bound first
        return (-self.bound.upper, self.number) < (-other.bound.upper, other.number)


def search_box(
    cell: Cell[N],
    bound: Callable[[Cell[N], CellBound | None], CellBound],
    *,
    width: float,
    max_cells: int,
    max_seconds: float | None = None,
    progress: Callable[[BoxSearch], object] | None = None,
) -> BoxSearch:
    """The largest value over a box, between ``lower`` and ``upper``.

    Args:
        cell: the box.
        bound: what is known of a cell, given what was known of the cell it was cut from.
        width: stop once ``upper - lower`` is at most this.
        max_cells: stop after so many cells.
        max_seconds: stop after about this time.
        progress: called after every cut.

    Raises:
        InvalidParameter: ``width`` is negative or ``max_cells`` below 1.
    """
    if not width >= 0:
        raise InvalidParameter(f"width must be at least 0; got {width}")
    if max_cells < 1:
        raise InvalidParameter(f"max_cells must be at least 1; got {max_cells}")
    until = time.monotonic() + (np.inf if max_seconds is None else max_seconds)
    leaves = [_Leaf(0, cell, bound(cell, None))]
    lower, n_cells = leaves[0].bound.lower, 1
    while True:
        found = BoxSearch(
            upper=leaves[0].bound.upper,
            lower=lower,
            per_state=np.max([leaf.bound.per_state for leaf in leaves], axis=0),
            n_cells=n_cells,
        )
        if progress is not None:
            progress(found)
        at = _widest(leaves[0])
        within = found.upper - found.lower <= width
        if within or at is None or n_cells + 2 > max_cells or time.monotonic() > until:
            return found
        worst = heapq.heappop(leaves)
        for half in worst.cell.halves(at):
            known = _at_most(bound(half, worst.bound), worst.bound)
            lower = max(lower, known.lower)
            heapq.heappush(leaves, _Leaf(n_cells, half, known))
            n_cells += 1


def _widest(leaf: _Leaf[N]) -> Coordinate | None:
    """The parameter that moves most, of those that can be cut."""
    spread: dict[Coordinate, float] = {}
    for values in leaf.bound.values:
        for axis, moved in leaf.cell.hull.spread(values).items():
            at = Coordinate(*axis)
            spread[at] = max(moved, spread.get(at, 0.0))
    able = [at for at in spread if leaf.cell.can_be_cut(at)]
    return max(able, key=lambda at: (spread[at], at), default=None)


def _at_most(known: CellBound, whole: CellBound) -> CellBound:
    """A part of a cell is bounded by whatever bounds the whole."""
    return CellBound(
        upper=min(known.upper, whole.upper),
        lower=known.lower,
        per_state=np.minimum(known.per_state, whole.per_state),
        values=known.values,
    )
