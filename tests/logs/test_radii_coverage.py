"""Radii of means and balls of laws fail no more often than they say: exactly, for coins.

At all times at once: whoever watches every toss and stops at the worst moment.
"""

import numpy as np
import pytest
import scipy.sparse as sp

from crossing import ever_outside, grid, kl, outside_at
from germane.logs import (
    bernstein_radius,
    hoeffding_radius,
    kl_radius,
    kl_radius_any_time,
    l1_radius,
    mean_radius,
)

N_TOSSES = 400
N, X = grid(N_TOSSES)
MEAN = X / np.maximum(N, 1)
VARIANCE = N / np.maximum(N - 1, 1) * MEAN * (1 - MEAN)
TOSSES = np.arange(N_TOSSES + 1)
AT = (2, 3, 10, 30, 100, 400)

MEANS = {
    "hoeffding": lambda delta, fixed: hoeffding_radius(N, 1.0, delta, fixed=fixed),
    "bernstein": lambda delta, fixed: bernstein_radius(N, VARIANCE, 1.0, delta, fixed=fixed),
    "mean": lambda delta, fixed: mean_radius(N, VARIANCE, 1.0, delta, fixed=fixed),
}
coins = pytest.mark.parametrize("p", [0.5, 0.9, 0.05])
deltas = pytest.mark.parametrize("delta", [0.5, 0.05])


def kl_all_times(delta, law, reachable=None):
    """The radius at every ``(n, x)`` of :func:`grid`; infinite where there are no tosses."""
    n, x = np.nonzero(np.tri(N_TOSSES + 1, dtype=bool))
    n, x = n[1:], x[1:]
    S = len(law)
    counts = np.zeros((len(n), S), dtype=np.int64)
    counts[:, 0], counts[:, 1] = x, n - x
    pattern = None if reachable is None else sp.csr_array(np.tile(reachable, (len(n), 1)))
    twin = sp.csr_array(np.tile(law, (len(n), 1)))
    radius = np.full(N.shape, np.inf)
    radius[n, x] = kl_radius_any_time(sp.csr_array(counts), pattern, twin, delta)
    return radius


@coins
@deltas
@pytest.mark.parametrize("radius", MEANS)
def test_a_radius_for_all_times_holds_for_whoever_stops_at_the_worst_one(radius, delta, p):
    assert ever_outside(p, np.abs(MEAN - p) > MEANS[radius](delta, False)) <= delta


@coins
@deltas
@pytest.mark.parametrize("radius", MEANS)
def test_a_radius_for_fixed_counts_holds_at_a_count_fixed_beforehand(radius, delta, p):
    outside = np.abs(MEAN - p) > MEANS[radius](delta, True)
    assert max(outside_at(n, p, outside) for n in AT) <= delta


def test_a_radius_for_fixed_counts_does_not_survive_a_look_at_the_tosses():
    # The reason for the other kind: a log is cut when somebody looked at it.
    outside = np.abs(MEAN - 0.5) > hoeffding_radius(N, 1.0, 0.05, fixed=True)
    assert ever_outside(0.5, outside) > 1.5 * 0.05


@coins
@deltas
@pytest.mark.parametrize("law", ["true", "wrong", "impossible", "elsewhere"])
def test_the_kl_ball_holds_at_all_times_wherever_the_twin_puts_its_mass(law, delta, p):
    laws = {
        "true": [p, 1 - p],
        "wrong": [1 - p, p],
        "impossible": [0.0, 1.0],
        "elsewhere": [0.0, 0.0, 1.0],
    }
    assert ever_outside(p, kl(X, N, p) > kl_all_times(delta, laws[law])) <= delta


def test_the_kl_ball_comes_within_a_factor_of_what_it_spends():
    # Not idle: a coin leaves it with no less than a third of the probability it is granted.
    assert ever_outside(0.5, kl(X, N, 0.5) > kl_all_times(0.05, [0.5, 0.5])) > 0.05 / 3


@coins
def test_a_known_support_is_used_and_holds(p):
    known = kl_all_times(0.05, [0.5, 0.5, 0.0, 0.0], [1, 1, 0, 0])
    assert (known[1:] <= kl_all_times(0.05, [0.5, 0.5, 0.0, 0.0])[1:]).all()
    assert ever_outside(p, kl(X, N, p) > known) <= 0.05


@coins
@deltas
def test_the_balls_for_fixed_counts_hold_at_a_count_fixed_beforehand(delta, p):
    by_kl = kl(X, N, p) > kl_radius(TOSSES, 2, delta)[:, None]
    by_l1 = 2 * np.abs(MEAN - p) > l1_radius(TOSSES, 2, delta, fixed=True)[:, None]
    assert max(outside_at(n, p, by_kl) for n in AT) <= delta
    assert max(outside_at(n, p, by_l1) for n in AT) <= delta


@coins
@deltas
def test_the_l1_ball_for_all_times_holds_for_whoever_stops_at_the_worst_one(delta, p):
    outside = 2 * np.abs(MEAN - p) > l1_radius(TOSSES, 2, delta, fixed=False)[:, None]
    assert ever_outside(p, outside) <= delta


@pytest.mark.parametrize("support", ["unknown", "known"])
def test_the_kl_ball_of_a_die_holds_for_whoever_stops_at_the_worst_throw(support):
    # Four faces that turn up out of six; 2,000 dice, each stopped at its worst of 300 throws.
    rng, law, delta = np.random.default_rng(1), np.array([0.5, 0.3, 0.15, 0.05]), 0.2
    worst = np.zeros(2000, dtype=bool)
    seen = np.eye(6, dtype=np.int64)[rng.choice(4, p=law, size=(300, 2000))].cumsum(axis=0)
    twin = sp.csr_array(np.tile([0.4, 0.4, 0.1, 0.1, 0.0, 0.0], (2000, 1)))
    pattern = sp.csr_array(np.tile([1, 1, 1, 1, 0, 0], (2000, 1))) if support == "known" else None
    for n in range(1, 301, 3):
        counts = seen[n - 1]
        q = counts[:, :4] / n
        off = (q * np.log(np.where(q > 0, q, 1) / law)).sum(axis=1)
        worst |= off > kl_radius_any_time(sp.csr_array(counts), pattern, twin, delta)
    assert 0 < worst.mean() <= delta
