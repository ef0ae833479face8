"""Exact rational cases, slow value iteration, and one independent sweep over 2,000 random pairs.

The independent check of an interval: ``upper`` is at or above the least fixed point if
``T(upper) <= upper``, ``lower`` at or below it if ``T(lower) >= lower``, where ``T`` is computed one
problem at a time by another solver. The solver keeps both properties (a meet of super-solutions is
one), so the slack is the oracle's own accuracy over ``1 - gamma``.
"""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from cases import cases, models, numbers
from germane.certificates import certify
from germane.mdp import FiniteMDP, policy_probabilities
from germane.metrics import dt_bsm, dt_bsm_tv, total_variation
from oracles import (
    dt_bsm_by_value_iteration,
    dt_bsm_operator,
    policy_value_by_solving,
    total_variation_by_definition,
    transport_by_lp,
    transport_by_pot,
)
from strategies import transition_rows

KINDS = ["dense", "sparse", "deterministic", "duplicates"]
N_PAIRS = 2000


@pytest.mark.parametrize("case", cases("dtbsm"))
def test_exact_rational_cases(case):
    real, twin = models(case)
    expected = numbers(case["expected_d_exact"])
    scale = np.abs(real.r[:, None, :] - twin.r[None, :, :]).max() / (1 - real.gamma)
    for tol in (1e-10 * scale, 0.0):  # as narrow as doubles allow: now rounding alone is left
        metric = dt_bsm(real, twin, tol=tol)
        assert (metric.lower <= expected).all()
        assert (expected <= metric.upper).all()
        assert metric.error_bound <= 1e-9 * scale or scale == 0
    if "expected_d_tv_exact" in case:
        expected_tv = numbers(case["expected_d_tv_exact"])
        assert dt_bsm_tv(real, twin) == pytest.approx(expected_tv, rel=1e-13, abs=1e-14 * scale)


@pytest.mark.parametrize("gamma", ["0.9", "0.99", "0.9999"])
@pytest.mark.parametrize("slip", ["0.1", "0.3", "1e-7"])
def test_rounding_is_in_the_interval_where_the_distance_is_a_decimal(gamma, slip):
    # A state that leaves for a bad absorbing one with probability `slip` in the twin, never in the
    # real model: d = gamma slip / ((1 - gamma) (1 - gamma (1 - slip))), exactly, in decimals.
    g, e = Fraction(gamma), Fraction(slip)
    stay, leave = float(1 - e), float(e)
    real = FiniteMDP([[[1.0, 0.0]], [[0.0, 1.0]]], [[1.0], [0.0]], float(g))
    twin = FiniteMDP([[[stay, leave]], [[0.0, 1.0]]], [[1.0], [0.0]], float(g))
    metric = dt_bsm(real, twin, tol=0.0)
    expected = g * e / ((1 - g) * (1 - g * (1 - e)))
    assert Fraction(metric.lower[0, 0]) <= expected <= Fraction(metric.upper[0, 0])
    assert metric.stop == "rounding"


def random_model(rng, kind, S, A, gamma):
    rows = transition_rows(rng, "sparse" if kind == "duplicates" else kind, S * A, S)
    r = rng.choice([0.0, 0.5, 1.0], (S, A)) if rng.random() < 0.5 else rng.random((S, A))
    if kind == "duplicates" and S > 1:
        rows = rows.tolil()
        rows[:A] = rows[A : 2 * A]
        r[0] = r[1]
    return FiniteMDP(rows.tocsr(), r, gamma)


def random_pair(seed):
    rng = np.random.default_rng(seed)
    gamma = float(rng.choice([0.0, 0.3, 0.7, 0.9, 0.97, 0.999]))
    A, S = rng.integers(1, 4), rng.integers(1, 6)
    T = S if seed % 2 else rng.integers(1, 6)
    kinds = rng.choice(KINDS, 2)
    return tuple(random_model(rng, kind, n, A, gamma) for kind, n in zip(kinds, (S, T))), rng


