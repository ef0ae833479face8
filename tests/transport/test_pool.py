"""Many problems at once: the pool's answers are those of the single problems, warm or cold."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from germane.errors import TooLarge
from germane.transport import TransportPool, wasserstein
from germane.transport import _pool as pool_module
from strategies import transition_rows

SEEDS = st.integers(0, 2**32 - 1)
KIND = st.sampled_from(["dense", "sparse", "deterministic"])


def family(rng, kind, n_rows, n_states):
    rows = transition_rows(rng, kind, n_rows, n_states)
    rows.sort_indices()
    return rows


def solve_all(pool, d):
    values = np.empty(pool.shape)
    tau, n_pivots = pool.solve(0, pool.shape[0], d, np.ones(pool.shape, np.uint8), values)
    return values, tau, n_pivots


@st.composite
def pools(draw):
    rng = np.random.default_rng(draw(SEEDS))
    S, T = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    p, q = family(rng, draw(KIND), 4, S), family(rng, draw(KIND), 3, T)
    pool = TransportPool(p, q, rng.normal(size=S), rng.normal(size=T))
    pool.start(0, 4)
    return rng, p, q, pool


@given(pools())
def test_warm_or_cold_every_value_is_that_of_its_own_problem(drawn):
    rng, p, q, pool = drawn
    for _ in range(3):  # the bases of one cost are the start for the next
        d = rng.random((p.shape[1], q.shape[1]))
        values, tau, _ = solve_all(pool, d)
        for x, y in np.ndindex(pool.shape):
            single = wasserstein(p[[x]].toarray()[0], q[[y]].toarray()[0], d)
            slack = 2 * tau + pool.value_error(d.max()) + single.error_bound
            assert abs(values[x, y] - single.cost) <= slack


@given(pools())
def test_the_couplings_kept_bound_every_optimum_from_above(drawn):
    rng, p, q, pool = drawn
    d = rng.random((p.shape[1], q.shape[1]))
    upper = np.empty(pool.shape)
    pool.bound(0, pool.shape[0], d, upper)
    values, tau, _ = solve_all(pool, d)
    assert (values <= upper + 2 * tau + pool.value_error(1.0)).all()
    pool.bound(0, pool.shape[0], d, upper)
    assert np.array_equal(upper, values) or np.allclose(upper, values, rtol=0, atol=1e-15)


@given(pools())
def test_couplings_have_the_marginals_of_their_problem(drawn):
    _, p, q, pool = drawn
    problems = np.arange(pool.shape[0] * pool.shape[1])
    lengths = pool.row_lengths(problems)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    cells, mass = np.empty(indptr[-1], np.int32), np.empty(indptr[-1])
    pool.couplings(problems, indptr, cells, mass)
    assert (mass >= 0).all()
    for t in problems:
        x, y = divmod(t, pool.shape[1])
        plan = np.zeros(p.shape[1] * q.shape[1])
        np.add.at(plan, cells[indptr[t] : indptr[t + 1]], mass[indptr[t] : indptr[t + 1]])
        plan = plan.reshape(p.shape[1], q.shape[1])
        assert np.allclose(plan.sum(axis=1), p[[x]].toarray()[0], rtol=0, atol=1e-14)
        assert np.allclose(plan.sum(axis=0), q[[y]].toarray()[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_the_first_bases_are_optimal_for_distances_on_a_line(seed):
    rng = np.random.default_rng(seed)
    v, w = rng.normal(size=12), rng.normal(size=15)
    pool = TransportPool(family(rng, "dense", 6, 12), family(rng, "dense", 6, 15), v, w)
    pool.start(0, 6)
    _, _, n_pivots = solve_all(pool, np.abs(v[:, None] - w[None, :]))
    assert n_pivots == 0


def test_a_basis_that_is_still_optimal_costs_no_pivot():
    rng = np.random.default_rng(0)
    pool = TransportPool(
        family(rng, "dense", 5, 8), family(rng, "dense", 5, 8), *rng.random((2, 8))
    )
    pool.start(0, 5)
    d = rng.random((8, 8))
    first, _, cold = solve_all(pool, d)
    again, _, warm = solve_all(pool, d)
    assert cold > 0
    assert warm == 0
    assert np.array_equal(first, again)


def test_how_the_sources_are_cut_does_not_change_a_bit():
    rng = np.random.default_rng(1)
    p, q, v, w = family(rng, "sparse", 9, 7), family(rng, "dense", 4, 7), *rng.random((2, 7))
    d = rng.random((7, 7))
    found = []
    for cuts in ([0, 9], [0, 2, 3, 9]):
        pool, values = TransportPool(p, q, v, w), np.empty((9, 4))
        for first, last in pairwise(cuts):
            pool.start(first, last)
            pool.solve(first, last, d, np.ones((9, 4), np.uint8), values)
        found.append(values)
    assert np.array_equal(*found)


def test_only_wanted_problems_are_touched():
    rng = np.random.default_rng(2)
    pool = TransportPool(
        family(rng, "dense", 3, 5), family(rng, "dense", 3, 5), *rng.random((2, 5))
    )
    pool.start(0, 3)
    wanted, values = np.eye(3, dtype=np.uint8), np.full((3, 3), -1.0)
    pool.solve(0, 3, rng.random((5, 5)), wanted, values)
    assert (values[wanted == 0] == -1).all()
    assert (values[wanted == 1] > 0).all()


def test_more_bases_than_memory_holds_are_refused(monkeypatch):
    rng = np.random.default_rng(3)
    monkeypatch.setattr(pool_module, "BYTES_PER_NODE", 2**50)
    with pytest.raises(TooLarge, match="GiB"):
        TransportPool(family(rng, "dense", 3, 5), family(rng, "dense", 3, 5), *rng.random((2, 5)))
