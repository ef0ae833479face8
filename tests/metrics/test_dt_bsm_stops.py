"""Whenever and however the solver stops, what it returns holds."""

import os
import signal
import threading

import numpy as np
import pytest

from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm
from strategies import transition_rows


def pair(n_states=30, gamma=0.95, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    models = [
        FiniteMDP(
            transition_rows(rng, "sparse", 2 * n_states, n_states),
            scale * rng.random((n_states, 2)),
            gamma,
        )
        for _ in range(2)
    ]
    return models, dt_bsm(*models, tol=1e-10 * scale / (1 - gamma))


def test_every_interval_on_the_way_holds_the_final_one():
    (real, twin), final = pair()
    seen = []
    dt_bsm(real, twin, tol=1e-9, progress=seen.append)
    assert len(seen) >= 3
    for metric in seen:
        assert (metric.lower <= final.upper).all()
        assert (final.lower <= metric.upper).all()
    widths = [metric.error_bound for metric in seen]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("max_seconds", [1e-9, 1e-3, 0.02])
def test_out_of_time_the_interval_still_holds(max_seconds):
    (real, twin), final = pair()
    metric = dt_bsm(real, twin, tol=1e-300, max_seconds=max_seconds)
    assert metric.stop in ("time", "rounding")
    assert (metric.lower <= final.upper).all()
    assert (final.lower <= metric.upper).all()


def test_a_time_limit_is_kept_within_a_sweep():
    rng = np.random.default_rng(0)
    S = 60
    real, twin = (
        FiniteMDP(transition_rows(rng, "dense", 2 * S, S), rng.random((S, 2)), 0.99)
        for _ in range(2)
    )
    dt_bsm(*pair()[0])  # compiled
    metric = dt_bsm(real, twin, tol=1e-12, max_seconds=0.3)
    assert metric.stop == "time"
    assert metric.seconds < 10  # a busy machine takes a while to notice


def test_an_interrupt_hands_over_what_is_certain():
    (real, twin), final = pair()

    def press_ctrl_c(metric):
        if metric.n_sweeps == 2:
            raise KeyboardInterrupt

    metric = dt_bsm(real, twin, tol=1e-12, progress=press_ctrl_c)
    assert metric.stop == "interrupt"
    assert metric.n_sweeps == 2
    assert (metric.lower <= final.upper).all()
    assert (final.lower <= metric.upper).all()


@pytest.fixture
def ctrl_c_counts():
    """A shell that runs the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_counts")
def test_ctrl_c_in_the_middle_of_a_sweep_stops_it_soon():
    rng = np.random.default_rng(0)
    S = 60
    real, twin = (
        FiniteMDP(transition_rows(rng, "dense", 2 * S, S), rng.random((S, 2)), 0.99)
        for _ in range(2)
    )
    dt_bsm(*pair()[0])  # compiled
    key = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    key.start()
    metric = dt_bsm(real, twin, tol=0.0)
    key.join()
    assert metric.stop == "interrupt"
    assert metric.seconds < 10  # a busy machine takes a while to notice
    assert (metric.lower <= metric.upper).all()


def test_an_error_in_the_callers_progress_is_the_callers():
    (real, twin), _ = pair()

    def broken(metric):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dt_bsm(real, twin, progress=broken)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.9999])
def test_asked_for_more_than_doubles_hold_it_says_so(scale, gamma):
    (real, twin), _ = pair(8, gamma, scale)
    metric = dt_bsm(real, twin, tol=1e-18 * scale)
    assert metric.stop == "rounding"
    assert metric.error_bound <= 1e-9 * scale / (1 - gamma)


def test_a_result_cannot_be_written_to():
    _, metric = pair(4)
    with pytest.raises(ValueError, match="read-only"):
        metric.lower[0, 0] = 1.0
