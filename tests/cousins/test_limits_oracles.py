"""Where ensembles end, against policies tried one by one on matrices summed word by word."""

from functools import reduce
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.cousins import (
    CousinOptima,
    bellman_error,
    colink,
    cousin_optima,
    limit_policy_error,
    limit_weights,
    power,
)
from germane.errors import InvalidParameter, InvalidPolicy
from germane.mdp import FiniteMDP
from oracles import dense
from strategies import factored_mdps, mdps

ORDERS = (1, 2, 3, 4, 5)
SMALL = mdps(max_states=4, max_actions=2, gamma=st.sampled_from([0.0, 0.5, 0.9]))


def chain_by_words(P, order):
    """The co-link chain as the sum of its words, one by one."""
    if order == 1:
        return P
    words = (w for w in product((P, P.T), repeat=order) if (w[0] is P) != (w[-1] is P))
    W = sum(reduce(np.matmul, word) for word in words)
    return W / W.sum(axis=1, keepdims=True)


def q_of_policy(P, r, gamma, policy):
    """``(S, A)`` by one linear system; ``P (A, S, S)``."""
    s = np.arange(len(r))
    v = np.linalg.solve(np.eye(len(r)) - gamma * P[policy, s], r[s, policy])
    return r + gamma * np.einsum("ast,t->sa", P, v)


def optimal_q_by_enumeration(P, r, gamma):
    """The action values of the policy that is best from every state: there is one."""
    S, A = r.shape
    policies = (np.array(policy) for policy in product(range(A), repeat=S))
    found = ((q_of_policy(P, r, gamma, policy), policy) for policy in policies)
    return max(found, key=lambda pair: pair[0][np.arange(S), pair[1]].sum())[0]


def optima_by_enumeration(mdp, orders):
    P = dense(mdp).transpose(1, 0, 2)
    cousins = {n: np.array([chain_by_words(P_a, n) for P_a in P]) for n in orders}
    return {n: optimal_q_by_enumeration(W, mdp.r, mdp.gamma) for n, W in cousins.items()}


@settings(max_examples=50)
@given(SMALL)
def test_optima_weights_and_policy_error_are_those_found_by_enumeration(mdp):
    q = optima_by_enumeration(mdp, ORDERS)
    optima = cousin_optima(mdp, ORDERS)
    for n in ORDERS:
        np.testing.assert_allclose(optima.q[n], q[n], rtol=0, atol=1e-10)  # values up to 10
    policies = {n: q[n].round(8).argmax(axis=1) for n in ORDERS}  # the first of tied actions
    eta = np.array([np.mean(policies[n] == policies[1]) for n in ORDERS])
    weights = np.exp(eta) / np.exp(eta).sum()
    np.testing.assert_allclose(limit_weights(mdp, ORDERS), weights, rtol=1e-14)
    fused = sum(w * q[n] for w, n in zip(weights, ORDERS))
    chosen = np.take_along_axis(q[1], fused.round(8).argmax(axis=1)[:, None], axis=1)[:, 0]
    wrong = np.mean(chosen < q[1].max(axis=1) - 1e-8)
    assert limit_policy_error(mdp, ORDERS) == pytest.approx(wrong, abs=1e-12)


@given(mdps())
def test_an_ensemble_of_the_original_alone_is_right_everywhere(mdp):
    assert limit_policy_error(mdp, [1]) == 0
    assert limit_policy_error(mdp, [1], chain=power) == 0
    assert limit_weights(mdp, [1]).tolist() == [1]


@settings(max_examples=30)
@given(factored_mdps(), st.sampled_from([colink, power]))
def test_a_factored_network_ends_where_its_flat_model_does(mdp, chain):
    factored = cousin_optima(mdp, ORDERS, chain=chain)
    flat = cousin_optima(mdp.flat(), ORDERS, chain=chain)
    for n in ORDERS:
        # rewards up to 1 and gamma 0.9: both are asked for within 1e-12 of 10
        np.testing.assert_allclose(factored.q[n], flat.q[n], rtol=0, atol=1e-10)
    assert factored.policy_error(ORDERS) == flat.policy_error(ORDERS)
    np.testing.assert_allclose(factored.weights(ORDERS), flat.weights(ORDERS), rtol=1e-14)


