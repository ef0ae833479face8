"""Maxmin Q-learning: its update, against plain Python, and what it is with one table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import maxmin_q_learning, q_learning
from germane.learning._maxmin_q_learning import least_of
from germane.mdp import FiniteMDP, bellman_q, solve
from learning.plain import plain_maxmin_q_learning
from strategies import mdps

law = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    return maxmin_q_learning(mdp, rng=np.random.default_rng(seed), **({"n_steps": 1000} | options))


def test_a_table_learns_from_the_least_of_all():
    # one state, one action, r = 1: as long as one table is empty the least is 0, and so every table that has
    # learned is worth 1; when none is empty the next sample has the target 1 + 1/2
    loop = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    first = [np.sort(learn(loop, seed=s, n_tables=2, n_steps=2).members.ravel()) for s in range(20)]
    assert {tuple(found) for found in first} == {(0.0, 1.0), (1.0, 1.0)}
    both = [s for s in range(20) if first[s][0] == 1]
    # the second visit of that table: 1 + (1.5 - 1) / (1 + 1/2 * 1)
    found = np.sort(learn(loop, seed=both[0], n_tables=2, n_steps=3).members.ravel())
    assert found == pytest.approx([1, 1 + 0.5 / 1.5])


@law
@given(mdps(), seeds, st.integers(1, 5), st.integers(1, 50))
def test_it_takes_the_steps_of_an_implementation_in_plain_python(mdp, seed, n_tables, trajectory):
    options = {"n_steps": 300, "epsilon": 0.4, "trajectory": trajectory, "n_tables": n_tables}
    least, members = plain_maxmin_q_learning(mdp, rng=np.random.default_rng(seed), **options)
    found = learn(mdp, seed=seed, **options)
    assert (found.members == members).all()
    assert (found.q == least).all()


@law
@given(mdps(), seeds)
def test_with_one_table_it_is_q_learning_bit_for_bit(mdp, seed):
    alone = q_learning(mdp, n_steps=1000, rng=np.random.default_rng(seed)).q
    assert (learn(mdp, seed=seed, n_tables=1).q == alone).all()


@law
@given(st.lists(st.floats(-9, 9), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_tables_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    tables = [np.array(given, dtype=float).reshape(-1, 1) for given in (values, shuffled)]
    assert least_of(tables[0], 0, len(values), 0) == least_of(tables[1], 0, len(values), 0)
    assert least_of(tables[0], 0, len(values), 0) == min(values)


@settings(max_examples=5, deadline=None)
@given(mdps(gamma=st.just(0.5)))
def test_it_comes_close_to_the_optimal_values(mdp):
    # rewards in [-1, 1], so q in [-2, 2]; each table has half of some hundreds of samples of every pair
    q = learn(mdp, n_steps=80_000, n_tables=2, epsilon=0.5, trajectory=4).q
    assert np.abs(q - bellman_q(mdp, solve(mdp).v)).max() < 0.3


def test_no_tables_are_refused():
    with pytest.raises(InvalidParameter, match="n_tables must be at least 1; got 0"):
        learn(FiniteMDP([[[1.0]]], [[1.0]], 0.5), n_tables=0)
