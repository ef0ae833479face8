"""Multi-timescale ensembles: line by line in plain Python, alone, and in the limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from germane.cousins import cousin_optima, power
from germane.errors import InvalidParameter
from germane.learning import multi_timescale, q_learning
from germane.learning._ensemble import environments
from germane.mdp import FiniteMDP
from learning.plain import plain_esql
from strategies import factored_mdps, mdps

law = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    return multi_timescale(mdp, rng=np.random.default_rng(seed), **({"n_steps": 800} | options))


def likeness(q):
    """``1 - mean JSD`` in bits, of the softmax of each row and the first table's."""
    p = softmax(q, axis=2)
    return 1 - np.nan_to_num(jensenshannon(p[:1], p, axis=2, base=2) ** 2).mean(axis=1)


@law
@given(factored_mdps() | mdps(), seeds)
def test_the_mixture_is_that_of_the_algorithm(mdp, seed):
    orders = (1, 2, 3)
    mixtures, weights, tables = plain_esql(
        environments(mdp, mdp, orders, power),
        mdp.r.shape,
        mdp.gamma,
        rng=np.random.default_rng(seed),
        n_steps=800,
        u=lambda t: 1 - 1 / (1 + t / 1000),
        likeness=likeness,
    )
    found = learn(mdp, seed=seed, orders=orders, checkpoints=20)
    assert (found.members == tables[-1]).all()
    # SciPy's root of a difference of sums is good to half the digits where rows are nearly the same
    np.testing.assert_allclose([c.weights for c in found.history], weights, rtol=1e-7)
    scale = np.abs(mdp.r).max() / (1 - mdp.gamma)
    np.testing.assert_allclose(found.q, mixtures[-1], rtol=0, atol=1e-7 * scale)


@law
@given(mdps(), seeds)
def test_an_ensemble_of_one_is_q_learning_bit_for_bit(mdp, seed):
    alone = q_learning(mdp, n_steps=800, rng=np.random.default_rng(seed)).q
    assert (learn(mdp, seed=seed, orders=(1,)).members[0] == alone).all()
    assert (learn(mdp, seed=seed, orders=(1,), innovation=1).q == alone).all()


def test_it_tends_to_the_mean_of_the_optima_weighted_by_their_divergence():
    rng = np.random.default_rng(3)
    mdp = FiniteMDP(rng.dirichlet(np.ones(4) / 4, size=(4, 2)), rng.uniform(-2, 2, (4, 2)), 0.5)
    orders = (1, 2, 3)
    optima = np.array(list(cousin_optima(mdp, orders, chain=power).q.values()))
    w = np.exp(likeness(optima))
    w /= w.sum()
    assert np.ptp(w) > 0.002  # so that weights matter
    found = learn(mdp, orders=orders, n_steps=400_000, epsilon=0.5, innovation=0.01)
    assert np.abs(found.members - optima).max() < 0.1
    # the divergence of two rows changes by no more than what their entries do, in bits
    assert found.history[-1].weights == pytest.approx(w, abs=0.1)
    assert np.abs(found.q - np.tensordot(w, optima, axes=1)).max() < 0.1


def test_an_innovation_out_of_its_range_is_refused():
    mdp = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    with pytest.raises(InvalidParameter, match=r"innovation must stay within \[0, 1\]; got 2"):
        learn(mdp, innovation=2)
    with pytest.raises(InvalidParameter, match="samples_per_iteration must be at least 1; got 0"):
        learn(mdp, samples_per_iteration=0)
    with pytest.raises(InvalidParameter, match="orders must be different, 1 first"):
        learn(mdp, orders=(2,))
