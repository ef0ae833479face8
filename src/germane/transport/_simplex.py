r"""The transport simplex on a spanning tree, compiled.

One problem: masses ``p (m,)`` and ``q (k,)``, cost ``c (m, k)``; minimise ``<plan, c>`` over plans
with marginals ``p`` and ``q``. A basis is a spanning tree of the bipartite graph of ``m`` row nodes
``0..m-1`` and ``k`` column nodes ``m..m+k-1``, rooted at node 0: ``parent[x]`` is the next node
towards the root, ``flow[x]`` the mass on the arc ``(x, parent[x])``, and ``order`` lists the nodes
so that parents come first.

*Masses are integers.* Probabilities are rounded once to multiples of :math:`2^{b - 62}`, at least
one, and stored as multiples of :math:`2^b`; the low ``b`` bits carry Charnes' perturbation, one unit
on every row and ``m`` on the last column. Then no proper subset of rows has the mass of a subset of
columns, so every flow is positive for ever: degenerate masses need no special case, the leaving arc
is unique, and flow arithmetic is exact.

*Stopping rule.* A cell enters only when its reduced cost, computed in doubles, is below ``-tau``
with ``tau`` larger than its rounding error; so each pivot lowers the exact objective and no basis
can return: the method never cycles. When no such cell is left the plan is optimal up to ``2 tau``.

References:
    Dantzig, *Application of the simplex method to a transportation problem*, 1951.
    Charnes, *Optimality and degeneracy in linear programming*, Econometrica 20, 1952.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

MASS_BITS = 62
"""Total mass of a marginal is ``2**MASS_BITS``."""

PRICING_BLOCK = 128
"""Cells priced before the best of them may enter; small problems are priced whole."""

UNIT_ROUNDOFF = 2.0**-53
_NO_MASS_IS_MORE = np.int64(2**63 - 1)

compiled = njit(nogil=True, cache=True, error_model="numpy")
# Reductions that meet neither NaN nor need the sign of zero: lets the compiler vectorise a minimum.
_compiled_pricing = njit(nogil=True, cache=True, fastmath={"nnan", "nsz"}, error_model="numpy")


def perturbation_bits(max_rows: int) -> int:
    """The least ``b`` whose ``2**b`` leaves room for the perturbations of ``max_rows`` rows."""
    return (2 * max_rows + 2).bit_length()


@compiled
def integer_masses(probabilities: Any, indptr: Any, bits: int, masses: Any) -> None:
    """Rounds each distribution to positive multiples of ``2**bits``, ``2**MASS_BITS`` in all.

    No entry moves by more than one unit but the largest, which takes what is left over.
    ``probabilities`` and ``masses`` are ``(nnz,)``, distribution ``x`` being the slice
    ``indptr[x]:indptr[x + 1]``.
    """
    total = np.int64(1) << (MASS_BITS - bits)
    for x in range(len(indptr) - 1):
        left = total
        largest = indptr[x]
        for e in range(indptr[x], indptr[x + 1]):
            units = max(np.int64(1), np.int64(np.rint(probabilities[e] * float(total))))
            masses[e] = units << bits
            left -= units
            if probabilities[e] > probabilities[largest]:
                largest = e
        masses[largest] += left << bits


@compiled
def north_west_tree(p: Any, q: Any, parent: Any, order: Any, flow: Any) -> None:
    """The north-west-corner basis of integer masses ``p (m,)``, ``q (k,)``, perturbed.

    Optimal as it stands when rows and columns are sorted by values whose distance is the cost
    (transport on a line).
    """
    m, k = len(p), len(q)
    row, column = 0, 0
    row_left = p[0] + 1
    column_left = q[0] + (m if k == 1 else 0)
    order[0], parent[0], flow[0] = 0, 0, 0
    node, above = m, 0
    for t in range(1, m + k):
        moved = min(row_left, column_left)
        order[t], parent[node], flow[node] = node, above, moved
        row_left -= moved
        column_left -= moved
        if t == m + k - 1:
            break
        if row_left < column_left:
            row += 1
            row_left = p[row] + 1
            node, above = row, m + column
        else:
            column += 1
            column_left = q[column] + (m if column == k - 1 else 0)
            node, above = m + column, row


@compiled
def plan_cost(m: int, k: int, cost: Any, parent: Any, flow: Any, bits: int) -> float:
    """``<plan, cost>`` of a basis, without the perturbation; ``cost`` is ``(m * k,)``."""
    half = np.int64(1) << (bits - 1)
    unit = 2.0 ** (bits - MASS_BITS)
    total = 0.0
    for x in range(1, m + k):
        cell = x * k + parent[x] - m if x < m else parent[x] * k + x - m
        total += float((flow[x] + half) >> bits) * unit * cost[cell]
    return total


@compiled
def potentials(
    m: int, k: int, cost: Any, parent: Any, order: Any, potential: Any, depth: Any
) -> float:
    """Fills ``potential`` and ``depth (m + k,)`` from the tree; returns ``max |potential|``.

    ``potential[r] + potential[m + c] = cost[r, c]`` on every arc of the tree, 0 at the root.
    """
    potential[0], depth[0], largest = 0.0, 0, 0.0
    for t in range(1, m + k):
        x = order[t]
        y = parent[x]
        cell = x * k + y - m if x < m else y * k + x - m
        potential[x] = cost[cell] - potential[y]
        depth[x] = depth[y] + 1
        largest = max(largest, abs(potential[x]))
    return largest


@_compiled_pricing
def _row_minimum(k: int, cost: Any, row: int, columns: Any) -> float:
    """``min_c cost[row, c] - potential[c]``, written so that it compiles to a vector minimum."""
    low = np.inf
    base = row * k
    for c in range(k):
        low = min(low, cost[base + c] - columns[c])
    return low


@compiled
def _entering_cell(m: int, k: int, cost: Any, potential: Any, tau: float, first_row: int) -> int:
    """A cell of reduced cost below ``-tau``, the best of a block of rows; -1 if there is none."""
    best, best_row, priced, row = -tau, -1, 0, first_row
    columns = potential[m:]
    for _ in range(m):
        reduced = _row_minimum(k, cost, row, columns) - potential[row]
        if reduced < best:
            best, best_row = reduced, row
        priced += k
        row = row + 1 if row + 1 < m else 0
        if best_row >= 0 and priced >= PRICING_BLOCK:
            break
    if best_row < 0:
        return -1
    for c in range(k):
        if cost[best_row * k + c] - columns[c] - potential[best_row] <= best:
            return best_row * k + c
    return -1


@compiled
def _pivot(a: int, b: int, parent: Any, flow: Any, depth: Any) -> None:
    """Brings the arc ``(a, b)`` into the basis: shifts mass round the cycle, re-hangs the tree.

    Seen from either end of the entering arc, the arcs towards the root lose and gain in turn.
    """
    x, y, x_loses, y_loses = a, b, True, True
    theta, leaving, from_a = _NO_MASS_IS_MORE, -1, True
    while x != y:
        if depth[x] >= depth[y]:
            if x_loses and flow[x] < theta:
                theta, leaving, from_a = flow[x], x, True
            x_loses = not x_loses
            x = parent[x]
        else:
            if y_loses and flow[y] < theta:
                theta, leaving, from_a = flow[y], y, False
            y_loses = not y_loses
            y = parent[y]
    apex = x
    for start in (a, b):
        x, sign = start, -1
        while x != apex:
            flow[x] += sign * theta
            sign = -sign
            x = parent[x]
    x, above, mass = (a, b, theta) if from_a else (b, a, theta)
    while True:
        next_x, next_mass = parent[x], flow[x]
        parent[x], flow[x] = above, mass
        if x == leaving:
            break
        above, mass, x = x, next_mass, next_x


@compiled
def _reorder(n: int, parent: Any, order: Any, depth: Any, count: Any) -> None:
    """Recomputes ``order`` (by depth, parents first) after the tree was re-hung."""
    for x in range(1, n):
        depth[x] = -1
        count[x] = 0
    count[0] = 0
    for x in range(1, n):
        y, steps = x, 0
        while depth[y] < 0:
            y = parent[y]
            steps += 1
        level = depth[y] + steps
        y = x
        while depth[y] < 0:
            depth[y] = level
            level -= 1
            y = parent[y]
    for x in range(n):
        count[depth[x]] += 1
    position = 0
    for level in range(n):
        position, count[level] = position + count[level], position
    for x in range(n):
        order[count[depth[x]]] = x
        count[depth[x]] += 1


@compiled
def optimise(
    m: int,
    k: int,
    cost: Any,
    parent: Any,
    order: Any,
    flow: Any,
    potential: Any,
    depth: Any,
    count: Any,
) -> tuple[float, int]:
    """Pivots a basis to optimality, in place.

    Args:
        m, k: rows and columns.
        cost: ``(m * k,)`` cost, row by row.
        parent, order, flow: ``(m + k,)`` the basis, replaced by an optimal one.
        potential: ``(m + k,)`` filled with the optimal potentials, rows first.
        depth, count: ``(m + k,)`` work space.

    Returns:
        ``(tau, n_pivots)``: every reduced cost is at least ``-2 tau`` in exact arithmetic, so the
        plan costs at most ``2 tau`` more than the optimum.
    """
    n = m + k
    scale = 0.0
    for cell in range(m * k):
        scale = max(scale, abs(cost[cell]))
    n_pivots, row = 0, 0
    while True:
        largest = potentials(m, k, cost, parent, order, potential, depth)
        tau = 4 * UNIT_ROUNDOFF * n * (largest + scale)
        if m == 1 or k == 1:
            return 0.0, 0
        cell = _entering_cell(m, k, cost, potential, tau, row)
        if cell < 0:
            return tau, n_pivots
        row = cell // k
        _pivot(row, m + cell % k, parent, flow, depth)
        _reorder(n, parent, order, depth, count)
        n_pivots += 1


def relative_error(n_nodes: int, bits: int) -> float:
    """How far a computed cost can be from the exact problem's, as a share of the largest cost.

    With ``n`` nodes, ``u = 2**-53`` and ``eta = 2**(bits - MASS_BITS)`` the resolution of the masses:
    a cost is computed for marginals that are within ``n (8 u + 2 eta) + 24 u`` of the exact ones in
    l1 (division by their sum, rounding to integers, half a unit in the last place of every
    probability), each of which moves it by at most the largest cost; summation adds ``(n + 2) u``.
    Pricing is not in it: :func:`optimise` returns that part.
    """
    eta = 2.0 ** (bits - MASS_BITS)
    return n_nodes * (8 * UNIT_ROUNDOFF + 2 * eta) + (n_nodes + 26) * UNIT_ROUNDOFF


def tree_arrays(n: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.int64]]:
    """Uninitialised ``parent``, ``order`` and ``flow`` for ``n`` nodes."""
    return np.empty(n, np.uint16), np.empty(n, np.uint16), np.empty(n, np.int64)
