"""Calibration: it recovers what can be recovered, and never makes a twin worse."""

import math

import numpy as np
import pytest

from germane.certificates import Comparison, bellman_residual, calibrate
from germane.errors import IncompatibleModels, InvalidParameter
from germane.mdp import FiniteMDP
from germane.networks import AdmissionControl
from strategies import transition_rows

TINY = AdmissionControl.tiny()
WRONG = {"arrival_rate": -0.15, "mean_service": -0.15, "profit": (0.2, 0.2, -0.2)}


def bound(network, real):
    return bellman_residual(Comparison(real=real, twin=network.mdp())).value


def an_unlike_model(seed):
    """A real model that no parameters of the network can give."""
    rng = np.random.default_rng(seed)
    mdp = TINY.mdp()
    noise = transition_rows(rng, "sparse", mdp.transitions.shape[0], mdp.n_states)
    return FiniteMDP(
        0.9 * mdp.transitions + 0.1 * noise, mdp.r * rng.uniform(0.8, 1.2, mdp.r.shape), mdp.gamma
    )


def test_a_twin_with_the_form_of_the_real_network_is_repaired_completely():
    real = TINY.mdp()
    found = calibrate(TINY.perturbed(**WRONG), real, parameters=list(WRONG))
    assert found.before.value > 10
    assert found.after.value < 1e-6
    assert found.network.mean_service_s == pytest.approx(TINY.mean_service_s, rel=1e-6)
    assert found.network.profit == pytest.approx(TINY.profit, rel=1e-6)
    # The queue of sensors is worth the same full or empty: its arrivals cannot be told.
    assert found.network.arrival_rate_per_s[::2] == pytest.approx(
        TINY.arrival_rate_per_s[::2], rel=1e-6
    )


@pytest.mark.parametrize("max_evaluations", [1, 6, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_twin_gets_worse_and_the_bounds_are_those_of_the_twins(seed, max_evaluations):
    real, twin = an_unlike_model(seed), TINY.perturbed(profit=0.1)
    found = calibrate(twin, real, parameters=["profit"], max_evaluations=max_evaluations)
    assert found.after.value <= found.before.value == bound(twin, real)
    assert found.after.value == bound(found.network, real)
    assert found.network == twin.perturbed(**found.relative_errors)
    assert found.n_evaluations <= max_evaluations + 4  # a difference a parameter is not cut short


def test_where_no_parameters_fit_it_still_improves_on_least_squares():
    real, twin = an_unlike_model(3), TINY.perturbed(profit=0.3)
    found = calibrate(twin, real, parameters=["profit"], max_evaluations=150)
    assert found.after.value < 0.8 * found.before.value


def test_only_the_parameters_named_change_and_the_rest_stays_bit_for_bit():
    twin = TINY.perturbed(**WRONG)
    found = calibrate(twin, TINY.mdp(), parameters=["profit"], max_evaluations=20)
    assert set(found.relative_errors) == {"profit"}
    assert found.parameters == ("profit",)
    assert found.network.mean_service_s == twin.mean_service_s


def test_a_parameter_without_end_stays_so_and_is_not_searched():
    found = calibrate(
        TINY.perturbed(timeout=0.1), TINY.mdp(), parameters=["timeout"], max_evaluations=30
    )
    assert found.network.timeout_s[1] == math.inf
    assert found.relative_errors["timeout"][1] == 0
    assert found.after.value < 1e-6


def test_nothing_to_fit_gives_the_twin_back():
    twin = TINY.perturbed(profit=0.1)
    found = calibrate(twin, TINY.mdp(), parameters=[])
    assert (found.network, found.n_evaluations) == (twin, 1)
    assert found.after is found.before


def test_the_factor_limits_the_search():
    found = calibrate(
        TINY.perturbed(profit=1.0), TINY.mdp(), parameters=["profit"], largest_factor=1.25
    )
    assert max(abs(math.log1p(e)) for e in found.relative_errors["profit"]) <= math.log(1.25) + 1e-9
    assert found.after.value < found.before.value


def test_the_same_question_has_the_same_answer_bit_for_bit():
    twins = [
        calibrate(TINY.perturbed(**WRONG), TINY.mdp(), max_evaluations=40).network for _ in range(2)
    ]
    assert twins[0] == twins[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": ["capacity"]}, "the parameters are arrival_rate.*got 'capacity'"),
        ({"largest_factor": 1.0}, "largest_factor must be finite and above 1; got 1.0"),
        ({"max_evaluations": 0}, "max_evaluations must be at least 1; got 0"),
    ],
)
def test_a_wrong_option_is_refused_by_name(options, message):
    with pytest.raises(InvalidParameter, match=message):
        calibrate(TINY, TINY.mdp(), **options)


def test_a_real_model_with_other_states_is_refused():
    with pytest.raises(IncompatibleModels):
        calibrate(TINY, AdmissionControl.small().mdp())
