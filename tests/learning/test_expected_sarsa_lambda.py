"""Expected Sarsa(lambda): its traces, against plain Python, and what it tends to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import (
    DiscreteEnv,
    Schedule,
    TrainingState,
    expected_sarsa_lambda,
    q_learning,
)
from germane.mdp import FiniteMDP
from learning.plain import plain_expected_sarsa_lambda
from strategies import mdps

law = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    rng = np.random.default_rng(seed)
    return expected_sarsa_lambda(mdp, rng=rng, **({"n_steps": 1000} | options))


def test_the_difference_is_shared_with_the_pairs_that_led_to_it():
    # 0 -> 1 -> 2 -> 2 earning 0, 1, 0 with gamma = 1/2, lambda = 1/2: from 0 on the differences are 0 and
    # 1, and 1 is credited to state 1 in full, to state 0 by a quarter; first visits have step size one
    P = np.zeros((3, 1, 3))
    P[[0, 1, 2], 0, [1, 2, 2]] = 1
    mdp = FiniteMDP(P, [[0.0], [1.0], [0.0]], 0.5)
    runs = [learn(mdp, seed=seed, n_steps=2, lambda_=0.5).q.ravel() for seed in range(20)]
    assert {tuple(q) for q in runs} == {(0.25, 1, 0), (0, 1, 0), (0, 0, 0)}
    # a restart after every sample: nothing is shared
    runs = [learn(mdp, seed=s, n_steps=2, trajectory=1, lambda_=0.5).q[0, 0] for s in range(20)]
    assert set(runs) == {0, 0.5}  # 0.5: state 0 after state 1, by its own difference


@law
@given(mdps(), seeds, st.floats(0, 1), st.integers(1, 50))
def test_it_takes_the_steps_of_an_implementation_in_plain_python(mdp, seed, lambda_, trajectory):
    options = {"n_steps": 200, "epsilon": 0.4, "trajectory": trajectory, "lambda_": lambda_}
    expected = plain_expected_sarsa_lambda(mdp, rng=np.random.default_rng(seed), **options)
    found = learn(mdp, seed=seed, **options).q
    # sums are taken in another order; tables are of the size of |r| / (1 - gamma)
    scale = np.abs(mdp.r).max() / (1 - mdp.gamma)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * scale)


def test_a_long_trajectory_is_remembered_as_far_as_rounding_allows():
    # gamma lambda = 0.45: 46 visits are kept of 400
    rng = np.random.default_rng(1)
    mdp = FiniteMDP(rng.dirichlet(np.ones(6), size=(6, 2)), rng.uniform(size=(6, 2)), 0.5)
    options = {"n_steps": 400, "epsilon": 0.4, "trajectory": 400, "lambda_": 0.9}
    expected = plain_expected_sarsa_lambda(mdp, rng=np.random.default_rng(0), **options)
    np.testing.assert_allclose(learn(mdp, **options).q, expected, rtol=0, atol=1e-12)


class Turns:
    """A live environment whose episodes have one step, in turns from state 0, for 0, and 1, for 1."""

    class Numbers:
        def __init__(self, n):
            self.n = n

    observation_space, action_space, s = Numbers(2), Numbers(1), 1

    def reset(self, *, seed=None):
        self.s = 1 - self.s
        return self.s, {}

    def step(self, action):
        return self.s, float(self.s), True, False, {}


def test_nothing_is_credited_to_an_episode_that_has_ended():
    assert learn(DiscreteEnv(Turns(), gamma=0.9), n_steps=10).q.ravel().tolist() == [0, 1]


def test_traces_of_many_visits_do_not_make_the_table_grow():
    # two states, visited twenty times each in a trajectory; |q*| is at most 1 / (1 - gamma) = 100, and
    # the table comes to 500 at first; with the step sizes of Q-learning it would come to 10^8
    rng = np.random.default_rng(0)
    mdp = FiniteMDP(rng.dirichlet(np.ones(2), size=(2, 1)), [[-1.0], [1.0]], 0.99)
    state, peaks = TrainingState(), []
    options = {"n_steps": 5000, "state": state, "checkpoints": 50}
    learn(mdp, progress=lambda _: peaks.append(np.abs(state.arrays["q"]).max()), **options)
    assert max(peaks) < 1000


@law
@given(mdps(), seeds)
def test_without_traces_and_exploration_it_is_q_learning_bit_for_bit(mdp, seed):
    alone = q_learning(mdp, n_steps=500, epsilon=0, rng=np.random.default_rng(seed)).q
    assert (learn(mdp, seed=seed, n_steps=500, epsilon=0, lambda_=0).q == alone).all()


@settings(max_examples=5, deadline=None)
@given(mdps(gamma=st.just(0.5)), st.sampled_from([0.0, 0.5, 0.9]))
def test_it_tends_to_the_best_of_the_policies_that_explore(mdp, lambda_):
    epsilon, q = 0.5, np.zeros(mdp.r.shape)
    for _ in range(60):  # gamma^60 is below 1e-18
        v = (1 - epsilon) * q.max(axis=1) + epsilon * q.mean(axis=1)
        q = mdp.r + mdp.gamma * (mdp.transitions @ v).reshape(mdp.r.shape)
    found = learn(mdp, n_steps=60_000, epsilon=epsilon, trajectory=20, lambda_=lambda_).q
    assert np.abs(found - q).max() < 0.3


def test_it_tends_to_the_optimum_as_exploration_vanishes():
    # two states; leaving 0 by action 0 earns nothing but leads to 1, where staying earns 1
    P = np.zeros((2, 2, 2))
    P[:, 0, 1] = P[:, 1, 0] = 1
    mdp = FiniteMDP(P, [[0.0, 0.2], [1.0, 0.0]], 0.5)
    epsilon = Schedule(1.0, rate=0.01, power=0.5)  # 0.03 in the end, so that it still explores
    q = learn(mdp, n_steps=100_000, epsilon=epsilon, trajectory=20).q
    assert q == pytest.approx(np.array([[1, 0.7], [2, 0.5]]), abs=0.1)


def test_a_lambda_out_of_its_range_is_refused():
    with pytest.raises(InvalidParameter, match=r"lambda_ must lie in \[0, 1\]; got 1.5"):
        learn(FiniteMDP([[[1.0]]], [[1.0]], 0.5), lambda_=1.5)
