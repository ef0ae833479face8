"""The share of states in which a policy is wrong, and what ties do to it."""

import numpy as np
import pytest
from hypothesis import given

from germane.errors import InvalidParameter, InvalidPolicy
from germane.mdp import bellman_q, greedy_actions, policy_error, solve
from strategies import mdps

Q = np.array([[1.0, 1.0], [0.0, 2.0], [5.0, 4.0], [-1.0, -1.0]])


def test_it_counts_the_states_where_another_action_is_better():
    assert policy_error(Q, [0, 1, 0, 0]) == 0
    assert policy_error(Q, [0, 0, 0, 0]) == 0.25
    assert policy_error(Q, [1, 0, 1, 1]) == 0.5


def test_strictly_only_the_first_of_tied_actions_is_right():
    assert policy_error(Q, [0, 1, 0, 0], ties="strict") == 0
    assert policy_error(Q, [1, 1, 0, 1], ties="strict") == 0.5
    assert policy_error(Q, [1, 1, 0, 1], ties="tolerant") == 0


def test_rounding_decides_no_tie():
    noisy = Q + 1e-15 * np.arange(8).reshape(4, 2)
    assert policy_error(noisy, [0, 1, 0, 0]) == 0
    assert policy_error(noisy, [0, 1, 0, 0], ties="strict") == 0.5
    assert (greedy_actions(noisy) == greedy_actions(Q)).all()


def test_a_stochastic_policy_is_wrong_as_often_as_it_takes_wrong_actions():
    assert policy_error(Q, np.full((4, 2), 0.5)) == pytest.approx(0.25)
    assert policy_error(Q, np.full((4, 2), 0.5), ties="strict") == pytest.approx(0.5)


@given(mdps())
def test_an_optimal_policy_is_nowhere_wrong(mdp):
    solution = solve(mdp, tol=1e-12)
    assert policy_error(bellman_q(mdp, solution.v), solution.policy) == 0


@pytest.mark.parametrize(
    "policy", [[0, 1, 0], [0, 1, 2, 0], [0, -1, 0, 0], [0.0, 1.0, 0.0, 0.0], np.ones((2, 4))]
)
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(InvalidPolicy, match=r"\(4,\) actions in 0\.\.1"):
        policy_error(Q, policy)


def test_another_way_with_ties_is_refused():
    with pytest.raises(InvalidParameter, match="'tolerant' or 'strict'; got 'lenient'"):
        policy_error(Q, [0, 0, 0, 0], ties="lenient")
