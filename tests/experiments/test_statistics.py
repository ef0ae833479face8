"""Interquartile means, bootstrap intervals, straight lines: closed forms, oracles, coverage."""

import numpy as np
import pytest
from scipy import stats

from germane.errors import InvalidParameter
from germane.experiments import LinearFit, bootstrap_estimate, interquartile_mean

X = np.linspace(0.0, 1.0, 10)


def rng(seed=0):
    return np.random.default_rng(seed)


def noisy(y, seed, deviation=0.1):
    return y + deviation * rng(seed).standard_normal(len(y))


# Interquartile means and their intervals ------------------------------------------------------------


def test_an_interquartile_mean_ignores_a_quarter_at_each_end():
    assert interquartile_mean([-1e9, 1, 2, 3, 4, 5, 6, 1e9]) == 3.5
    assert interquartile_mean([[4, 2, 2, 0], [8, 1, 3, 1]]).tolist() == [2.0, 2.0]


def test_the_same_generator_gives_the_same_interval():
    strata = [rng(1).normal(size=6), rng(2).normal(size=4)]
    assert bootstrap_estimate(strata, rng()) == bootstrap_estimate(strata, rng())
    assert bootstrap_estimate(strata, rng()) != bootstrap_estimate(strata, rng(1))


def test_differences_between_strata_do_not_widen_the_interval():
    found = bootstrap_estimate([[0.0] * 5, [100.0] * 5], rng(), statistic=lambda x: x.mean(-1))
    assert (found.low, found.value, found.high) == (50.0, 50.0, 50.0)


@pytest.mark.parametrize("statistic", [interquartile_mean, lambda x: x.mean(axis=-1)])
def test_an_interval_holds_the_truth_about_as_often_as_it_promises(statistic):
    n_trials, hits = 300, 0
    for trial in range(n_trials):
        draws = rng((7, trial)).normal(size=(5, 20))
        found = bootstrap_estimate(
            list(draws), rng((8, trial)), statistic=statistic, n_resamples=400
        )
        hits += found.low <= 0 <= found.high
    # 95 % aimed at, a little less with 20 a stratum; three standard deviations of 300 trials are 4 %
    assert 0.89 <= hits / n_trials <= 0.985


@pytest.mark.parametrize("strata", [[], [[1.0], []]])
def test_a_stratum_without_values_is_refused(strata):
    with pytest.raises(InvalidParameter, match="every stratum needs a value"):
        bootstrap_estimate(strata, rng())


def test_a_confidence_out_of_range_is_refused():
    with pytest.raises(InvalidParameter, match=r"\(0, 1\); got 95"):
        bootstrap_estimate([[1.0]], rng(), confidence=95)


# Lines ------------------------------------------------------------------------------------------------


def test_a_line_is_that_of_scipy():
    y = noisy(2 * X + 1, 0)
    fit, oracle = LinearFit(X, y), stats.linregress(X, y)
    assert fit.slope == pytest.approx(oracle.slope, rel=1e-12)
    assert fit.intercept == pytest.approx(oracle.intercept, rel=1e-12)
    assert fit.r_squared == pytest.approx(oracle.rvalue**2, rel=1e-12)
    half = stats.t.ppf(0.975, len(X) - 2) * oracle.stderr
    assert fit.slope_interval() == pytest.approx(
        (oracle.slope - half, oracle.slope + half), rel=1e-12
    )
    at_zero = stats.t.ppf(0.975, len(X) - 2) * oracle.intercept_stderr
    assert fit.half_width(0.0) == pytest.approx(at_zero, rel=1e-12)


def test_a_straight_line_is_taken_for_one_as_often_as_the_level_says():
    n, level = 400, 0.05
    fits = [LinearFit(X, noisy(X, seed)) for seed in range(n)]
    rejected = sum(fit.against_quadratic()[1] < level for fit in fits)
    assert rejected == pytest.approx(n * level, abs=3 * np.sqrt(n * level * (1 - level)))
    few = fits[:60]
    rejected = sum(fit.against_monotone(rng(1), 100) < level for fit in few)
    assert rejected <= 60 * level + 3 * np.sqrt(60 * level * (1 - level))


def test_a_parabola_and_a_step_are_told_from_a_line():
    parabola, step = (
        LinearFit(X, noisy(X**2, 0, 0.02)),
        LinearFit(X, noisy(1.0 * (X > 0.5), 0, 0.02)),
    )
    assert parabola.against_quadratic()[1] < 0.001
    assert step.against_quadratic()[1] > 0.05  # a step looks odd about its middle, not curved
    assert step.against_monotone(rng()) < 0.01


def test_the_f_statistic_is_the_square_of_the_t_of_the_squared_term():
    y = noisy(X + 0.2 * X**2, 0)
    design = np.vander(X, 3)
    coefficients, (left,), *_ = np.linalg.lstsq(design, y, rcond=None)
    error = np.sqrt(left / 7 * np.linalg.inv(design.T @ design)[0, 0])
    t = coefficients[0] / error
    expected = t**2, 2 * stats.t.sf(abs(t), 7)
    assert LinearFit(X, y).against_quadratic() == pytest.approx(expected, rel=1e-9)


def test_points_on_a_line_leave_nothing_to_a_curve():
    fit = LinearFit(X, 3 * X)
    assert fit.against_quadratic()[1] > 0.05
    assert fit.r_squared == pytest.approx(1)
    assert LinearFit(X, 0 * X).against_quadratic() == (0.0, 1.0)
    assert LinearFit(X, 0 * X).r_squared == 0


def test_the_order_of_the_points_does_not_matter():
    y = noisy(X, 3)
    back = LinearFit(X[::-1], y[::-1])
    assert back.slope == pytest.approx(LinearFit(X, y).slope, rel=1e-12)
    step = noisy(1.0 * (X > 0.5), 0, 0.02)
    assert LinearFit(X[::-1], step[::-1]).against_monotone(rng()) < 0.01
    assert back.against_quadratic() == pytest.approx(LinearFit(X, y).against_quadratic(), rel=1e-9)


@pytest.mark.parametrize("x", [[0, 1, 2], [0, 0, 1, 1]])
def test_too_few_points_are_refused(x):
    with pytest.raises(InvalidParameter, match="four points of three different x"):
        LinearFit(np.array(x), np.array(x))
