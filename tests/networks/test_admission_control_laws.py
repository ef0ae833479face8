"""Laws of the admission-control network, whatever its parameters."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter, TooLarge
from germane.mdp import regret, solve
from germane.networks import AdmissionControl

law = settings(max_examples=25, deadline=None)

TINY = AdmissionControl.tiny()
SMALL = AdmissionControl.small()


@st.composite
def networks(draw):
    """Three slices and resources; small enough for an exact model."""

    def three(values):
        return tuple(draw(values) for _ in range(3))

    durations = st.floats(1, 200)
    return AdmissionControl(
        demand=(three(st.integers(1, 2)), three(st.integers(0, 2)), three(st.integers(0, 2))),
        capacity=three(st.integers(0, 3)),
        queue_places=three(st.integers(0, 2)),
        arrival_rate_per_s=three(st.floats(0, 0.5)),
        mean_service_s=three(durations),
        timeout_s=three(durations | st.just(math.inf) | st.just(0.01)),
        profit=three(st.floats(-1, 5)),
        priority=tuple(draw(st.permutations(AdmissionControl().slices))),
        step_s=draw(st.floats(1, 20)),
    )


@law
@given(networks())
def test_every_row_sums_to_one_before_the_model_corrects_anything(network):
    # rounding only: a queue row adds a few dozen products, the rest multiplies
    rows = network._post_decision_rows()
    assert np.abs(rows.sum(axis=1) - 1).max() <= 200 * np.finfo(float).eps
    assert rows.data.min() >= 0


@law
@given(networks())
def test_states_and_actions_decode_and_encode_to_themselves(network):
    s, a = np.arange(network.n_states), np.arange(network.n_actions)
    assert (network.encode(*network.decode(s)) == s).all()
    assert (network.action_index(network.action(a)) == a).all()


@law
@given(networks())
def test_the_states_are_all_the_services_that_fit_with_all_the_queues(network):
    _, ongoing = network.decode(np.arange(network.n_states))
    feasible = {
        m
        for m in np.ndindex(*(4,) * 3)  # capacity <= 3 and radio demand >= 1: at most 3 of a kind
        if all(
            sum(d * n for d, n in zip(row, m)) <= c
            for row, c in zip(network.demand, network.capacity)
        )
    }
    assert set(map(tuple, ongoing.tolist())) == feasible
    assert network.n_states == len(feasible) * network.n_actions


@law
@given(networks())
def test_what_is_admitted_was_asked_queued_and_fits_and_leaves_no_room_for_more(network):
    S, A = network.n_states, network.n_actions
    queued, ongoing = network.decode(np.arange(S))
    for a in range(A):
        asked = network.action(a)
        taken = network.admitted(queued, ongoing, asked)
        assert ((taken >= 0) & (taken <= asked) & (taken <= queued)).all()
        network.encode(queued - taken, ongoing + taken)  # refuses what does not fit
        for i in range(3):
            one_more = ongoing + taken + np.eye(3, dtype=int)[i]
            fits = (one_more @ np.array(network.demand).T <= network.capacity).all(axis=1)
            assert not (fits & (taken[:, i] < np.minimum(asked[i], queued[:, i]))).any()


@law
@given(networks())
def test_equal_post_decision_states_have_bit_identical_rows(network):
    mdp = network.mdp()
    queued, ongoing = network.decode(np.arange(network.n_states))
    rows = mdp.transitions
    first = {}
    for s, a in np.ndindex(mdp.n_states, mdp.n_actions):
        taken = network.admitted(queued[s], ongoing[s], network.action(a))
        post = (*(queued[s] - taken), *(ongoing[s] + taken))
        k = s * mdp.n_actions + a
        row = slice(rows.indptr[k], rows.indptr[k + 1])
        bits = rows.indices[row].tobytes(), rows.data[row].tobytes()
        assert first.setdefault(post, bits) == bits


def test_a_urllc_request_refused_once_is_gone_so_its_queue_does_not_double_the_rows():
    rows = np.unique(SMALL.mdp().transitions.toarray(), axis=0)
    assert len(rows) == SMALL.n_states // 2


@law
@given(networks())
def test_a_twin_without_error_is_the_real_network(network):
    twin = network.perturbed(arrival_rate=0, mean_service=[0, 0, 0], timeout=0.0, profit=0)
    assert twin == network
    assert twin.mdp().fingerprint() == network.mdp().fingerprint()


@law
@given(networks(), st.sampled_from(["arrival_rate", "mean_service", "timeout", "profit"]))
def test_a_relative_error_scales_its_parameter_and_nothing_else(network, name):
    twin = network.perturbed(**{name: (0.1, 0.0, -0.2)})
    field = network.perturbable[name]
    assert getattr(twin, field) == pytest.approx(
        [x * f for x, f in zip(getattr(network, field), (1.1, 1, 0.8))]
    )
    assert replace(twin, **{field: getattr(network, field)}) == network


def test_profits_change_only_rewards_and_rates_change_only_transitions():
    real, dearer, busier = (
        network.mdp()
        for network in (TINY, TINY.perturbed(profit=0.2), TINY.perturbed(arrival_rate=0.2))
    )
    assert (dearer.transitions != real.transitions).nnz == 0
    assert (dearer.r != real.r).any()
    assert (busier.r == real.r).all()
    assert (busier.transitions != real.transitions).nnz > 0


@pytest.mark.parametrize("network", [TINY, SMALL])
def test_the_optimal_policy_refuses_requests_that_would_fit(network):
    mdp = network.mdp()
    everything = np.full(mdp.n_states, mdp.n_actions - 1)
    worse = regret(mdp, everything)
    assert (worse > 0.05 * solve(mdp).v).any()


@pytest.mark.parametrize(
    ("network", "errors"),
    [
        (TINY, {"arrival_rate": -0.15}),
        (SMALL, {"arrival_rate": -0.15}),
        (SMALL, {"mean_service": -0.15}),
        (SMALL, {"profit": (0.2, 0, -0.2)}),
    ],
)
def test_believable_twin_errors_cost_a_visible_and_modest_share_of_the_value(network, errors):
    mdp = network.mdp()
    loss = regret(mdp, solve(network.perturbed(**errors).mdp()).policy) / solve(mdp).v
    assert 0.005 < loss.max() < 0.06


@pytest.mark.parametrize("network", [TINY, SMALL])
def test_the_exact_sizes_stay_small_enough_for_the_exact_metric(network):
    mdp = network.mdp()
    assert (mdp.n_states, mdp.n_actions) == (network.n_states, network.n_actions)
    assert np.diff(mdp.transitions.indptr).max() <= 96
    assert mdp.n_states <= 200


def test_a_network_too_large_for_an_exact_model_is_refused_with_its_size():
    paper = AdmissionControl.paper()
    with pytest.raises(TooLarge, match=f"{paper.n_states} states and 216 actions"):
        paper.mdp()


def test_labels_speak_of_queues_and_services():
    s = int(SMALL.encode([1, 0, 1], [2, 0, 1]))
    assert SMALL.label(s) == (
        "eMBB: 1 queued, 2 in service; mMTC: 0 queued, 0 in service; URLLC: 1 queued, 1 in service"
    )
    assert SMALL.action_label(0) == "admit nothing"
    assert SMALL.action_label(int(SMALL.action_index([1, 1, 0]))) == "admit 1 eMBB, 1 mMTC"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demand": ((1, 1, 1),)}, "demand must have 3 rows"),
        ({"demand": ((1, 1), (1, 1, 1), (1, 1, 1))}, r"demand\[0\] must have 3 entries"),
        ({"demand": ((1, 0, 1), (1, 0, 1), (1, 0, 1))}, "mMTC must demand some resource"),
        ({"capacity": (1, 2.5, 1)}, r"capacity\[1\] must be a whole number; got 2.5"),
        ({"capacity": 3}, "capacity must be 3 numbers"),
        ({"queue_places": (-1, 1, 1)}, r"queue_places\[0\] must be finite and at least 0; got -1"),
        ({"arrival_rate_per_s": (1, math.inf, 1)}, r"arrival_rate_per_s\[1\] must be finite"),
        ({"mean_service_s": (1, 1, 0)}, r"mean_service_s\[2\] must be finite and above 0"),
        ({"timeout_s": (0, 1, 1)}, r"timeout_s\[0\] must be above 0"),
        ({"profit": (1, "much", 1)}, r"profit\[1\] must be a finite number; got 'much'"),
        ({"priority": ("URLLC", "eMBB")}, "priority must list every slice"),
        ({"slices": ("a", "a", "b")}, "slices must be distinct"),
        ({"step_s": math.nan}, "step_s must be finite and above 0"),
        ({"gamma": 1.0}, r"gamma must be in \[0, 1\); got 1.0"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused_by_name(change, message):
    change = {"priority": change.get("slices", AdmissionControl.priority)} | change
    with pytest.raises(InvalidParameter, match=message):
        AdmissionControl(**change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SMALL.perturbed(capacity=0.1), "perturbed accepts arrival_rate, mean_service"),
        (
            lambda: SMALL.perturbed(profit=-1),
            r"relative error profit\[0\] must be finite and above",
        ),
        (lambda: SMALL.perturbed(profit=(0, 0)), "relative error profit must have 3 entries"),
        (lambda: SMALL.encode([2, 0, 0], [0, 0, 0]), "queued must lie between 0 and"),
        (lambda: SMALL.encode([0, 0, 0], [3, 4, 0]), "need more than the capacity"),
        (lambda: SMALL.encode([0, 0], [0, 0, 0]), "queued must have one entry per slice"),
        (lambda: SMALL.decode(200), r"state must lie in 0..199; got 200"),
        (lambda: SMALL.action(-1), r"action must lie in 0..7; got -1"),
        (lambda: AdmissionControl.of_size("huge"), "size must be one of tiny, small, paper"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(call, message):
    with pytest.raises(InvalidParameter, match=message):
        call()
