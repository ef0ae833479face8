"""Laws of the Bellman operators and of the planners built on them."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter, NotConverged
from germane.mdp import (
    FiniteMDP,
    bellman_operator,
    bellman_q,
    evaluate,
    greedy_policy,
    policy_iteration,
    regret,
    solve,
    value_iteration,
)
from oracles import optimal_value_by_lp, policy_value_by_solving
from strategies import mdps

law = settings(max_examples=60, deadline=None)
PLANNERS = [solve, value_iteration, policy_iteration]


def values(mdp, seed):
    return np.random.default_rng(seed).normal(size=(2, mdp.n_states))


@law
@given(mdps(), st.integers(0, 99))
def test_the_bellman_operator_is_monotone(mdp, seed):
    v, w = values(mdp, seed)
    assert (bellman_operator(mdp, np.minimum(v, w)) <= bellman_operator(mdp, v) + 1e-14).all()


@law
@given(mdps(), st.integers(0, 99))
def test_the_bellman_operator_contracts_by_gamma(mdp, seed):
    v, w = values(mdp, seed)
    apart = np.abs(bellman_operator(mdp, v) - bellman_operator(mdp, w)).max()
    assert apart <= mdp.gamma * np.abs(v - w).max() + 1e-14


@law
@given(mdps(), st.integers(0, 99), st.floats(-9, 9))
def test_the_bellman_operator_shifts_a_constant_to_gamma_times_it(mdp, seed, c):
    v, _ = values(mdp, seed)
    expected = bellman_operator(mdp, v) + mdp.gamma * c
    assert bellman_operator(mdp, v + c) == pytest.approx(expected, abs=1e-13)


@law
@given(mdps())
def test_all_planners_agree_within_their_bounds(mdp):
    one, *others = [plan(mdp, tol=1e-8) for plan in PLANNERS]
    for other in others:
        assert np.abs(one.v - other.v).max() <= one.error_bound + other.error_bound


@law
@given(mdps(gamma=st.sampled_from([0.0, 0.5, 0.9])))
def test_planning_agrees_with_the_linear_program(mdp):
    assert solve(mdp).v == pytest.approx(optimal_value_by_lp(mdp), abs=1e-7)


@law
@given(mdps(), st.integers(0, 99))
def test_an_evaluation_is_the_solution_of_its_linear_system(mdp, seed):
    pi = np.random.default_rng(seed).dirichlet(np.ones(mdp.n_actions), mdp.n_states)
    found = evaluate(mdp, pi, tol=1e-12)
    rounding = 1e-14 / (1 - mdp.gamma) ** 2
    assert np.abs(found.v - policy_value_by_solving(mdp, pi)).max() <= found.error_bound + rounding


@law
@given(mdps())
def test_an_optimal_policy_is_worth_the_optimal_value(mdp):
    best = solve(mdp)
    achieved = evaluate(mdp, best.policy)
    # Greedy for v within error_bound: loses at most 2 gamma error_bound / (1 - gamma).
    slack = (2 * mdp.gamma / (1 - mdp.gamma) + 1) * best.error_bound + achieved.error_bound
    assert (achieved.v >= best.v - slack).all()
    assert (regret(mdp, best.policy) <= slack).all()


@law
@given(mdps(min_actions=2))
def test_no_policy_beats_the_optimum_and_regret_is_the_difference(mdp):
    best = solve(mdp)
    for choice in np.ndindex(*[mdp.n_actions] * min(mdp.n_states, 3)):
        policy = np.zeros(mdp.n_states, int)
        policy[: len(choice)] = choice
        achieved = evaluate(mdp, policy)
        slack = best.error_bound + achieved.error_bound
        assert (achieved.v <= best.v + slack).all()
        assert regret(mdp, policy) == pytest.approx(
            np.maximum(best.v - achieved.v, 0), abs=2 * slack
        )


@law
@given(mdps(), st.floats(0.01, 100), st.floats(-5, 5))
def test_scaling_and_shifting_rewards_scales_and_shifts_values(mdp, factor, c):
    other = FiniteMDP(mdp.transitions, factor * mdp.r + c, mdp.gamma)
    a, b = solve(mdp), solve(other)
    slack = (
        factor * a.error_bound + b.error_bound + 1e-13 * (factor + abs(c)) / (1 - mdp.gamma) ** 2
    )
    assert np.abs(factor * a.v + c / (1 - mdp.gamma) - b.v).max() <= slack


@law
@given(mdps(), st.randoms(use_true_random=False))
def test_permuting_states_permutes_the_value(mdp, random):
    order = list(range(mdp.n_states))
    random.shuffle(order)
    P = mdp.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    other = FiniteMDP(P[order][:, :, order], mdp.r[order], mdp.gamma)
    a, b = solve(mdp), solve(other)
    assert np.abs(a.v[order] - b.v).max() <= a.error_bound + b.error_bound


@pytest.mark.parametrize("plan", PLANNERS)
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.9999])
def test_the_error_bound_holds_where_the_value_is_known(plan, gamma, scale):
    # Two absorbing states worth scale / (1 - gamma) and 0, and one that chooses between them.
    P = np.zeros((3, 2, 3))
    P[0, 0, 1] = P[0, 1, 2] = P[1, :, 1] = P[2, :, 2] = 1
    r = scale * np.array([[0.0, 0.1], [1.0, 1.0], [0.0, 0.0]])
    found = plan(FiniteMDP(P, r, gamma), tol=1e-9 * scale)
    expected = scale * np.array([max(gamma / (1 - gamma), 0.1), 1 / (1 - gamma), 0.0])
    assert np.abs(found.v - expected).max() <= found.error_bound
    assert found.error_bound <= max(1e-9, 1e-13 / (1 - gamma) ** 2) * scale


def test_asked_for_more_than_doubles_hold_it_returns_the_bound_that_holds():
    rng = np.random.default_rng(0)
    mdp = FiniteMDP(rng.dirichlet(np.ones(20), (20, 2)), rng.random((20, 2)), 0.999)
    for plan in PLANNERS:
        found = plan(mdp, tol=0.0)
        assert 0 < found.error_bound < 1e-7


def test_a_long_chain_is_evaluated_beyond_the_dense_limit():
    # State s earns 1 only at the end of a walk to the right: v(s) = gamma^(n-1-s) / (1 - gamma).
    n, gamma = 3000, 0.99
    step = sp.csr_array(
        (np.ones(n), (np.arange(n), np.minimum(np.arange(n) + 1, n - 1))), shape=(n, n)
    )
    r = np.zeros((n, 1))
    r[-1] = 1
    mdp = FiniteMDP([step], r, gamma)
    expected = gamma ** np.arange(n - 1, -1, -1) / (1 - gamma)
    for found in (evaluate(mdp, np.zeros(n, int)), solve(mdp)):
        assert np.abs(found.v - expected).max() <= found.error_bound
        assert found.error_bound <= 1e-9


def test_out_of_steps_the_partial_result_comes_with_its_true_bound():
    # The myopic action of state 0 earns 0.1 and misses the absorbing state worth 1 / (1 - gamma).
    P = np.zeros((3, 2, 3))
    P[0, 0, 1] = P[0, 1, 2] = P[1, :, 1] = P[2, :, 2] = 1
    mdp = FiniteMDP(P, [[0.0, 0.1], [1.0, 1.0], [0.0, 0.0]], 0.99)
    for plan in PLANNERS:
        with pytest.raises(NotConverged, match="error bound") as stop:
            plan(mdp, tol=1e-12, max_iterations=1)
        partial = stop.value.partial
        assert np.abs(partial.v - [99.0, 100.0, 0.0]).max() <= partial.error_bound


def test_greedy_ties_go_to_the_first_action():
    mdp = FiniteMDP(np.ones((1, 2, 1)), [[1.0, 1.0]], 0.5)
    assert greedy_policy(mdp, np.zeros(1)).tolist() == [0]
    assert bellman_q(mdp, np.ones(1)).tolist() == [[1.5, 1.5]]


@pytest.mark.parametrize("call", [*PLANNERS, lambda m, tol: evaluate(m, [0], tol=tol)])
def test_a_negative_tolerance_is_refused(call):
    with pytest.raises(InvalidParameter, match=r"tol must be >= 0; got -1"):
        call(FiniteMDP(np.ones((1, 1, 1)), [[1.0]], 0.5), tol=-1.0)
