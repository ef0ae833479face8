r"""Every transport problem between two families of distributions, under one changing cost.

Problem ``(x, y)`` moves source ``x`` to target ``y``; all share one ground cost ``d (S, S')``. The
marginals never change, so the spanning tree that was optimal for the last cost is feasible for the
next: a pool keeps all trees, 12 bytes for each of the ``m + k`` nodes of a problem, and starts from
them. Methods work on a range of sources, release the interpreter lock, and touch nothing outside
the range: ranges may run on different threads, and the result does not depend on how they are cut.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import TooLarge
from ._simplex import (
    MASS_BITS,
    compiled,
    integer_masses,
    north_west_tree,
    optimise,
    perturbation_bits,
    plan_cost,
    relative_error,
)

Array = NDArray[np.float64]
Mask = NDArray[np.uint8]

BYTES_PER_NODE = 12
MAX_NODES = 2**16 - 1
"""Largest ``m + k`` of one problem: nodes are numbered in two bytes."""


class TransportPool:
    """All ``X * Y`` transport problems from ``X`` sources to ``Y`` targets, with their bases.

    Args:
        sources: ``(X, S)`` CSR; each row a distribution without stored zeros.
        targets: ``(Y, S')`` CSR; likewise.
        source_value: ``(S,)`` and
        target_value: ``(S',)`` order the supports: the first bases are optimal for the cost
            ``|source_value[s] - target_value[t]|`` (transport on a line).

    Raises:
        TooLarge: when the bases of all problems exceed the memory of this machine.
    """

    def __init__(
        self, sources: sp.csr_array, targets: sp.csr_array, source_value: Array, target_value: Array
    ) -> None:
        m, k = np.diff(sources.indptr), np.diff(targets.indptr)
        self.shape = (sources.shape[0], targets.shape[0])
        self.n_nodes = int(m.sum()) * self.shape[1] + int(k.sum()) * self.shape[0]
        self.max_nodes = int(m.max() + k.max())
        _refuse_too_large(self.n_nodes, self.max_nodes)
        self._bits = perturbation_bits(int(m.max()))
        self._n_columns = targets.shape[1]
        self._problems = (
            *_family(sources, source_value, self._bits),
            *_family(targets, target_value, self._bits),
            np.empty(self.n_nodes, np.uint16),
            np.empty(self.n_nodes, np.uint16),
            np.empty(self.n_nodes, np.int64),
        )

    def start(self, first: int, last: int) -> None:
        """Lays the north-west basis of every problem of sources ``first..last - 1``."""
        _start(first, last, *self._problems)

    def bound(self, first: int, last: int, d: Array, values: Array) -> None:
        """Fills ``values (X, Y)`` with the cost under ``d`` of the couplings kept.

        An upper bound of each optimum, for sources ``first..last - 1``.
        """
        _bound(first, last, d, values, self._bits, *self._problems)

    def solve(
        self, first: int, last: int, d: Array, wanted: Mask, values: Array
    ) -> tuple[float, int]:
        """Fills ``values (X, Y)`` with optimal costs under ``d`` where ``wanted (X, Y)``.

        Starts from the bases kept and replaces them by optimal ones, for sources
        ``first..last - 1``.

        Returns:
            ``(tau, n_pivots)``: no value exceeds its optimum by more than ``2 tau`` (and
            :meth:`value_error`).
        """
        return _solve(first, last, d, wanted, values, self._bits, *self._problems)

    def row_lengths(self, problems: NDArray[np.int64]) -> NDArray[np.int64]:
        """Arcs of the coupling kept for each of ``problems (n,)``, flat indices ``x * Y + y``."""
        x, y = np.divmod(problems, self.shape[1])
        p_indptr, q_indptr = self._problems[0], self._problems[3]
        return np.asarray(np.diff(p_indptr)[x] + np.diff(q_indptr)[y] - 1)

    def couplings(
        self,
        problems: NDArray[np.int64],
        indptr: NDArray[np.int64],
        cells: NDArray[np.int32],
        mass: Array,
    ) -> None:
        """Writes the couplings kept for ``problems (n,)`` as rows of a sparse matrix.

        Row ``t`` fills ``indptr[t]:indptr[t + 1]`` of ``cells`` with flat cells ``s * S' + t`` and
        of ``mass`` with what moves there; lengths are :meth:`row_lengths`.
        """
        _couplings(problems, indptr, cells, mass, self._n_columns, self._bits, *self._problems)

    def leaves_first(self, problem: int) -> NDArray[np.uint16]:
        """``(m + k - 1, 2)`` cells of the basis kept for a problem, each a leaf of what comes after it.

        A cell is a place in the support of the source and one in that of the target, both in the
        order of the states. Moving at each cell in turn what row and column have left is the coupling.
        """
        x, y = divmod(problem, self.shape[1])
        p_at, p_in, _, q_at, q_in, _, parent, order, _ = self._problems
        rows, columns = p_in[p_at[x] : p_at[x + 1]], q_in[q_at[y] : q_at[y + 1]]
        m, at = len(rows), _first_node(x, y, p_at, q_at)
        end = at + m + len(columns)
        node = order[at + 1 : end][::-1].astype(np.int64)
        above = parent[at:end][node].astype(np.int64)
        is_row = node < m
        r, c = np.where(is_row, node, above), np.where(is_row, above, node) - m
        place_r, place_c = rows.argsort().argsort(), columns.argsort().argsort()
        return np.stack([place_r[r], place_c[c]], axis=1).astype(np.uint16)

    def value_error(self, largest_cost: float) -> float:
        """Bounds how far a computed cost is from the exact problem's, ``largest_cost = max |d|``."""
        return largest_cost * relative_error(self.max_nodes, self._bits)


def _family(rows: sp.csr_array, value: Array, bits: int) -> tuple[Any, Any, Any]:
    """``indptr``, support and integer masses of each row, the support sorted by ``value``."""
    indptr = np.asarray(rows.indptr, np.int64)
    row = np.repeat(np.arange(rows.shape[0]), np.diff(indptr))
    order = np.lexsort((rows.indices, value[rows.indices], row))
    mass = np.empty(rows.nnz, np.int64)
    integer_masses(rows.data[order], indptr, bits, mass)
    return indptr, np.asarray(rows.indices[order], np.int32), mass


def refuse_beyond_memory(what: str, n_bytes: float) -> None:
    """Refuses what would need more than 80 % of the memory of this machine.

    Raises:
        TooLarge: saying how much is needed and how much there is.
    """
    if not hasattr(os, "sysconf"):  # no such question can be asked on this system
        return
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > 0.8 * available:
        raise TooLarge(
            f"{what} need {n_bytes / 2**30:.1f} GiB; this machine has {available / 2**30:.1f} GiB"
        )


def _refuse_too_large(n_nodes: int, max_nodes: int) -> None:
    if max_nodes > MAX_NODES:
        raise TooLarge(f"one transport problem has {max_nodes} nodes; at most {MAX_NODES} fit")
    refuse_beyond_memory("the couplings of all pairs", n_nodes * BYTES_PER_NODE)


# The compiled loops. `p_at`, `p_in`, `p`: indptr, support and integer masses of the sources;
# `q_at`, `q_in`, `q` of the targets; `parent`, `order`, `flow`: all bases, one after the other.


@compiled
def _first_node(x: int, y: int, p_at: Any, q_at: Any) -> int:
    m = p_at[x + 1] - p_at[x]
    n_targets = len(q_at) - 1
    return int(p_at[x] * n_targets + x * q_at[n_targets] + y * m + q_at[y])


@compiled
def _start(
    first: int, last: int,
    p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, parent: Any, order: Any, flow: Any,
) -> None:  # fmt: skip
    for x in range(first, last):
        for y in range(len(q_at) - 1):
            p_xy, q_xy = p[p_at[x] : p_at[x + 1]], q[q_at[y] : q_at[y + 1]]
            at = _first_node(x, y, p_at, q_at)
            end = at + len(p_xy) + len(q_xy)
            north_west_tree(p_xy, q_xy, parent[at:end], order[at:end], flow[at:end])


@compiled
def _bound(
    first: int, last: int, d: Any, values: Any, bits: int,
    p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, parent: Any, order: Any, flow: Any,
) -> None:  # fmt: skip
    half = np.int64(1) << (bits - 1)
    unit = 2.0 ** (bits - MASS_BITS)
    for x in range(first, last):
        rows = p_in[p_at[x] : p_at[x + 1]]
        m = len(rows)
        for y in range(len(q_at) - 1):
            columns = q_in[q_at[y] : q_at[y + 1]]
            at = _first_node(x, y, p_at, q_at)
            total = 0.0
            for node in range(1, m + len(columns)):
                above = parent[at + node]
                cost = (
                    d[rows[node], columns[above - m]]
                    if node < m
                    else d[rows[above], columns[node - m]]
                )
                total += float((flow[at + node] + half) >> bits) * unit * cost
            values[x, y] = total


@compiled
def _solve(
    first: int, last: int, d: Any, wanted: Any, values: Any, bits: int,
    p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, parent: Any, order: Any, flow: Any,
) -> tuple[float, int]:  # fmt: skip
    m_max, k_max = np.diff(p_at).max(), np.diff(q_at).max()
    cost = np.empty(m_max * k_max)
    potential = np.empty(m_max + k_max)
    depth = np.empty(m_max + k_max, np.int32)
    count = np.empty(m_max + k_max, np.int32)
    largest_tau, total_pivots = 0.0, 0
    for x in range(first, last):
        rows = p_in[p_at[x] : p_at[x + 1]]
        m = len(rows)
        for y in range(len(q_at) - 1):
            if not wanted[x, y]:
                continue
            columns = q_in[q_at[y] : q_at[y + 1]]
            k = len(columns)
            for r in range(m):
                for c in range(k):
                    cost[r * k + c] = d[rows[r], columns[c]]
            at = _first_node(x, y, p_at, q_at)
            end = at + m + k
            tau, n_pivots = optimise(
                m, k, cost, parent[at:end], order[at:end], flow[at:end], potential, depth, count
            )
            values[x, y] = plan_cost(m, k, cost, parent[at:end], flow[at:end], bits)
            largest_tau = max(largest_tau, tau)
            total_pivots += n_pivots
    return largest_tau, total_pivots


@compiled
def _couplings(
    problems: Any, indptr: Any, cells: Any, mass: Any, n_columns: int, bits: int,
    p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, parent: Any, order: Any, flow: Any,
) -> None:  # fmt: skip
    half = np.int64(1) << (bits - 1)
    unit = 2.0 ** (bits - MASS_BITS)
    for t in range(len(problems)):
        x, y = problems[t] // (len(q_at) - 1), problems[t] % (len(q_at) - 1)
        rows, columns = p_in[p_at[x] : p_at[x + 1]], q_in[q_at[y] : q_at[y + 1]]
        m = len(rows)
        at = _first_node(x, y, p_at, q_at)
        for node in range(1, m + len(columns)):
            above = parent[at + node]
            r, c = (node, above - m) if node < m else (above, node - m)
            cells[indptr[t] + node - 1] = rows[r] * n_columns + columns[c]
            mass[indptr[t] + node - 1] = float((flow[at + node] + half) >> bits) * unit
