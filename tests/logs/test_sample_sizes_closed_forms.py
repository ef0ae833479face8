"""Sample sizes of the theory's table, what Theorem 4 lacks, and what it happens to cover."""

from math import ceil, exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import binom

from germane.errors import InvalidParameter
from germane.logs import (
    one_sided_sample_size,
    reward_sample_size,
    theorem4_sample_size,
    total_variation_slack,
    uniform_sample_size,
    value_aware_sample_size,
)

ALPHA, GAMMA, N_ACTIONS, R_MAX = 0.05, 0.9, 4, 1.0
TENTH = 0.1 * R_MAX / (1 - GAMMA)
"""Ten percent of the trivial bound [reward units]."""
OF_A_DISTANCE = TENTH
OF_A_CERTIFICATE = (
    TENTH * (1 - GAMMA) ** 2 / 2
)  # Theorem 1 multiplies a distance by 2 / (1 - gamma)^2

# Two sampled models, alpha = 0.05, gamma = 0.9, four actions; each to two digits: Theorem 4 as
# printed, uniform, one-sided.
TABLE = [
    (OF_A_DISTANCE, 10, 1.5e4, 2.3e3, 5.4e2),
    (OF_A_DISTANCE, 100, 1.5e6, 1.3e4, 7.3e2),
    (OF_A_DISTANCE, 1000, 1.5e8, 1.1e5, 9.1e2),
    (OF_A_CERTIFICATE, 10, 6.0e8, 9.3e7, 2.2e7),
    (OF_A_CERTIFICATE, 100, 6.0e10, 5.1e8, 2.9e7),
    (OF_A_CERTIFICATE, 1000, 6.0e12, 4.3e9, 3.7e7),
]


def agrees(k, tabulated):
    """Whether the table's two digits are those of ``k``, which is rounded up, or of a sample less."""
    return tabulated in {float(f"{k:.1e}"), float(f"{k - 1:.1e}")}


@pytest.mark.parametrize(("eps", "S", "printed", "uniform", "one_sided"), TABLE)
def test_the_sample_sizes_are_those_of_the_table(eps, S, printed, uniform, one_sided):
    assert agrees(theorem4_sample_size(S, R_MAX, GAMMA, eps, ALPHA), printed)
    assert agrees(uniform_sample_size(S, N_ACTIONS, R_MAX, GAMMA, eps, ALPHA), uniform)
    assert agrees(one_sided_sample_size(S, N_ACTIONS, R_MAX, GAMMA, eps, ALPHA), one_sided)


@pytest.mark.parametrize(
    ("S", "worst", "usual", "low_variance"),
    [(10, 1.5e5, 1.2e4, 2.9e3), (100, 1.9e5, 1.5e4, 3.7e3), (1000, 2.4e5, 1.9e4, 4.5e3)],
)
def test_the_value_aware_sizes_are_those_of_the_table(S, worst, usual, low_variance):
    # The span of the twin's value: the largest there is; twice Rmax; and samples whose deviation is
    # 15 % of their range.
    def size(span, **more):
        return value_aware_sample_size(S, N_ACTIONS, R_MAX, span, GAMMA, TENTH, ALPHA, **more)

    assert agrees(size(R_MAX / (1 - GAMMA)), worst)
    assert agrees(size(2 * R_MAX), usual)
    assert agrees(size(2 * R_MAX, deviation=0.15 * (R_MAX + GAMMA * 2 * R_MAX)), low_variance)


@pytest.mark.parametrize(("A", "fails"), [(1000, 0.116), (2000, 0.218)])
def test_printed_theorem_4_fails_for_two_states_and_many_actions(A, fails):
    # P = P' = (1/2, 1/2) and R = R': the distance is 0, and the empirical one exceeds eps when some
    # action has |p - q| > eta. K (p - q) + K is binomial with 2 K trials, and actions are independent.
    eta = 0.02
    K = theorem4_sample_size(2, R_MAX, GAMMA, eta * GAMMA * R_MAX / (1 - GAMMA), ALPHA)
    one_action = 2 * binom.sf(K + np.floor(K * eta), 2 * K, 0.5)
    one_state = 1 - (1 - one_action) ** A
    assert one_action == pytest.approx(1.23e-4, rel=0.02)
    assert one_state == pytest.approx(fails, rel=0.02)
    assert one_state > 2 * ALPHA


def test_the_uniform_size_holds_there():
    eta = 0.02
    for A in (1000, 2000):
        K = uniform_sample_size(2, A, R_MAX, GAMMA, eta * GAMMA * R_MAX / (1 - GAMMA), ALPHA)
        one_action = 2 * binom.sf(K + np.floor(K * eta), 2 * K, 0.5)
        assert 1 - (1 - one_action) ** (2 * A) <= ALPHA