@given(mdps(min_states=2))
def test_the_originals_weight_is_the_largest_and_within_its_range(mdp):
    K = len(ORDERS)
    weights = limit_weights(mdp, ORDERS)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] == weights.max()
    assert 1 / K - 1e-15 <= weights[0] <= np.e / (np.e + K - 1) + 1e-15


@settings(max_examples=40)
@given(mdps())
def test_where_actions_do_not_move_the_network_every_cousin_is_as_good(mdp):
    # transitions of action 0 for all: what is best now is best for ever, in every environment
    P = np.repeat(dense(mdp)[:, :1], mdp.n_actions, axis=1)
    still = FiniteMDP(P, mdp.r, mdp.gamma)
    np.testing.assert_allclose(limit_weights(still, ORDERS), 1 / len(ORDERS), rtol=1e-14)
    assert limit_policy_error(still, ORDERS) == 0


@settings(max_examples=30)
@given(mdps(), st.integers(0, 2**32 - 1))
def test_neither_labels_nor_the_scale_of_rewards_move_the_limit(mdp, seed):
    new = np.random.default_rng(seed).permutation(mdp.n_states)
    other = FiniteMDP(dense(mdp)[np.ix_(new, range(mdp.n_actions), new)], 8 * mdp.r[new], mdp.gamma)
    assert limit_policy_error(other, ORDERS) == limit_policy_error(mdp, ORDERS)
    np.testing.assert_allclose(limit_weights(other, ORDERS), limit_weights(mdp, ORDERS), rtol=1e-14)


@settings(max_examples=20)
@given(mdps())
def test_weights_come_in_the_order_asked_for(mdp):
    forth, back = limit_weights(mdp, [1, 2, 4]), limit_weights(mdp, [4, 2, 1])
    np.testing.assert_allclose(forth, back[::-1], rtol=1e-14)


@pytest.mark.parametrize("ties", ["tolerant", "strict"])
def test_an_example_where_learning_for_ever_stays_wrong_in_half_of_the_states(ties):
    # In state 1 one can stay, and go on earning 3, or leave for good. The cousins' similarities forget which
    # way a link points, so that leaving leads back as easily.
    mdp = FiniteMDP([[[1, 0], [1, 0]], [[0, 1], [1, 0]]], [[1, 0], [3, 3]], 0.9)
    assert limit_policy_error(mdp, [1, 2, 3], ties=ties) == 0.5


@settings(max_examples=40)
@given(SMALL, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_bellman_error_is_the_difference_of_two_linear_systems(mdp, order, seed):
    policy = np.random.default_rng(seed).integers(mdp.n_actions, size=mdp.n_states)
    P = dense(mdp).transpose(1, 0, 2)
    W = np.array([chain_by_words(P_a, order) for P_a in P])
    expected = np.subtract(*(q_of_policy(M, mdp.r, mdp.gamma, policy) for M in (P, W)))
    found = bellman_error(mdp, order, policy)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@settings(max_examples=20)
@given(factored_mdps(), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_a_factored_networks_bellman_error_is_that_of_its_flat_model(mdp, order, seed):
    policy = np.random.default_rng(seed).dirichlet(np.ones(mdp.n_actions), size=mdp.n_states)
    found, expected = (bellman_error(model, order, policy) for model in (mdp, mdp.flat()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_rounding_decides_no_tie_between_actions():
    noise = 1e-14 * np.array([[0, 1], [1, 0]])
    optima = CousinOptima({1: np.ones((2, 2)), 2: np.ones((2, 2)) + noise})
    assert optima.agreement([1, 2]).tolist() == [1, 1]
    assert (optima.policy(2) == 0).all()


@pytest.mark.parametrize("orders", [(), (1, 1), (1, 0), (1, 7)])
def test_orders_that_are_no_ensemble_are_refused(orders):
    mdp = FiniteMDP(np.full((2, 1, 2), 0.5), np.zeros((2, 1)), 0.9)
    with pytest.raises(InvalidParameter, match="orders must be different"):
        cousin_optima(mdp, range(1, 6)).policy_error(orders)


@given(factored_mdps())
def test_what_is_no_policy_is_refused_of_both_kinds_of_network(mdp):
    for model in (mdp, mdp.flat()):
        with pytest.raises(InvalidPolicy, match=r"policy\[0\] must be an action"):
            bellman_error(model, 2, np.full(mdp.n_states, -1))


def test_optima_without_the_original_are_refused():
    with pytest.raises(InvalidParameter, match="order 1, the original"):
        CousinOptima({2: np.zeros((2, 1))})
