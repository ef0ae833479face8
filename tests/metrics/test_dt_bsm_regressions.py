"""Inputs that once crashed, hung, or were believed."""

import time

import numpy as np
import pytest
import scipy.sparse as sp

from germane.certificates import Comparison, certify, theorem1, twin_metric
from germane.errors import IncompatibleModels, InvalidModel, InvalidParameter
from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm


def cycle(r, gamma):
    return FiniteMDP(np.array([[0, 1], [1, 0]])[:, None, :], np.reshape(r, (2, 1)), gamma)


def test_rewards_whose_bounds_would_overflow_are_refused():
    with pytest.raises(InvalidModel, match=r"r\[0, 0\] must be at most 1e\+297.*got 1e\+300"):
        FiniteMDP(np.full((2, 1, 2), 0.5), [[1e300], [-1e299]], 0.9)


def test_the_largest_rewards_allowed_are_measured():
    half = np.full((2, 1, 2), 0.5)
    real = FiniteMDP(half, [[9e296], [-9e296]], 0.9)
    twin = FiniteMDP(half, [[-9e296], [4e296]], 0.9)
    metric = dt_bsm(real, twin)
    assert np.isfinite(metric.upper).all()
    assert metric.error_bound <= 1e-5 * metric.upper.max()
    assert np.isfinite([bound.value for bound in certify(real, twin).rungs.values()]).all()


@pytest.mark.parametrize("gamma", [0.99, 0.995, 0.999])
def test_a_model_that_alternates_ends_by_rounding(gamma):
    metric = dt_bsm(cycle([2.0, -1.0], gamma), cycle([0.3, 0.1], gamma), tol=0.0)
    assert metric.stop == "rounding"
    assert metric.error_bound <= 1e-12 / (1 - gamma) ** 2


def test_a_model_that_alternates_is_measured_near_a_discount_of_one():
    metric = dt_bsm(cycle([2.0, -1.0], 0.99999), cycle([0.3, 0.1], 0.99999))
    assert metric.stop == "tolerance"


def test_the_time_limit_covers_the_planning_too():
    n = 1600  # a random walk: too large for dense elimination
    near = np.minimum(np.arange(n) + 1, n - 1), np.maximum(np.arange(n) - 1, 0)
    P = sum(sp.csr_array((np.full(n, 0.5), (np.arange(n), there)), shape=(n, n)) for there in near)
    rng = np.random.default_rng(0)
    models = [FiniteMDP([P], rng.random((n, 1)), 0.99999) for _ in range(2)]
    started = time.monotonic()
    metric = dt_bsm(*models, max_seconds=0.5)
    assert time.monotonic() - started < 30
    assert (metric.lower <= metric.upper).all()


def test_a_metric_between_other_models_is_refused():
    real, twin = cycle([2.0, -1.0], 0.9), cycle([0.3, 0.1], 0.9)
    other = dt_bsm(real, real)
    with pytest.raises(IncompatibleModels, match="not the one between these two models"):
        certify(real, twin, metric=other)
    c = Comparison(real=real, twin=twin)
    with pytest.raises(IncompatibleModels):
        theorem1(c, other)
    with pytest.raises(IncompatibleModels, match="twin's own"):
        twin_metric(c, other)


@pytest.mark.parametrize("n_threads", [0, -1])
def test_a_number_of_threads_below_one_is_refused(n_threads):
    real = cycle([2.0, -1.0], 0.9)
    with pytest.raises(InvalidParameter, match=rf"n_threads must be at least 1; got {n_threads}"):
        dt_bsm(real, real, n_threads=n_threads)
