"""Which cousins are chosen: by Bellman error, by search, by distance."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.cousins import _projected_policy as projected
from germane.cousins import (
    bellman_error,
    cousin,
    cousin_optima,
    exhaustive_orders,
    greedy_orders,
    projected_policy,
    rank_by_distance,
    select_orders,
)
from germane.errors import InvalidParameter
from germane.mdp import FiniteMDP, bellman_q, greedy_actions, solve
from germane.metrics import dt_bsm
from strategies import factored_mdps, mdps

RNG = np.random.default_rng(2)
MDP = FiniteMDP(RNG.dirichlet(np.full(8, 0.3), size=(8, 3)), RNG.uniform(size=(8, 3)), 0.9)


@given(mdps(gamma=st.sampled_from([0.5, 0.9])), st.integers(2, 5))
def test_with_all_eigenvectors_projected_policy_iteration_is_policy_iteration(mdp, order):
    policy = projected_policy(mdp, n_features=mdp.n_states, order=order)
    q = bellman_q(mdp, solve(mdp, tol=1e-12).v)
    assert np.take_along_axis(greedy_actions(q), policy[:, None], axis=1).all()


def test_few_eigenvectors_are_enough_where_the_value_varies_along_a_line(monkeypatch):
    # A reflected random walk on 60 points that pays at one end: its value is smooth, and its co-link
    # chain's eigenvectors are waves.
    S = 60
    up, down = np.zeros((2, S, S))
    for s in range(S):
        for P, p in ((up, 0.7), (down, 0.3)):
            P[s, min(s + 1, S - 1)] += p
            P[s, max(s - 1, 0)] += 1 - p
    mdp = FiniteMDP([up, down], np.repeat(np.linspace(0, 1, S)[:, None] ** 2, 2, axis=1), 0.95)
    assert (projected_policy(mdp, n_features=4) == 0).all()
    monkeypatch.setattr(projected, "DENSE_STATES", 10)  # by Lanczos, nothing formed
    assert (projected_policy(mdp, n_features=4) == 0).all()


def test_the_leading_eigenvector_of_a_colink_chain_is_constant():
    P = MDP.transitions[::3]
    features = projected.leading_eigenvectors(P, 4, 3)
    ones = np.ones(8)
    np.testing.assert_allclose(features @ (features.T @ ones), ones, atol=1e-12)
    np.testing.assert_allclose(features.T @ features, np.eye(3), atol=1e-12)


def test_orders_come_by_rising_bellman_error_behind_the_original():
    policy = solve(MDP).policy
    chosen = select_orders(MDP, 7, 7, policy=policy)
    norms = [np.linalg.norm(bellman_error(MDP, n, policy)) for n in chosen]
    assert chosen[0] == 1
    assert sorted(chosen) == [1, 2, 3, 4, 5, 6, 7]
    assert norms == sorted(norms)
    assert select_orders(MDP, 3, 7, policy=policy) == chosen[:3]


@settings(max_examples=10)
@given(factored_mdps())
def test_a_factored_network_has_the_projected_policy_of_its_flat_model(mdp):
    assert (projected_policy(mdp) == projected_policy(mdp.flat())).all()
    assert select_orders(mdp, 1, 3) == (1,)
    assert sorted(select_orders(mdp, 3, 3)) == [1, 2, 3]


def test_the_exhaustive_search_finds_the_least_error_and_the_greedy_one_no_less():
    error = cousin_optima(MDP, range(1, 8)).policy_error
    for n_orders in range(1, 8):
        best = exhaustive_orders(error, n_orders, 7)
        least = min(error((1, *rest)) for rest in combinations(range(2, 8), n_orders - 1))
        assert error(best) == least
        greedy = greedy_orders(error, n_orders, 7)
        assert len(set(greedy)) == n_orders
        assert greedy[0] == 1
        assert error(greedy) >= least


def test_the_greedy_search_adds_what_helps_most():
    gain = {1: 0, 2: 1, 3: 5, 4: 5, 5: 9}
    chosen = greedy_orders(lambda orders: -sum(gain[n] for n in orders), 4, 5)
    assert chosen == (1, 5, 3, 4)


@pytest.mark.parametrize("n_orders", [0, 5])
def test_a_choice_of_more_orders_than_there_are_is_refused(n_orders):
    for choose in (
        lambda: select_orders(MDP, n_orders, 4),
        lambda: greedy_orders(len, n_orders, 4),
        lambda: exhaustive_orders(len, n_orders, 4),
    ):
        with pytest.raises(InvalidParameter, match=r"n_orders must lie in 1\.\.4"):
            choose()


@pytest.mark.parametrize("n_features", [0, 9])
def test_more_eigenvectors_than_states_are_refused(n_features):
    with pytest.raises(InvalidParameter, match=r"n_features must lie in 1\.\.8"):
        projected_policy(MDP, n_features=n_features)


def test_cousins_are_ranked_by_any_distance_the_original_first():
    def distance(real, twin):
        return dt_bsm(real, twin, tol=1e-3).max_diagonal[1]

    ranked = rank_by_distance(MDP, [4, 3, 2, 1], distance)
    assert ranked[0][1] == 1
    assert ranked[0][0] <= 1e-3
    assert [d for d, _ in ranked] == sorted(d for d, _ in ranked)
    for d, n in ranked:
        assert d == distance(MDP, cousin(MDP, n))
