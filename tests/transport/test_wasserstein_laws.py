"""Laws that an optimal transport obeys whatever its marginals and its cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from germane.errors import InvalidDistribution, InvalidParameter
from germane.transport import wasserstein

SIZES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def problems(draw):
    """Masses with ties and zeros as often as without; costs with ties as often as without."""
    rng = np.random.default_rng(draw(SEEDS))
    m, k = draw(SIZES), draw(SIZES)
    masses = [rng.integers(0, 4, n) if draw(st.booleans()) else rng.random(n) for n in (m, k)]
    p, q = ((w + (w.sum() == 0)) / (w + (w.sum() == 0)).sum() for w in masses)
    cost = rng.integers(-2, 5, (m, k)) if draw(st.booleans()) else rng.normal(size=(m, k))
    return p, q, cost.astype(float)


@given(problems())
def test_the_plan_is_feasible_and_its_potentials_prove_it_optimal(problem):
    p, q, cost = problem
    t = wasserstein(p, q, cost)
    rounding = 1e-15 * len(p) * len(q)
    assert (t.plan >= 0).all()
    assert np.abs(t.plan.sum(axis=1) - p).max() <= rounding
    assert np.abs(t.plan.sum(axis=0) - q).max() <= rounding
    assert (t.u[:, None] + t.v[None, :] <= cost + t.error_bound).all()
    assert abs(t.cost - (t.u @ p + t.v @ q)) <= t.error_bound
    assert t.error_bound <= 1e-12


@given(problems(), st.floats(1e-6, 1e6))
def test_the_cost_is_linear_in_scale(problem, factor):
    p, q, cost = problem
    one, scaled = wasserstein(p, q, cost), wasserstein(p, q, factor * cost)
    assert abs(scaled.cost - factor * one.cost) <= scaled.error_bound + factor * one.error_bound


@given(problems(), SEEDS)
def test_a_higher_cost_never_makes_transport_cheaper(problem, seed):
    p, q, cost = problem
    more = cost + np.random.default_rng(seed).random(cost.shape)
    low, high = wasserstein(p, q, cost), wasserstein(p, q, more)
    assert low.cost <= high.cost + low.error_bound + high.error_bound


@given(problems())
def test_no_plan_is_dearer_than_the_product_coupling(problem):
    p, q, cost = problem
    t = wasserstein(p, q, cost)
    assert t.cost <= p @ cost @ q + t.error_bound


@given(problems())
def test_swapping_the_marginals_transposes_the_plan_value(problem):
    p, q, cost = problem
    one, other = wasserstein(p, q, cost), wasserstein(q, p, cost.T)
    assert abs(one.cost - other.cost) <= one.error_bound + other.error_bound


@given(arrays(float, st.integers(1, 9), elements=st.floats(0.01, 1)), SEEDS)
def test_equal_marginals_with_zero_diagonal_cost_nothing(masses, seed):
    p = masses / masses.sum()
    cost = np.random.default_rng(seed).random((len(p), len(p)))
    np.fill_diagonal(cost, 0)
    t = wasserstein(p, p, cost)
    assert abs(t.cost) <= t.error_bound


@given(st.integers(1, 9), SEEDS)
def test_zero_one_cost_gives_total_variation(n, seed):
    p, q = np.random.default_rng(seed).dirichlet(np.ones(n), 2)
    t = wasserstein(p, q, 1.0 - np.eye(n))
    assert t.cost == pytest.approx(0.5 * np.abs(p - q).sum(), abs=t.error_bound + 1e-15)


@given(SIZES, SIZES, SEEDS)
def test_on_a_line_it_is_the_area_between_the_distribution_functions(m, k, seed):
    # W_1 on the real line: integral of |F_p - F_q|, here over the merged support.
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=m), rng.normal(size=k)
    p, q = rng.dirichlet(np.ones(m)), rng.dirichlet(np.ones(k))
    points = np.sort(np.concatenate([x, y]))
    difference = [abs(p[x <= z].sum() - q[y <= z].sum()) for z in points[:-1]]
    expected = float(np.diff(points) @ np.array(difference)) if m + k > 1 else 0.0
    t = wasserstein(p, q, np.abs(x[:, None] - y[None, :]))
    assert t.cost == pytest.approx(expected, abs=t.error_bound + 1e-13)


@pytest.mark.parametrize(
    ("p", "q", "cost", "error", "culprit"),
    [
        ([0.5, 0.6], [1.0], [[0.0], [0.0]], InvalidDistribution, r"p must sum to 1.*1\.1"),
        ([1.0], [1.5, -0.5], [[0.0, 0.0]], InvalidDistribution, r"q\[1\].*-0\.5"),
        ([np.nan, 1.0], [1.0], [[0.0], [0.0]], InvalidDistribution, r"p\[0\]"),
        ([], [1.0], np.empty((0, 1)), InvalidDistribution, "p must be a vector"),
        ([1.0], [1.0], [[0.0, 1.0]], InvalidParameter, r"shape \(1, 1\).*\(1, 2\)"),
        ([1.0], [1.0], [[np.inf]], InvalidParameter, r"cost\[0, 0\].*inf"),
    ],
)
def test_what_is_no_transport_problem_is_refused_by_name(p, q, cost, error, culprit):
    with pytest.raises(error, match=culprit):
        wasserstein(p, q, cost)
