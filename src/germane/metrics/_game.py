r"""The operator of the DT-BSM as a game: one player picks actions, the other couplings.

.. math::
    T(d)(i, j) = \max_a \{ |R(i, a) - R'(j, a)| + \gamma W_1(P(\cdot | i, a), P'(\cdot | j, a); d) \}

Rows of ``P`` that are equal, as many actions of a wireless network lead to the same occupancy of
its resources, are one transport problem. If the distinct rows of both models, over all actions, make
fewer problems than the pairs of states do action by action, one pool holds them; else one per action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from ..mdp import UNIT_ROUNDOFF, FiniteMDP, chain_value
from ..transport import TransportPool, refuse_beyond_memory
from ._workers import Workers

Array = NDArray[np.float64]
Out = TypeVar("Out")
N_POLISH = 20
"""Sweeps after a linear solve."""

compiled = njit(nogil=True, cache=True, error_model="numpy")


@dataclass(frozen=True, eq=False)
class Choice:
    """The maximising actions at some ``d``: reward gap and transport problem of each pair."""

    gap: Array
    problem: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Frozen:
    """The couplings and actions in force at some ``d``, as a sparse linear map.

    ``d -> gap + gamma * (mass @ d)``, where row ``problem_of[i, j]`` of the sparse matrix
    ``(indptr, cells, mass)`` is the coupling that pair ``(i, j)`` uses.
    """

    gap: Array
    problem_of: NDArray[np.int32]
    indptr: NDArray[np.int64]
    cells: NDArray[np.int32]
    mass: Array


class CouplingGame:
    """Both models, their transport problems, and the couplings that the minimiser now plays.

    Args:
        real, twin: the models; same actions and discount.
        v_real, v_twin: ``(S,)``, ``(S',)`` values that order the supports for the first couplings.
        workers: the threads.
    """

    def __init__(
        self, real: FiniteMDP, twin: FiniteMDP, v_real: Array, v_twin: Array, workers: Workers
    ) -> None:
        self.gamma = real.gamma
        self.shape = (real.n_states, twin.n_states)
        self._r, self._r_twin = real.r, twin.r
        self._workers = workers
        families, self._real_id, self._twin_id, group = _distinct_rows(real, twin)
        _refuse_too_large(families, self.shape)
        self._pools = [TransportPool(p, q, v_real, v_twin) for p, q in families]
        sizes = [pool.shape[0] * pool.shape[1] for pool in self._pools]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self._first_problem = np.asarray(starts[:-1][group], np.int64)
        self._n_targets = np.array([self._pools[g].shape[1] for g in group], np.int64)
        self._values = np.zeros(int(starts[-1]))
        self._wanted = np.zeros(int(starts[-1]), np.uint8)
        self._solved = np.zeros(int(starts[-1]), np.uint8)
        self._starts = starts
        self.n_pivots = 0
        self._largest_tau = 0.0
        for pool in self._pools:
            workers.run(pool.start, pool.shape[0], 4.0 * pool.n_nodes)

    def apply(self, d: Array) -> tuple[Array, Choice]:
        """``T(d)`` exactly (see :meth:`rounding`), the couplings improved to match.

        Lazily: the cost of the couplings kept bounds each transport from above, so only problems
        that can decide a maximum are solved.

        Returns:
            ``T(d) (S, S')`` and the actions that attain it.
        """
        self._bound_all(d)
        self._solved[:] = 0
        self._largest_tau = 0.0
        while True:
            self._wanted[:] = 0
            applied, choice = self._maximise()
            np.subtract(1, self._solved, out=self._wanted, where=self._wanted.astype(bool))
            if not self._wanted.any():
                return applied, choice
            self._solve_wanted(d)
            self._solved |= self._wanted

    def apply_kept(self, d: Array) -> tuple[Array, Choice]:
        """``max_a { |R - R'| + gamma <coupling kept, d> }`` and the actions that attain it."""
        self._bound_all(d)
        return self._maximise()

    def freeze(self, choice: Choice) -> Frozen:
        """The linear map that these actions and the couplings kept define."""
        problem = choice.problem
        used = np.zeros(len(self._values), bool)
        used[problem.ravel()] = True
        position = np.cumsum(used, dtype=np.int32) - np.int32(1)
        in_use = np.flatnonzero(used)
        cut = np.searchsorted(in_use, self._starts)
        local = [in_use[a:b] - s for a, b, s in zip(cut[:-1], cut[1:], self._starts[:-1])]
        lengths = [pool.row_lengths(t) for pool, t in zip(self._pools, local)]
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        cells, mass = np.empty(indptr[-1], np.int32), np.empty(indptr[-1])
        for pool, t, a in zip(self._pools, local, cut):
            rows = indptr[a : a + len(t) + 1]
            self._workers.run(
                lambda first, last, pool=pool, t=t, rows=rows: pool.couplings(  # type: ignore[misc]
                    t[first:last], rows[first : last + 1], cells, mass
                ),
                len(t),
                10.0 * (rows[-1] - rows[0]),
            )
        return Frozen(choice.gap, position[problem], indptr, cells, mass)

    def sweep(self, frozen: Frozen, d: Array) -> Array:
        """One application of the linear map of frozen actions and couplings."""
        n = len(frozen.indptr) - 1
        values = np.empty(n)
        arguments = (frozen.indptr, frozen.cells, frozen.mass, d.ravel(), values)
        self._workers.run(
            lambda first, last: _expectations(first, last, *arguments), n, 4.0 * len(frozen.cells)
        )
        return np.asarray(frozen.gap + self.gamma * values[frozen.problem_of])

    def solve_frozen(self, frozen: Frozen, tol: float) -> Array:
        """The value of frozen actions and couplings by one linear solve: a chain on the pairs."""
        n_cells = self.shape[0] * self.shape[1]
        couplings = sp.csr_array(
            (frozen.mass, frozen.cells, frozen.indptr), shape=(len(frozen.indptr) - 1, n_cells)
        )
        P = sp.csr_array(couplings[frozen.problem_of.ravel()])
        value, _ = chain_value(P, frozen.gap.ravel(), self.gamma, tol, max_sweeps=N_POLISH)
        return value.v.reshape(self.shape)

    def leaves_first(self, s: int, t: int, a: int) -> NDArray[np.uint16]:
        """Cells of the coupling kept for states ``s``, ``t`` and action ``a``, as its pool gives them."""
        at = self._first_problem[a] + self._real_id[s, a] * self._n_targets[a] + self._twin_id[t, a]
        g = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self._pools[g].leaves_first(int(at - self._starts[g]))

    def rounding(self, largest_cost: float) -> float:
        """How far the last :meth:`apply` can be from the exact ``T(d)``, ``max |d| = largest_cost``.

        Includes half a unit in the last place of every number of both models.
        """
        transport = max(pool.value_error(largest_cost) for pool in self._pools)
        rewards = float(np.abs(self._r).max() + np.abs(self._r_twin).max())
        return self.gamma * (transport + 2 * self._largest_tau) + 8 * UNIT_ROUNDOFF * (
            rewards + largest_cost
        )

    def _bound_all(self, d: Array) -> None:
        for g, pool in enumerate(self._pools):
            values = self._of_pool(self._values, g)
            self._workers.run(
                lambda first, last, pool=pool, values=values: pool.bound(first, last, d, values),  # type: ignore[misc]
                pool.shape[0],
                4.0 * pool.n_nodes,
            )

    def _solve_wanted(self, d: Array) -> None:
        for g, pool in enumerate(self._pools):
            values, wanted = self._of_pool(self._values, g), self._of_pool(self._wanted, g)
            share = wanted.mean()
            done = self._workers.run(
                lambda first, last, pool=pool, values=values, wanted=wanted: pool.solve(  # type: ignore[misc]
                    first, last, d, wanted, values
                ),
                pool.shape[0],
                4.0 * share * pool.n_nodes * pool.max_nodes,
            )
            self._largest_tau = max(self._largest_tau, *(tau for tau, _ in done))
            self.n_pivots += sum(n for _, n in done)

    def _maximise(self) -> tuple[Array, Choice]:
        applied, gap = np.empty(self.shape), np.empty(self.shape)
        problem = np.empty(self.shape, np.int64)
        arguments = (
            self.gamma, self._r, self._r_twin, self._real_id, self._twin_id, self._first_problem,
            self._n_targets, self._values, self._wanted, applied, gap, problem,
        )  # fmt: skip
        work = 8.0 * applied.size * self._r.shape[1]
        self._workers.run(
            lambda first, last: _maximise(first, last, *arguments), self.shape[0], work
        )
        return applied, Choice(gap, problem)

    def _of_pool(self, values: NDArray[Any], g: int) -> NDArray[Any]:
        return values[self._starts[g] : self._starts[g + 1]].reshape(self._pools[g].shape)


def _refuse_too_large(
    families: list[tuple[sp.csr_array, sp.csr_array]], shape: tuple[int, int]
) -> None:
    """Bases and frozen couplings, 24 bytes a node of every problem, and a dozen arrays of pairs."""
    nodes = sum(p.nnz * q.shape[0] + q.nnz * p.shape[0] for p, q in families)
    refuse_beyond_memory("the couplings of all pairs", 24 * nodes + 100 * shape[0] * shape[1])


def _distinct_rows(
    real: FiniteMDP, twin: FiniteMDP
) -> tuple[list[tuple[sp.csr_array, sp.csr_array]], Any, Any, list[int]]:
    """Families of distinct rows, the place of row ``(s, a)`` in its family, a family per action."""
    A = real.n_actions
    first_r, id_r = _classes(real, range(A))
    first_t, id_t = _classes(twin, range(A))
    by_action = [(_classes(real, [a]), _classes(twin, [a])) for a in range(A)]
    if len(first_r) * len(first_t) <= sum(len(p) * len(q) for (p, _), (q, _) in by_action):
        families = [(real.transitions[first_r], twin.transitions[first_t])]
        return families, id_r, id_t, [0] * A
    families = [(real.transitions[p], twin.transitions[q]) for (p, _), (q, _) in by_action]
    id_r = np.concatenate([ids for (_, ids), _ in by_action], axis=1)
    id_t = np.concatenate([ids for _, (_, ids) in by_action], axis=1)
    return families, np.ascontiguousarray(id_r), np.ascontiguousarray(id_t), list(range(A))


def _classes(mdp: FiniteMDP, actions: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each class of equal rows, and the class of each ``(s, a)``."""
    rows = mdp.transitions
    index: dict[bytes, int] = {}
    first: list[int] = []
    ids = np.empty((mdp.n_states, len(actions)), np.int64)
    for s in range(mdp.n_states):
        for t, a in enumerate(actions):
            row = s * mdp.n_actions + a
            span = slice(rows.indptr[row], rows.indptr[row + 1])
            key = rows.indices[span].tobytes() + rows.data[span].tobytes()
            ids[s, t] = index.setdefault(key, len(first))
            if ids[s, t] == len(first):
                first.append(row)
    return np.array(first), ids


@compiled
def _maximise(
    first: int, last: int, gamma: float, r: Any, r_twin: Any, real_id: Any, twin_id: Any,
    first_problem: Any, n_targets: Any, values: Any, wanted: Any, applied: Any, gap: Any, problem: Any,
) -> None:  # fmt: skip
    for i in range(first, last):
        for j in range(r_twin.shape[0]):
            for a in range(r.shape[1]):
                at = first_problem[a] + real_id[i, a] * n_targets[a] + twin_id[j, a]
                difference = abs(r[i, a] - r_twin[j, a])
                value = difference + gamma * values[at]
                if a == 0 or value > applied[i, j]:
                    applied[i, j], gap[i, j], problem[i, j] = value, difference, at
            wanted[problem[i, j]] = 1


@compiled
def _expectations(
    first: int, last: int, indptr: Any, cells: Any, mass: Any, d: Any, values: Any
) -> None:
    for t in range(first, last):
        total = 0.0
        for e in range(indptr[t], indptr[t + 1]):
            total += mass[e] * d[cells[e]]
        values[t] = total
