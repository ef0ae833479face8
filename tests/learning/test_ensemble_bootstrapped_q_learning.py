"""Ensemble bootstrapped Q-learning: its update, by hand and against plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import ensemble_bootstrapped_q_learning
from germane.learning._ensemble_bootstrapped_q_learning import sum_without
from germane.mdp import FiniteMDP, bellman_q, solve
from learning.plain import plain_ensemble_bootstrapped_q_learning
from strategies import mdps

law = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    rng = np.random.default_rng(seed)
    return ensemble_bootstrapped_q_learning(mdp, rng=rng, **({"n_steps": 1000} | options))


def test_the_others_are_asked_by_their_mean():
    # one state, one action, r = 1, gamma = 1/2, three tables: the first to learn becomes 1. The second sample
    # meets the same one again, whose others are empty, or another one, whose others have the mean 1/2
    loop = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    options = {"n_tables": 3, "n_steps": 2}
    seen = {tuple(sorted(learn(loop, seed=s, **options).members.ravel())) for s in range(20)}
    assert seen == {(0.0, 0.0, 1.0), (0.0, 1.0, 1.25)}


@law
@given(mdps(), seeds, st.integers(2, 5), st.integers(1, 50))
def test_it_takes_the_steps_of_an_implementation_in_plain_python(mdp, seed, n_tables, trajectory):
    options = {"n_steps": 300, "epsilon": 0.4, "trajectory": trajectory, "n_tables": n_tables}
    rng = np.random.default_rng(seed)
    mean, members = plain_ensemble_bootstrapped_q_learning(mdp, rng=rng, **options)
    found = learn(mdp, seed=seed, **options)
    assert (found.members == members).all()
    assert (found.q == mean).all()


@law
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6), st.data())
def test_the_order_of_the_other_tables_does_not_matter(values, data):
    # whole numbers, whose sums are exact
    k = data.draw(st.integers(0, len(values) - 1))
    others = data.draw(st.permutations(values[:k] + values[k + 1 :]))
    table = np.array([*others[:k], values[k], *others[k:]], dtype=float).reshape(-1, 1)
    assert sum_without(table, 0, len(values), k, 0) == sum(values) - values[k]


@settings(max_examples=5, deadline=None)
@given(mdps(gamma=st.just(0.5)))
def test_it_comes_close_to_the_optimal_values(mdp):
    # rewards in [-1, 1], so q in [-2, 2]; each table has a fifth of some hundreds of samples of every pair
    q = learn(mdp, n_steps=200_000, epsilon=0.5, trajectory=4).q
    assert np.abs(q - bellman_q(mdp, solve(mdp).v)).max() < 0.3


def test_fewer_than_two_tables_are_refused():
    with pytest.raises(InvalidParameter, match="n_tables must be at least 2; got 1"):
        learn(FiniteMDP([[[1.0]]], [[1.0]], 0.5), n_tables=1)
