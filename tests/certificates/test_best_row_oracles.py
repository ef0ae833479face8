"""The largest mean over a ball of laws, against direct maximisation."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from germane.certificates._best_row import best_in_kl_ball, best_in_tv_ball, largest_in_row

SEEDS = st.integers(0, 10**6)


def row(seed):
    """A law with zeros, values with ties at any scale, a radius, and the row as a sparse matrix."""
    rng = np.random.default_rng(seed)
    S = int(rng.integers(1, 9))
    p = rng.dirichlet(np.full(S, rng.choice([0.3, 1.0, 10.0])))
    p = np.where((p > 0.02) | (p == p.max()), p, 0.0)
    p /= p.sum()
    v = rng.normal(size=S)
    v = (np.round(v) if rng.random() < 0.3 else v) * 10 ** rng.uniform(-3, 4)
    rows = sp.csr_array(p[None])
    rows.eliminate_zeros()
    return rng, p, v, rows


def divergence(p, q):
    seen = p > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return (p[seen] * np.log(p[seen] / q[seen])).sum()


@given(SEEDS)
def test_no_law_of_the_ball_has_a_larger_mean_and_one_has_nearly_the_same(seed):
    rng, p, v, rows = row(seed)
    u = float(10 ** rng.uniform(-5, 1))
    best = best_in_kl_ball(rows, v, np.array([u]))[0]
    span = float(np.ptp(v))
    # the maximiser is p / (nu - v), scaled, with what is left at the largest value
    reached = -np.inf
    top = v.max()
    for gap in span * np.geomspace(1e-9, 1e7, 4000) if span > 0 else [1.0]:
        q = p / (top + gap - v)
        q /= q.sum()
        short = u - divergence(p, q)
        if short < 0:
            continue
        left = 1 - np.exp(-short)  # this much can still be moved to the top
        reached = max(reached, (1 - left) * (q @ v) + left * top)
    assert best >= reached - 1e-9 * (span + abs(v).max())
    assert best <= reached + 2e-2 * (reached - p @ v) + 1e-9 * (span + abs(v).max())


def test_the_dual_bound_meets_a_general_solver():
    """Six successors; the primal is solved by sequential quadratic programming."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        p, v, u = rng.dirichlet(np.ones(6)), rng.normal(size=6), float(rng.uniform(0.01, 0.5))
        primal = minimize(
            lambda q, v=v: -q @ v,
            p,
            bounds=[(1e-9, 1)] * 6,
            constraints=[
                {"type": "eq", "fun": lambda q: q.sum() - 1},
                {"type": "ineq", "fun": lambda q, p=p, u=u: u - divergence(p, q)},
            ],
            options={"ftol": 1e-12, "maxiter": 500},
        )
        best = best_in_kl_ball(sp.csr_array(p[None]), v, np.array([u]))[0]
        assert abs(best + primal.fun) < 1e-5


def test_two_states_have_a_closed_form():
    """p = (1, 0): KL(p || q) = -ln q_0 <= u, so the most that can move is 1 - exp(-u)."""
    rows = sp.csr_array(np.array([[1.0, 0.0]]))
    rows.eliminate_zeros()
    for u in (1e-6, 0.1, 3.0, 50.0):
        best = best_in_kl_ball(rows, np.array([0.0, 1.0]), np.array([u]))[0]
        np.testing.assert_allclose(best, -np.expm1(-u), rtol=1e-6)


def test_the_ends_of_the_radius():
    rows = sp.csr_array(np.array([[0.5, 0.5, 0.0]]))
    rows.eliminate_zeros()
    v = np.array([1.0, 2.0, 5.0])
    assert best_in_kl_ball(rows, v, np.array([np.inf]))[0] == 5.0
    assert best_in_kl_ball(rows, v, np.array([np.inf]), np.array([2.0]))[0] == 2.0
    assert abs(best_in_kl_ball(rows, v, np.array([0.0]))[0] - 1.5) < 1e-6
    empty = sp.csr_array((1, 3))
    assert best_in_kl_ball(empty, v, np.array([np.inf]))[0] == 5.0
    assert largest_in_row(rows, v).tolist() == [2.0]


@given(SEEDS)
def test_the_tv_ball_meets_a_linear_program(seed):
    rng, p, v, rows = row(seed)
    S, radius = len(p), float(rng.uniform(0, 1))
    # q = p + up - down with sum(up) = sum(down) <= radius and q >= 0
    found = linprog(
        np.concatenate([-v, v]),
        A_ub=np.vstack([np.r_[np.ones(S), np.zeros(S)], np.c_[-np.eye(S), np.eye(S)]]),
        b_ub=np.r_[radius, p],
        A_eq=[np.r_[np.ones(S), -np.ones(S)]],
        b_eq=[0.0],
    )
    best = best_in_tv_ball(rows, v, np.array([radius]))[0]
    np.testing.assert_allclose(best, p @ v - found.fun, rtol=1e-6, atol=1e-6 * np.ptp(v) + 1e-9)
