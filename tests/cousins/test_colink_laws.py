"""Co-link chains: what holds for every chain, every order and every kind of matrix."""

from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from germane.cousins import (
    ProductChain,
    colink,
    colink_similarity,
    cousin,
    l1_rows,
    linear_rows,
    min_max_rows,
    one_step_similarity,
    power,
    softmax_rows,
    two_step_similarity,
    wang_similarity,
)
from germane.cousins._similarity import apply_similarity
from germane.errors import TooLarge
from germane.mdp import FiniteMDP
from strategies import KINDS, mdps, transition_rows

# entries sum to at most 2 ** n * S over a row, with n products of S terms each: 1e-12 is ample room
EXACT = {"rtol": 1e-12, "atol": 1e-12}

SIMILARITIES = (colink_similarity, two_step_similarity, one_step_similarity)
NORMALISATIONS = (l1_rows, softmax_rows, min_max_rows, linear_rows)
CHAINS = (
    colink,
    power,
    *(partial(colink, similarity=similarity) for similarity in SIMILARITIES),
    *(partial(colink, normalise=normalise) for normalise in NORMALISATIONS),
)

ORDERS = st.integers(2, 7)


@st.composite
def chains(draw, max_states=6):
    S = draw(st.integers(1, max_states))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return transition_rows(rng, draw(KINDS), S, S).toarray()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@given(P=chains(), order=ORDERS)
def test_a_similarity_matrix_is_symmetric_and_non_negative(similarity, P, order):
    W = similarity(P, order)
    np.testing.assert_allclose(W, W.T, **EXACT)
    assert (W >= 0).all()


@pytest.mark.parametrize("chain", CHAINS)
@given(P=chains(), order=st.integers(1, 7))
def test_the_rows_of_a_cousins_chain_are_distributions(chain, P, order):
    W = chain(P, order)
    assert (W >= 0).all()
    np.testing.assert_allclose(W.sum(axis=1), 1, **EXACT)


@pytest.mark.parametrize("chain", CHAINS)
@given(P=chains(), order=ORDERS, seed=st.integers(0, 2**32 - 1))
def test_relabelling_the_states_relabels_the_chain(chain, P, order, seed):
    new = np.random.default_rng(seed).permutation(len(P))
    np.testing.assert_allclose(
        chain(P[np.ix_(new, new)], order), chain(P, order)[np.ix_(new, new)], **EXACT
    )


@pytest.mark.parametrize("chain", CHAINS)
@given(P=chains(), order=ORDERS)
def test_a_sparse_chain_gives_the_same_cousin_and_keeps_sparse(chain, P, order):
    W = chain(sp.csr_array(P), order)
    assert sp.issparse(W)
    np.testing.assert_allclose(W.toarray(), chain(P, order), **EXACT)


@given(P=chains(), order=ORDERS, seed=st.integers(0, 2**32 - 1))
def test_a_similarity_is_applied_without_being_formed(P, order, seed):
    v = np.random.default_rng(seed).uniform(-1, 1, len(P))
    W = colink_similarity(P, order)
    np.testing.assert_allclose(apply_similarity(P, order, v), W @ v, atol=1e-12 * W.max())


@pytest.mark.parametrize("chain", [colink, power])
@given(F=chains(4), G=chains(3), order=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_a_product_chain_is_applied_as_its_kronecker_product(chain, F, G, order, seed):
    v = np.random.default_rng(seed).uniform(-1, 1, len(F) * len(G))
    applied = chain(ProductChain((F, G)), order) @ v
    np.testing.assert_allclose(applied, chain(np.kron(F, G), order) @ v, **EXACT)


@given(P=chains(), order=st.integers(2, 3))
def test_every_variant_has_the_same_orders_two_and_three_but_for_the_one_step_recursion(P, order):
    W = colink_similarity(P, order)
    np.testing.assert_allclose(two_step_similarity(P, order), W, **EXACT)
    np.testing.assert_allclose(wang_similarity(P, order), W, **EXACT)
    np.testing.assert_allclose(one_step_similarity(P, 2), colink_similarity(P, 2), **EXACT)


@given(P=chains(), order=ORDERS)
def test_linear_normalisation_keeps_symmetry(P, order):
    W = colink(P, order, normalise=linear_rows)
    np.testing.assert_allclose(W, W.T, **EXACT)


@pytest.mark.parametrize("normalise", NORMALISATIONS)
@given(P=chains(), order=ORDERS)
def test_what_no_walk_reaches_a_cousin_does_not_reach_but_by_staying(normalise, P, order):
    W = colink_similarity(P, order)
    new = normalise(W)
    assert not (new[(W == 0) & ~np.eye(len(P), dtype=bool)]).any()


@given(mdps(), st.integers(1, 5), st.sampled_from([colink, power]))
def test_a_cousin_keeps_all_but_the_transitions(mdp, order, chain):
    other = cousin(mdp, order, chain=chain)
    assert (other.r == mdp.r).all()
    assert other.gamma == mdp.gamma
    for a in range(mdp.n_actions):
        P_a = mdp.transitions[a :: mdp.n_actions].toarray()
        W = other.transitions[a :: mdp.n_actions].toarray()
        np.testing.assert_allclose(W, chain(P_a, order), **EXACT)


@given(mdps())
def test_the_cousin_of_order_one_is_the_original(mdp):
    assert cousin(mdp, 1).fingerprint() == mdp.fingerprint()


def test_a_cousin_that_would_fill_the_memory_is_refused_before_it_is_formed():
    S = 20_000
    ring = sp.csr_array((np.ones(S), (np.arange(S), np.roll(np.arange(S), 1))))
    mdp = FiniteMDP([ring], np.zeros((S, 1)), 0.9)
    assert cousin(mdp, 3).transitions.nnz == 2 * S  # two links a state: it stays sparse
    hub = ring.tolil()
    hub[0] = 1 / S
    with pytest.raises(TooLarge, match=r"order 2 may have 4e\+08 transitions"):
        cousin(FiniteMDP([sp.csr_array(hub)], np.zeros((S, 1)), 0.9), 2)
