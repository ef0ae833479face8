"""Random decimal models against exact rationals: the interval holds the metric of the decimals.

The doubles given to the solver are the decimals rounded; with ``tol=0`` only rounding is left in the
interval, so a constant of the error analysis that is too small shows.
"""

from fractions import Fraction

import numpy as np
import pytest

import exact
from germane.certificates import Comparison, certify
from germane.certificates import exact as exact_rung
from germane.mdp import FiniteMDP, evaluate, policy_iteration, solve, value_iteration
from germane.metrics import dt_bsm


def decimal_model(rng, S, A):
    """Rows and rewards in decimals: ``P[s][a][t]`` and ``r[s][a]`` as fractions."""
    weights = rng.integers(0, 10, (S, A, S)) * (rng.random((S, A, S)) < 0.8)
    weights[..., 0] += weights.sum(axis=2) == 0
    P = [[[Fraction(int(x), int(row.sum())) for x in row] for row in rows] for rows in weights]
    scale = Fraction(10) ** int(rng.choice([-9, 0, 0, 9]))
    r = [[Fraction(int(x), 10) * scale for x in row] for row in rng.integers(-10, 11, (S, A))]
    return P, r


def rounded(P, r, gamma):
    return FiniteMDP(np.array(P, dtype=float), np.array(r, dtype=float), float(gamma))


GAMMAS = ["0", "0.3", "0.9", "0.99", "0.9999", "0.99993"]


@pytest.mark.parametrize("seed", range(60))
def test_every_interval_holds_the_exact_number_of_the_decimals(seed):
    rng = np.random.default_rng(seed)
    gamma = Fraction(GAMMAS[seed % len(GAMMAS)])
    S, T, A = rng.integers(1, 3), rng.integers(1, 4), rng.integers(1, 3)
    (P, r), (Q, r_twin) = decimal_model(rng, S, A), decimal_model(rng, T, A)
    real, twin = rounded(P, r, gamma), rounded(Q, r_twin, gamma)
    v = exact.optimal_value(P, r, gamma)
    for plan in (solve, value_iteration, policy_iteration):
        found = plan(real, tol=0.0)
        bound = Fraction(found.error_bound)
        assert all(abs(Fraction(x) - y) <= bound for x, y in zip(found.v, v, strict=True)), plan
    metric, d = dt_bsm(real, twin, tol=0.0), exact.dt_bsm(P, r, Q, r_twin, gamma)
    for i, j in np.ndindex(S, T):
        assert Fraction(metric.lower[i, j]) <= d[i][j] <= Fraction(metric.upper[i, j])


@pytest.mark.parametrize("seed", range(30))
def test_no_rung_is_below_the_exact_regret_of_the_decimals(seed):
    rng = np.random.default_rng(seed)
    gamma = Fraction(GAMMAS[seed % len(GAMMAS)])
    S, A = 2, 2
    (P, r), (Q, r_twin) = decimal_model(rng, S, A), decimal_model(rng, S, A)
    pi = [[Fraction(int(w), 8), Fraction(8 - int(w), 8)] for w in rng.integers(0, 9, S)]
    best, achieved = exact.optimal_value(P, r, gamma), exact.policy_value(P, r, gamma, pi)
    regret = max(x - y for x, y in zip(best, achieved, strict=True))
    real, twin = rounded(P, r, gamma), rounded(Q, r_twin, gamma)
    certificate = certify(real, twin, policy=np.array(pi, dtype=float))
    for bound in certificate.rungs.values():
        assert Fraction(bound.lower) <= regret <= Fraction(bound.value), bound.name


@pytest.mark.parametrize("gamma", ["0.9995", "0.9999", "0.99999", "0.9999999"])
def test_half_a_unit_of_the_discount_is_in_every_bound(gamma):
    # One state that earns 1 for ever: v = 1 / (1 - gamma) for the decimal gamma.
    worth = 1 / (1 - Fraction(gamma))
    one, zero = (FiniteMDP(np.ones((1, 1, 1)), [[r]], float(gamma)) for r in (1.0, 0.0))
    for found in (solve(one), value_iteration(one), policy_iteration(one), evaluate(one, [0])):
        assert abs(Fraction(found.v[0]) - worth) <= Fraction(found.error_bound)
    metric = dt_bsm(one, zero)
    assert Fraction(metric.lower[0, 0]) <= worth <= Fraction(metric.upper[0, 0])


@pytest.mark.parametrize(("n_actions", "gamma"), [(60, 0.9), (500, 0.99), (3000, 0.99)])
def test_mixing_many_actions_is_in_the_bound(n_actions, gamma):
    # All actions are the same, so every policy is worth 1 / (1 - gamma) and loses nothing.
    mdp = FiniteMDP(np.ones((1, n_actions, 1)), np.ones((1, n_actions)), gamma)
    for tiny in (5e-17, 1 / n_actions):
        pi = np.full((1, n_actions), tiny)
        pi[0, 0] = 1 - (n_actions - 1) * tiny
        found = evaluate(mdp, pi, tol=0.0)
        assert abs(Fraction(found.v[0]) - 1 / (1 - Fraction(gamma))) <= Fraction(found.error_bound)
        assert exact_rung(Comparison(real=mdp, twin=mdp, policy=pi)).lower == 0
