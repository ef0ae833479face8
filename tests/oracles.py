"""Slow and transparent: a second road to each number, sharing no code with the first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import ot
from numpy.typing import NDArray
from scipy.optimize import linprog

from germane.mdp import FiniteMDP

Array = NDArray[np.float64]
Transport = Callable[[Array, Array, Array], float]


def transport_by_lp(p: Array, q: Array, cost: Array) -> float:
    """The transport problem as a linear program, by HiGHS."""
    m, k = cost.shape
    rows, columns = np.kron(np.eye(m), np.ones(k)), np.kron(np.ones(m), np.eye(k))
    plan = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([p, q]))
    assert plan.status == 0, plan.message
    return float(plan.fun)


def transport_by_pot(p: Array, q: Array, cost: Array) -> float:
    """The same by POT's network simplex: quick enough for thousands; wrong for huge costs."""
    return float(ot.emd2(p, q, np.ascontiguousarray(cost)))


def transport_by_enumeration(cost: Array) -> float:
    """Uniform masses: a cheapest permutation, for every size of entry."""
    n = len(cost)
    return min(sum(cost[i, s[i]] for i in range(n)) for s in permutations(range(n))) / n


def dense(mdp: FiniteMDP) -> Array:
    return mdp.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)


def dt_bsm_operator(real: FiniteMDP, twin: FiniteMDP, d: Array, transport: Transport) -> Array:
    """``T(d)`` of equation (5), one transport problem at a time."""
    P, Q = dense(real), dense(twin)
    P, Q = P / P.sum(axis=2, keepdims=True), Q / Q.sum(axis=2, keepdims=True)
    out = np.empty(d.shape)
    for i, j in np.ndindex(d.shape):
        out[i, j] = max(
            abs(real.r[i, a] - twin.r[j, a])
            + real.gamma * _on_supports(P[i, a], Q[j, a], d, transport)
            for a in range(real.n_actions)
        )
    return out


def _on_supports(p: Array, q: Array, d: Array, transport: Transport) -> float:
    rows, columns = np.flatnonzero(p), np.flatnonzero(q)
    if len(rows) == 1 or len(columns) == 1:
        return float(p[rows] @ d[np.ix_(rows, columns)] @ q[columns])
    return transport(p[rows], q[columns], d[np.ix_(rows, columns)])


def dt_bsm_by_value_iteration(
    real: FiniteMDP, twin: FiniteMDP, tol: float, transport: Transport = transport_by_lp
) -> Array:
    """Equations (19)-(20): ``d_n`` from 0 until ``gamma^n Rmax / (1 - gamma) <= tol``."""
    d = np.zeros((real.n_states, twin.n_states))
    left = np.abs(real.r[:, None, :] - twin.r[None, :, :]).max() / (1 - real.gamma)
    while left > tol:
        d = dt_bsm_operator(real, twin, d, transport)
        left *= real.gamma
    return d


def optimal_value_by_lp(mdp: FiniteMDP) -> Array:
    """``min sum_s v(s)`` subject to ``v(s) >= r(s, a) + gamma P(s, a) v`` for all ``(s, a)``."""
    S, A = mdp.n_states, mdp.n_actions
    left = mdp.gamma * dense(mdp).reshape(S * A, S) - np.repeat(np.eye(S), A, axis=0)
    program = linprog(np.ones(S), A_ub=left, b_ub=-mdp.r.ravel(), bounds=(None, None))
    assert program.status == 0, program.message
    return np.asarray(program.x)


def policy_value_by_solving(mdp: FiniteMDP, pi: Array) -> Array:
    """``(I - gamma P_pi)^-1 r_pi`` by a dense solve."""
    P_pi = np.einsum("sa,sat->st", pi, dense(mdp))
    return np.linalg.solve(np.eye(mdp.n_states) - mdp.gamma * P_pi, (pi * mdp.r).sum(axis=1))


def optimal_value_by_improvement(mdp: FiniteMDP) -> Array:
    """Howard's policy iteration by dense solves, until no action is better by more than rounding."""
    P, every = dense(mdp), np.arange(mdp.n_states)
    policy = mdp.r.argmax(axis=1)
    while True:
        v = policy_value_by_solving(mdp, np.eye(mdp.n_actions)[policy])
        q = mdp.r + mdp.gamma * P @ v
        better = q.max(axis=1) > q[every, policy] + 1e-14 * np.abs(q).max()
        if not better.any():
            return v
        policy = np.where(better, q.argmax(axis=1), policy)


def total_variation_by_definition(real: FiniteMDP, twin: FiniteMDP) -> Array:
    """``1/2 sum_k |P - P'|`` by sparse subtraction."""
    l1 = abs(real.transitions - twin.transitions).sum(axis=1)
    return np.asarray(0.5 * l1).reshape(real.r.shape)
