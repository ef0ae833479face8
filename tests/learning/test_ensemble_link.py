"""Ensemble link learning: line by line in plain Python, alone, and with states that share rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from germane.cousins import Aggregation, power
from germane.errors import InvalidParameter
from germane.learning import ensemble_link, q_learning
from germane.learning._ensemble import environments
from germane.mdp import FiniteMDP
from learning.plain import plain_esql
from strategies import mdps

law = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    return ensemble_link(mdp, rng=np.random.default_rng(seed), **({"n_steps": 800} | options))


def likeness(q):
    """Minus the mean KL divergence of each row's softmax from that of the first table."""
    p = softmax(q, axis=2)
    return -rel_entr(p[:1], p).sum(axis=2).mean(axis=1)


@law
@given(mdps(gamma=st.sampled_from([0.0, 0.5, 0.9])), seeds, st.booleans())
def test_the_mixture_is_that_of_the_algorithm(mdp, seed, share_rows):
    orders, group = (1, 2, 3), np.arange(mdp.n_states) // 2
    mixtures, weights, tables = plain_esql(
        environments(mdp, mdp, orders, power),
        mdp.r.shape,
        mdp.gamma,
        rng=np.random.default_rng(seed),
        n_steps=800,
        u=lambda t: 1 - 1 / (1 + t / 1000),
        likeness=likeness,
        group=group if share_rows else None,
    )
    row = group if share_rows else np.arange(mdp.n_states)
    shared = {"aggregation": Aggregation(group)} if share_rows else {}
    found = learn(mdp, seed=seed, orders=orders, checkpoints=20, **shared)
    assert (found.members == tables[-1][:, row]).all()
    np.testing.assert_allclose([c.weights for c in found.history], weights, rtol=1e-10)
    scale = np.abs(mdp.r).max() / (1 - mdp.gamma)
    np.testing.assert_allclose(found.q, mixtures[-1][row], rtol=0, atol=1e-10 * scale)


@law
@given(mdps(), seeds)
def test_an_ensemble_of_one_is_q_learning_bit_for_bit(mdp, seed):
    alone = q_learning(mdp, n_steps=800, rng=np.random.default_rng(seed)).q
    assert (learn(mdp, seed=seed, orders=(1,)).members[0] == alone).all()


@law
@given(mdps(), seeds)
def test_groups_of_one_change_nothing(mdp, seed):
    alone = learn(mdp, seed=seed, aggregation=Aggregation(np.arange(mdp.n_states)))
    assert (alone.q == learn(mdp, seed=seed).q).all()


def test_states_that_are_alike_can_share_rows_at_no_loss():
    # states 0 and 1 are one state split in two, so are 2 and 3: what is learned is that of the two
    P = np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]])
    r = np.array([[0.0, 1.0], [2.0, 0.0]])
    split = FiniteMDP(
        np.repeat(np.repeat(P, 2, axis=0), 2, axis=2) / 2, np.repeat(r, 2, axis=0), 0.5
    )
    groups = Aggregation(np.array([0, 0, 1, 1]))
    q = learn(split, orders=(1,), n_steps=40_000, innovation=1, aggregation=groups).q
    # v0 = 1 + v0 / 2 = 2, v1 = 2 + (v0 + v1) / 4 = 10 / 3
    assert (q[::2] == q[1::2]).all()
    assert q[::2] == pytest.approx(np.array([[5 / 3, 2], [10 / 3, 5 / 3]]), abs=0.05)


def test_an_aggregation_of_other_states_is_refused():
    mdp = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    with pytest.raises(InvalidParameter, match="aggregation must have 1 states; got 2"):
        learn(mdp, aggregation=Aggregation(np.array([0, 1])))
