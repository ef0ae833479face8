"""Speedy Q-learning: its rounds, against plain Python and the rule of its paper, and its speed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import Schedule, q_learning, speedy_q_learning
from germane.mdp import FiniteMDP, bellman_q, solve
from learning.plain import plain_speedy_q_learning
from strategies import mdps

law = settings(max_examples=20, deadline=None)


def learn(mdp, *, seed=0, **options):
    return speedy_q_learning(mdp, rng=np.random.default_rng(seed), **({"n_steps": 1000} | options))


def test_the_rounds_of_a_loop_are_those_of_the_papers_rule():
    # one state, one action, r = 1, gamma = 1/2; T Q = 1 + Q / 2, alpha = 1, 1/2, 1/3:
    # Q1 = T Q0 = 1;  Q2 = 1 + 1/2 (1 - 1) + 1/2 (3/2 - 1) = 5/4;
    # Q3 = 5/4 + 1/3 (3/2 - 5/4) + 2/3 (13/8 - 3/2) = 17/12
    loop = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    seen = [learn(loop, n_steps=n).q[0, 0] for n in (1, 2, 3)]
    assert seen == pytest.approx([1, 5 / 4, 17 / 12], rel=1e-15)
    assert learn(loop, n_steps=3).history[-1].change == pytest.approx(1 / 6)


@law
@given(mdps(), st.integers(0, 2**32 - 1), st.integers(1, 50), st.integers(1, 60))
def test_it_takes_the_steps_of_an_implementation_in_plain_python(mdp, seed, trajectory, per_round):
    options = {"n_steps": 300, "epsilon": 0.4, "trajectory": trajectory}
    expected = plain_speedy_q_learning(
        mdp, rng=np.random.default_rng(seed), per_round=per_round, **options
    )
    found = learn(mdp, seed=seed, samples_per_round=per_round, **options).q
    # means are summed in another order; a greedy action that this decided would show
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@settings(max_examples=5, deadline=None)
@given(mdps(gamma=st.just(0.5)))
def test_it_comes_close_to_the_optimal_values(mdp):
    q = learn(mdp, n_steps=40_000, epsilon=0.5, trajectory=4).q
    assert np.abs(q - bellman_q(mdp, solve(mdp).v)).max() < 0.3


def test_it_forgets_where_it_began_as_q_learning_with_its_step_sizes_does_not():
    # deterministic, so that there is nothing to average. After 200 rounds of ten pairs, in some 130 of
    # which a pair has moved, gamma beta / k of 20 is 20 * 19 / 130 = 2.9; 130^-(1 - gamma) of it is 15.7
    P = np.zeros((5, 2, 5))
    P[np.arange(5), 0, (np.arange(5) + 1) % 5] = P[np.arange(5), 1, np.arange(5)] = 1
    ring = FiniteMDP(P, np.ones((5, 2)), 0.95)
    options = {"n_steps": 2000, "epsilon": 1.0, "rng": np.random.default_rng(0)}
    speedy = np.abs(speedy_q_learning(ring, **options).q - 20).max()
    slow = np.abs(q_learning(ring, step_size=Schedule(1.0, rate=1.0), **options).q - 20).max()
    assert speedy < 3
    assert slow > 10


def test_samples_of_a_round_that_has_not_ended_are_not_in_the_table_yet():
    loop = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    assert learn(loop, n_steps=5, samples_per_round=6).q[0, 0] == 0
    assert learn(loop, n_steps=11, samples_per_round=6).q[0, 0] == 1
    with pytest.raises(InvalidParameter, match="samples_per_round must be at least 1; got 0"):
        learn(loop, samples_per_round=0)
