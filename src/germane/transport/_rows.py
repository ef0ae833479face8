"""One transport problem per pair of rows of two sparse matrices, under one cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._simplex import (
    compiled,
    integer_masses,
    north_west_tree,
    optimise,
    perturbation_bits,
    plan_cost,
    relative_error,
)

Array = NDArray[np.float64]


def wasserstein_rows(sources: sp.csr_array, targets: sp.csr_array, d: Array) -> tuple[Array, float]:
    r""":math:`W_1(sources_x, targets_x; d)` for every row ``x``, and how far they may be off.

    Args:
        sources: ``(n, S)`` CSR, each row a distribution without stored zeros.
        targets: ``(n, S')`` CSR, likewise.
        d: ``(S, S')`` cost of moving one unit of mass.

    Returns:
        ``(n,)`` costs and one error bound for all of them, rounding included.
    """
    bits = perturbation_bits(int(np.diff(sources.indptr).max()))
    masses = []
    for family in (sources, targets):
        mass = np.empty(family.nnz, np.int64)
        integer_masses(family.data, family.indptr, bits, mass)
        masses.append(mass)
    values = np.empty(sources.shape[0])
    tau = _solve_rows(
        np.ascontiguousarray(d), bits,
        sources.indptr, sources.indices, masses[0], targets.indptr, targets.indices, masses[1], values,
    )  # fmt: skip
    n_nodes = int(np.diff(sources.indptr).max() + np.diff(targets.indptr).max())
    return values, 2 * tau + relative_error(n_nodes, bits) * float(np.abs(d).max())


@compiled
def _solve_rows(
    d: Any, bits: int, p_at: Any, p_in: Any, p: Any, q_at: Any, q_in: Any, q: Any, values: Any
) -> float:
    m_max, k_max = np.diff(p_at).max(), np.diff(q_at).max()
    cost, potential = np.empty(m_max * k_max), np.empty(m_max + k_max)
    parent, order = np.empty(m_max + k_max, np.uint16), np.empty(m_max + k_max, np.uint16)
    flow = np.empty(m_max + k_max, np.int64)
    depth, count = np.empty(m_max + k_max, np.int32), np.empty(m_max + k_max, np.int32)
    largest_tau = 0.0
    for x in range(len(values)):
        rows, columns = p_in[p_at[x] : p_at[x + 1]], q_in[q_at[x] : q_at[x + 1]]
        m, k = len(rows), len(columns)
        for r in range(m):
            for c in range(k):
                cost[r * k + c] = d[rows[r], columns[c]]
        north_west_tree(p[p_at[x] : p_at[x + 1]], q[q_at[x] : q_at[x + 1]], parent, order, flow)
        tau, _ = optimise(m, k, cost, parent, order, flow, potential, depth, count)
        values[x] = plan_cost(m, k, cost, parent, flow, bits)
        largest_tau = max(largest_tau, tau)
    return largest_tau
