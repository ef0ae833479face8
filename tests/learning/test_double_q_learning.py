"""Double Q-learning: its update, against plain Python, and the bias that it is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.learning import double_q_learning, q_learning
from germane.mdp import FiniteMDP, bellman_q, solve
from learning.plain import plain_double_q_learning
from strategies import mdps

law = settings(max_examples=20, deadline=None)


def learn(mdp, *, seed=0, **options):
    return double_q_learning(mdp, rng=np.random.default_rng(seed), **({"n_steps": 1000} | options))


def test_the_table_that_learns_asks_the_other_what_its_best_action_is_worth():
    # one state, one action, r = 1, gamma = 1/2: the first sample makes one table 1 + 0; the second makes
    # the other 1 + 1/2 of the first if it is picked, or the same one 1 + (1 - 1) / 1.5 = 1 if not
    loop = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    seen = {tuple(sorted(learn(loop, seed=seed, n_steps=2).members.ravel())) for seed in range(20)}
    assert seen == {(1.0, 1.5), (0.0, 1.0)}


@law
@given(mdps(), st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_it_takes_the_steps_of_an_implementation_in_plain_python(mdp, seed, trajectory):
    options = {"n_steps": 300, "epsilon": 0.4, "trajectory": trajectory}
    mean, members = plain_double_q_learning(mdp, rng=np.random.default_rng(seed), **options)
    found = learn(mdp, seed=seed, **options)
    assert (found.members == members).all()
    assert (found.q == mean).all()


@settings(max_examples=5, deadline=None)
@given(mdps(gamma=st.just(0.5)))
def test_it_comes_close_to_the_optimal_values(mdp):
    # rewards in [-1, 1], so q in [-2, 2]; each table has half of some hundreds of samples of every pair
    q = learn(mdp, n_steps=80_000, epsilon=0.5, trajectory=4).q
    assert np.abs(q - bellman_q(mdp, solve(mdp).v)).max() < 0.3


def test_it_does_not_take_noise_for_value_where_q_learning_does():
    # state 0 leads to state 1, whose 8 actions lead to a win or a loss of 1, half and half: all worth 0.
    # The best of 8 noisy means looks good to Q-learning, on average over the seeds, and not to this.
    P = np.zeros((4, 8, 4))
    P[0, :, 1] = P[2:, :, 0] = 1
    P[1, :, 2:] = 0.5
    r = np.zeros((4, 8))
    r[2], r[3] = 1, -1
    game = FiniteMDP(P, r, 0.9)
    found = {
        learner: np.mean(
            [
                learner(game, n_steps=2000, rng=np.random.default_rng(seed)).q[1].max()
                for seed in range(20)
            ]
        )
        for learner in (q_learning, double_q_learning)
    }
    assert found[double_q_learning] < found[q_learning] / 2
    assert found[q_learning] > 0.1
    assert pytest.approx(0, abs=1e-12) == bellman_q(game, solve(game, tol=1e-12).v)[1]