@pytest.mark.parametrize("block", range(20))
def test_intervals_of_random_pairs_pass_an_independent_sweep(block):
    for seed in range(block * N_PAIRS // 20, (block + 1) * N_PAIRS // 20):
        (real, twin), _ = random_pair(seed)
        metric = dt_bsm(real, twin)
        accuracy = 4e-15 * max(1.0, metric.upper.max())
        above = dt_bsm_operator(real, twin, metric.upper, transport_by_pot)
        below = dt_bsm_operator(real, twin, metric.lower, transport_by_pot)
        assert (above <= metric.upper + accuracy).all(), seed
        assert (below >= metric.lower - accuracy).all(), seed
        assert metric.error_bound <= 1.01e-6 / (1 - real.gamma), seed


@pytest.mark.parametrize("seed", range(3))
def test_intervals_of_wide_rows_pass_an_independent_sweep(seed):
    rng = np.random.default_rng(seed)
    real, twin = (random_model(rng, "dense", S, 2, 0.9) for S in (18, 22))
    metric = dt_bsm(real, twin)
    accuracy = 1e-14 * metric.upper.max()
    above = dt_bsm_operator(real, twin, metric.upper, transport_by_pot)
    below = dt_bsm_operator(real, twin, metric.lower, transport_by_pot)
    assert (above <= metric.upper + accuracy).all()
    assert (below >= metric.lower - accuracy).all()


@pytest.mark.parametrize("seed", range(12))
def test_value_iteration_by_linear_programming_ends_inside_the_interval(seed):
    rng = np.random.default_rng(1000 + seed)
    real = random_model(rng, KINDS[seed % 4], 3, 2, 0.6)
    twin = random_model(rng, KINDS[(seed + 1) % 4], 4, 2, 0.6)
    d = dt_bsm_by_value_iteration(real, twin, 1e-8, transport_by_lp)
    metric = dt_bsm(real, twin, tol=1e-8)
    assert (metric.lower <= d + 2e-8).all()
    assert (d <= metric.upper + 1e-8).all()


@pytest.mark.parametrize("block", range(10))
def test_theorem_1_is_never_below_the_exact_regret(block):
    for seed in range(block * N_PAIRS // 10 + 1, (block + 1) * N_PAIRS // 10, 2):  # equal states
        (real, twin), rng = random_pair(seed)
        policy = rng.integers(0, real.n_actions, real.n_states)
        certificate = certify(real, twin, policy=policy)
        pi = policy_probabilities(real, policy)
        best = np.max(
            [
                policy_value_by_solving(real, policy_probabilities(real, np.array(choice)))
                for choice in np.ndindex(*[real.n_actions] * real.n_states)
            ],
            axis=0,
        )
        regret = (best - policy_value_by_solving(real, pi)).max()
        rounding = 1e-13 / (1 - real.gamma) ** 2
        for bound in certificate.rungs.values():
            assert bound.lower - rounding <= regret <= bound.value + rounding, (seed, bound.name)


@pytest.mark.parametrize("seed", range(30))
def test_total_variation_of_sparse_rows_is_that_of_their_difference(seed):
    (real, twin), _ = random_pair(2 * seed + 1)
    expected = total_variation_by_definition(real, twin)
    assert total_variation(real, twin) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("overlap", ["none", "some", "all"])
def test_total_variation_of_wide_models(overlap):
    # More states than the table of common successors has slots, so that its marks collide.
    rng = np.random.default_rng(0)
    S = 9000
    rows = transition_rows_wide(rng, S, 6)
    if overlap == "none":
        other = transition_rows_wide(rng, S, 6)
    elif overlap == "all":
        other = sp.csr_array(
            (rng.permutation(rows.data.reshape(S, 6), axis=1).ravel(), rows.indices, rows.indptr)
        )
    else:
        other = 0.5 * rows + 0.5 * transition_rows_wide(rng, S, 2)
    real, twin = (FiniteMDP(P, np.zeros((S, 1)), 0.9) for P in (rows, other))
    expected = total_variation_by_definition(real, twin)
    assert total_variation(real, twin) == pytest.approx(expected, abs=1e-15)


def transition_rows_wide(rng, n_states, width):
    targets = rng.integers(0, n_states, (n_states, width))
    masses = rng.dirichlet(np.ones(width), n_states)
    indptr = np.arange(0, n_states * width + 1, width)
    return sp.csr_array((masses.ravel(), targets.ravel(), indptr), shape=(n_states, n_states))
