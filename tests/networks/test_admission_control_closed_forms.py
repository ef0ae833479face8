"""Rows and rewards of admission control against numbers derived by hand."""

import math
from itertools import product

import numpy as np
import pytest

from germane.networks import AdmissionControl


def one_slice(**changes):
    """One slice, one resource, two places in the queue, room for two services."""
    parameters = {
        "slices": ("only",),
        "priority": ("only",),
        "resources": ("radio",),
        "demand": ((1,),),
        "capacity": (2,),
        "queue_places": (2,),
        "arrival_rate_per_s": (0.07,),
        "mean_service_s": (12.0,),
        "timeout_s": (25.0,),
        "profit": (3.0,),
        "step_s": 5.0,
    }
    return AdmissionControl(**(parameters | changes))


def row(network, queued, ongoing, admit):
    """``{(x', m'): probability}`` of one slice."""
    mdp = network.mdp()
    k = int(network.encode([queued], [ongoing]) * mdp.n_actions + admit)
    p = mdp.transitions[[k]].toarray().ravel()
    x, m = network.decode(np.arange(mdp.n_states))
    return {(int(x[s, 0]), int(m[s, 0])): p[s] for s in np.flatnonzero(p)}


def test_one_refused_request_and_one_service_give_the_row_derived_by_hand():
    # L = 0.07 * 5 arrivals per step; a service ends with e, a refused request leaves with g.
    # Queue from y = 1: it stays (1 - g) and the one free place is filled unless nobody arrives;
    # or it leaves (g) and two places are free, the last of them filled by the whole Poisson tail.
    L, e, g = 0.35, 1 - math.exp(-5 / 12), 1 - math.exp(-5 / 25)
    none, one = math.exp(-L), L * math.exp(-L)
    queue = {0: g * none, 1: g * one + (1 - g) * none}
    queue[2] = g * (1 - none - one) + (1 - g) * (1 - none)
    service = {0: e, 1: 1 - e}
    expected = {(x, m): queue[x] * service[m] for x, m in product(queue, service)}
    found = row(one_slice(), queued=1, ongoing=1, admit=0)
    assert found == pytest.approx(expected, rel=1e-14)


def test_a_request_admitted_now_can_end_within_the_step_and_does_not_time_out():
    # x = 1, m = 1, admit 1: y = 0, n = 2. Two services: both end e^2, one ends 2 e (1 - e).
    L, e = 0.35, 1 - math.exp(-5 / 12)
    none, one = math.exp(-L), L * math.exp(-L)
    queue = {0: none, 1: one, 2: 1 - none - one}
    service = {0: e * e, 1: 2 * e * (1 - e), 2: (1 - e) ** 2}
    expected = {(x, m): queue[x] * service[m] for x, m in product(queue, service)}
    assert row(one_slice(), queued=1, ongoing=1, admit=1) == pytest.approx(expected, rel=1e-14)


def test_a_flood_of_arrivals_fills_the_queue_with_the_whole_poisson_tail():
    # mean 500 per step: P(fewer than 2 arrivals) = 501 exp(-500), and no mass is missing
    found = row(one_slice(arrival_rate_per_s=(100.0,)), queued=0, ongoing=0, admit=0)
    assert found[2, 0] == 1.0
    assert found[0, 0] == pytest.approx(math.exp(-500))
    assert found[1, 0] == pytest.approx(500 * math.exp(-500))


def test_without_arrivals_and_with_endless_patience_the_queue_stands_still():
    still = one_slice(arrival_rate_per_s=(0.0,), timeout_s=(math.inf,))
    assert row(still, queued=2, ongoing=0, admit=0) == {(2, 0): 1.0}


def test_places_freed_by_a_timeout_are_open_to_the_arrivals_of_the_same_step():
    # y = 2, both leave for certain (patience 10 ms), and surely more than two arrive
    hurried = one_slice(timeout_s=(0.01,), arrival_rate_per_s=(100.0,))
    assert row(hurried, queued=2, ongoing=0, admit=0)[2, 0] == 1.0


def test_slices_are_independent_given_the_post_decision_state():
    # the marginal of each slice in the three-slice row is the row of that slice alone
    network = AdmissionControl.small().perturbed(timeout=(0.1, 0, 0))
    mdp = network.mdp()
    s = int(network.encode([1, 1, 1], [1, 0, 1]))
    p = mdp.transitions[[s * mdp.n_actions]].toarray().ravel()  # action 0 admits nothing
    x, m = network.decode(np.arange(mdp.n_states))
    for i, ongoing in enumerate((1, 0, 1)):
        alone = one_slice(
            queue_places=(1,),
            step_s=network.step_s,
            **{
                name: (getattr(network, name)[i],)
                for name in ("arrival_rate_per_s", "mean_service_s", "timeout_s")
            },
        )
        for (queued, served), chance in row(alone, 1, ongoing, admit=0).items():
            found = p[(x[:, i] == queued) & (m[:, i] == served)].sum()
            assert found == pytest.approx(chance, rel=1e-12)


def test_the_reward_is_the_profit_of_what_is_admitted():
    # eMBB takes (2, 1, 1), mMTC (1, 1, 2), URLLC (1, 2, 0) of (6, 5, 8); profits 3, 1, 5
    network = AdmissionControl.small()
    r = network.mdp().r

    def earned(queued, ongoing, admit):
        return r[network.encode(queued, ongoing), network.action_index(admit)]

    assert earned([1, 1, 1], [0, 0, 0], [1, 1, 1]) == 9  # all three fit
    assert earned([1, 0, 1], [0, 0, 0], [1, 1, 0]) == 3  # nobody of mMTC is queued
    assert earned([1, 1, 1], [3, 0, 0], [1, 1, 1]) == 0  # no radio left
    assert earned([1, 1, 1], [1, 0, 1], [1, 1, 1]) == 5  # two vCPU left: URLLC first, then none
    assert earned([1, 1, 1], [1, 0, 1], [1, 1, 0]) == 4  # asked for the other two instead


def test_what_does_not_fit_is_decided_by_the_stated_priority():
    network = AdmissionControl.small()
    reverse = AdmissionControl(priority=("mMTC", "eMBB", "URLLC"))
    state = [1, 1, 1], [1, 0, 1], [1, 1, 1]  # two vCPU and three radio blocks left
    assert network.admitted(*state).tolist() == [0, 0, 1]
    assert reverse.admitted(*state).tolist() == [1, 1, 0]


def test_a_slice_that_does_not_fit_leaves_its_share_to_the_next():
    # (1, 2, 4) units are free: eMBB, asked first, wants two blocks of radio; mMTC fits
    network = AdmissionControl.small()
    assert network.admitted([1, 1, 0], [2, 1, 0], [1, 1, 1]).tolist() == [0, 1, 0]


def test_several_requests_of_one_slice_are_admitted_as_far_as_they_fit():
    assert one_slice().admitted([2], [1], [2]).tolist() == [1]
