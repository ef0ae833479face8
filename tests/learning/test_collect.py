"""Samples before anything is learned: where they begin, what acts, and what a live environment does."""

import numpy as np
import pytest
from scipy.stats import chisquare

from germane.errors import InvalidParameter
from germane.learning import DiscreteEnv, collect
from germane.mdp import FiniteMDP
from learning.test_q_learning import Corridor

RNG = np.random.default_rng(3)
MDP = FiniteMDP(RNG.dirichlet(np.ones(4), size=(4, 3)), RNG.normal(size=(4, 3)), 0.9)


def seen_in(environment, *, seed=0, **options):
    return collect(environment, rng=np.random.default_rng(seed), **options)


def test_a_trajectory_goes_on_where_it_was_and_jumps_in_the_end():
    seen = seen_in(MDP, n_steps=40_000, trajectory=4)
    goes_on = np.arange(1, 40_000) % 4 != 0
    assert (seen.s[1:] == seen.s_next[:-1])[goes_on].all()
    assert chisquare(np.bincount(seen.s[::4], minlength=4)).pvalue > 1e-3
    assert chisquare(np.bincount(seen.a, minlength=3)).pvalue > 1e-3
    assert (seen.r == MDP.r[seen.s, seen.a]).all()


def test_next_states_follow_the_transitions():
    seen = seen_in(MDP, n_steps=40_000, trajectory=4)
    P = MDP.transitions.toarray()
    for row in range(12):
        of_row = seen.s_next[seen.s * 3 + seen.a == row]
        assert chisquare(np.bincount(of_row, minlength=4), len(of_row) * P[row]).pvalue > 1e-3


def test_the_same_generator_gives_the_same_samples():
    for first, second in zip(seen_in(MDP, n_steps=100), seen_in(MDP, n_steps=100)):
        assert (first == second).all()


def test_a_live_environment_begins_again_where_it_ends():
    seen = seen_in(DiscreteEnv(Corridor(), gamma=0.5), n_steps=500, trajectory=40)
    ends = seen.s_next == 2
    assert ends.any()
    assert (seen.r == ends).all()
    assert (seen.s[1:][ends[:-1]] == 0).all()
    assert (seen.s < 2).all()


@pytest.mark.parametrize("name", ["n_steps", "trajectory"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(InvalidParameter, match=f"{name} must be at least 1; got 0"):
        seen_in(MDP, **({"n_steps": 10} | {name: 0}))
