"""Against linear programming, another network simplex, enumeration, and exact rational cases."""

import numpy as np
import pytest

from cases import cases, number, numbers
from germane.transport import wasserstein
from oracles import transport_by_enumeration, transport_by_lp, transport_by_pot


@pytest.mark.parametrize("seed", range(60))
def test_it_agrees_with_the_linear_program(seed):
    rng = np.random.default_rng(seed)
    m, k = rng.integers(1, 10, 2)
    p, q = rng.dirichlet(np.ones(m)), rng.dirichlet(np.ones(k))
    cost = rng.random((m, k))
    t = wasserstein(p, q, cost)
    assert t.cost == pytest.approx(transport_by_lp(p, q, cost), abs=1e-9)
    assert t.error_bound <= 1e-12


@pytest.mark.parametrize("n", [2, 10, 40, 120])
@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_another_network_simplex(n, seed):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n + seed))
    cost = rng.random((n, n + seed))
    t = wasserstein(p, q, cost)
    assert t.cost == pytest.approx(transport_by_pot(p, q, cost), abs=1e-12)
    assert t.error_bound <= 1e-12


@pytest.mark.parametrize("seed", range(40))
def test_costs_of_very_different_sizes_do_not_mislead_it(seed):
    # Where POT 0.9.7 returns a wrong cost without a warning: uniform masses, entries up to 1e12.
    rng = np.random.default_rng(seed)
    cost = 10.0 ** rng.uniform(0, 12, (5, 5))
    t = wasserstein(np.full(5, 0.2), np.full(5, 0.2), cost)
    assert abs(t.cost - transport_by_enumeration(cost)) <= t.error_bound
    assert t.error_bound <= 1e-13 * cost.max()


@pytest.mark.parametrize("n", [5, 30, 100])
def test_it_ends_where_every_vertex_is_degenerate_and_costs_tie(n):
    rng = np.random.default_rng(n)
    t = wasserstein(np.full(n, 1 / n), np.full(n, 1 / n), rng.integers(0, 2, (n, n)).astype(float))
    assert t.cost == pytest.approx(0, abs=t.error_bound)  # a perfect matching on zeros exists
    assert t.n_pivots <= n * n


@pytest.mark.parametrize("case", cases("w1"))
def test_exact_rational_cases(case):
    t = wasserstein(numbers(case["p"]), numbers(case["q"]), numbers(case["C"]))
    expected = number(case["expected_exact"])
    assert abs(t.cost - expected) <= t.error_bound
    assert t.error_bound <= 1e-9 * np.abs(numbers(case["C"])).max()
