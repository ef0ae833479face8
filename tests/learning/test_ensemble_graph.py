"""Ensemble graph Q-learning: line by line in plain Python, and its pairs of neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from germane.cousins import Aggregation, power
from germane.learning import ensemble_graph, q_learning
from germane.learning._ensemble import environments
from germane.learning._ensemble_graph import pairs
from learning.plain import plain_esql
from strategies import factored_mdps, mdps

law = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    return ensemble_graph(mdp, rng=np.random.default_rng(seed), **({"n_steps": 800} | options))


def likeness(q):
    """Minus the mean symmetric KL divergence of each row's softmax from that of the first table."""
    p = softmax(q, axis=2)
    return -(rel_entr(p[:1], p) + rel_entr(p, p[:1])).sum(axis=2).mean(axis=1)


@law
@given(mdps(gamma=st.sampled_from([0.0, 0.5, 0.9])), seeds)
def test_the_mixture_is_that_of_the_algorithm(mdp, seed):
    orders, group = (1, 2, 3), np.arange(mdp.n_states) // 2
    mixtures, weights, tables = plain_esql(
        environments(mdp, mdp, orders, power),
        mdp.r.shape,
        mdp.gamma,
        rng=np.random.default_rng(seed),
        n_steps=800,
        u=lambda t: 1 - 1 / (1 + t / 1000),
        likeness=likeness,
        group=group,
    )
    found = learn(mdp, seed=seed, orders=orders, checkpoints=20)
    assert (found.members == tables[-1][:, group]).all()
    np.testing.assert_allclose([c.weights for c in found.history], weights, rtol=1e-10)
    scale = np.abs(mdp.r).max() / (1 - mdp.gamma)
    np.testing.assert_allclose(found.q, mixtures[-1][group], rtol=0, atol=1e-10 * scale)


@law
@given(mdps(), seeds)
def test_an_ensemble_of_one_with_a_row_for_each_state_is_q_learning_bit_for_bit(mdp, seed):
    alone = q_learning(mdp, n_steps=800, rng=np.random.default_rng(seed)).q
    own = Aggregation(np.arange(mdp.n_states))
    assert (learn(mdp, seed=seed, orders=(1,), aggregation=own).members[0] == alone).all()


@law
@given(factored_mdps())
def test_neighbours_share_a_row(mdp):
    group = pairs(mdp).group
    assert np.bincount(group).max() <= 2
    x = mdp.components(np.arange(mdp.n_states))
    # the first of two takes the nearest that is still alone: in a line that is the next one
    if len(mdp.sizes) == 1:
        assert group.tolist() == [s // 2 for s in range(mdp.n_states)]
    first = x[np.unique(group, return_index=True)[1]][group]
    assert (np.abs(x - first).sum(axis=1) <= sum(n - 1 for n in mdp.sizes)).all()