@pytest.mark.parametrize(("S", "most_actions"), [(4, 1e3), (5, 1.6e6)])
def test_printed_theorem_4_covers_up_to_so_many_actions(S, most_actions):
    # By Weissman and a union: |S|^2 ln(2 / alpha) / 4 >= |S| ln 2 + ln(2 |S| |A| / alpha).
    def enough(A):
        printed = theorem4_sample_size(S, R_MAX, GAMMA, 0.01, ALPHA)
        return printed >= uniform_sample_size(S, int(A), R_MAX, GAMMA, 0.01, ALPHA)

    edge = ALPHA / (2 * S) * exp(S * S * log(2 / ALPHA) / 4 - S * log(2))
    assert edge == pytest.approx(most_actions, rel=0.05)
    assert enough(0.99 * edge)
    assert not enough(1.01 * edge)


def test_a_known_twin_needs_a_quarter_of_the_accuracy_and_half_of_the_slack():
    # Half of the L1 error of one row instead of two: eta doubles, and |S||A| rows share alpha.
    S, A, eta = 6, 3, 0.1
    eps = eta * GAMMA * R_MAX / (1 - GAMMA)
    log_rows = log(S * A / ALPHA)
    known = {"twin_sampled": False}
    assert uniform_sample_size(S, A, R_MAX, GAMMA, eps, ALPHA, **known) == ceil(
        (S * log(2) + log_rows) / (2 * eta**2)
    )
    assert one_sided_sample_size(S, A, R_MAX, GAMMA, eps, ALPHA, **known) == ceil(
        log_rows / (2 * eta**2)
    )


def test_the_slack_at_the_one_sided_size_is_what_was_asked():
    S, A, eta = 6, 3, 0.1
    eps = eta * GAMMA * R_MAX / (1 - GAMMA)
    for sampled in (True, False):
        K = one_sided_sample_size(S, A, R_MAX, GAMMA, eps, ALPHA, twin_sampled=sampled)
        for n, holds in ((K, True), (K - 1, False)):
            n_visits = np.full((S, A), n)
            slack = total_variation_slack(
                n_visits, ALPHA, n_visits_twin=n_visits if sampled else None
            )
            assert (slack <= eta).all() == holds


def test_a_pair_never_tried_has_the_largest_slack():
    slack = total_variation_slack([[100, 0], [10_000, 1]], ALPHA)
    assert slack[0, 1] == slack[1, 1] == 1
    assert slack[0, 0] == pytest.approx(sqrt(log(4 / ALPHA) / 200))


def test_the_bernstein_size_is_the_least_up_to_one():
    S, A, width, sd, eps = 20, 3, 1.9, 0.2, 0.4
    radius, L = eps * (1 - GAMMA) / 2, log(4 * S * A / ALPHA)

    def margin(K):
        return sqrt(2 * sd**2 * L / K) + 7 * width * L / (3 * (K - 1))

    K = value_aware_sample_size(S, A, 1.0, 1.0, GAMMA, eps, ALPHA, deviation=sd)
    assert margin(K) <= radius < margin(K - 2)


def test_nothing_to_estimate_still_takes_a_sample():
    assert theorem4_sample_size(3, R_MAX, 0.0, 0.1, ALPHA) == 1
    assert uniform_sample_size(3, 2, 0.0, GAMMA, 0.1, ALPHA) == 1
    assert reward_sample_size(3, 2, 0.0, GAMMA, 0.1, ALPHA) == 1


@pytest.mark.parametrize(
    ("name", "wrong", "accepted"),
    [
        ("n_states", 0, "whole number"),
        ("n_states", 2.5, "whole number"),
        ("r_max", -1.0, ">= 0"),
        ("gamma", 1.0, r"\[0, 1\)"),
        ("eps", 0.0, "> 0"),
        ("eps", float("nan"), "> 0"),
        ("eps", 1e-300, "too small"),
        ("alpha", 1.0, r"\(0, 1\)"),
    ],
)
def test_an_argument_out_of_range_is_named(name, wrong, accepted):
    good = {"n_states": 3, "r_max": 1.0, "gamma": 0.9, "eps": 0.1, "alpha": 0.05}
    with pytest.raises(InvalidParameter, match=f"{name}.*{accepted}"):
        theorem4_sample_size(**good | {name: wrong})


def test_counts_of_the_wrong_shape_are_refused():
    with pytest.raises(InvalidParameter, match="one shape"):
        total_variation_slack([[1, 2]], ALPHA, n_visits_twin=[[1], [2]])
    with pytest.raises(InvalidParameter, match="n_visits must be"):
        total_variation_slack([[1, -2]], ALPHA)
