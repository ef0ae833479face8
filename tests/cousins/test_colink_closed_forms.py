"""Co-link chains against formulas written out by hand, and where they tend."""

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp

from germane.cousins import (
    ProductChain,
    colink,
    colink_similarity,
    l1_rows,
    linear_rows,
    min_max_rows,
    one_step_similarity,
    power,
    softmax_rows,
    two_step_similarity,
    wang_similarity,
)
from germane.errors import InvalidModel, InvalidParameter

RNG = np.random.default_rng(5)
B = RNG.dirichlet(np.full(12, 0.3), size=12)
T = B.T
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def test_orders_two_three_and_four_are_those_of_wang_ding_and_huang():
    # Directed graph learning via high-order co-linkage analysis, with B the matrix of links
    two, three = B @ T + T @ B, B @ (B + T) @ T + T @ (B + T) @ B
    four = B @ (B @ B + T @ T + B @ T) @ T + T @ (B @ B + T @ T + T @ B) @ B
    np.testing.assert_allclose(colink_similarity(B, 2), two, **EXACT)
    np.testing.assert_allclose(colink_similarity(B, 3), three, **EXACT)
    np.testing.assert_allclose(wang_similarity(B, 4), four, **EXACT)


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_a_similarity_matrix_is_the_sum_of_all_words_whose_ends_are_opposite(order):
    words = [w for w in product((0, 1), repeat=order) if w[0] != w[-1]]
    total = sum(np.linalg.multi_dot([(B, T)[letter] for letter in word]) for word in words)
    assert len(words) == 2 ** (order - 1)
    np.testing.assert_allclose(colink_similarity(B, order), total, **EXACT)


def test_at_order_four_wangs_leaves_out_the_two_words_that_go_to_and_fro():
    left_out = B @ T @ B @ T + T @ B @ T @ B
    W = colink_similarity(B, 4)
    np.testing.assert_allclose(W - wang_similarity(B, 4), left_out, **EXACT)


def test_the_two_step_recursion_puts_the_middle_between_opposite_pairs():
    middle = B @ T + T @ B
    np.testing.assert_allclose(two_step_similarity(B, 4), B @ middle @ T + T @ middle @ B, **EXACT)
    middle = B @ (B + T) @ T + T @ (B + T) @ B
    np.testing.assert_allclose(two_step_similarity(B, 5), B @ middle @ T + T @ middle @ B, **EXACT)


def test_the_one_step_recursion_has_walks_of_twice_as_many_links():
    two = B @ T + T @ B
    three = B @ two @ T + T @ two @ B
    np.testing.assert_allclose(one_step_similarity(B, 3), three, **EXACT)
    np.testing.assert_allclose(two_step_similarity(B, 4), three, **EXACT)  # of four links


def test_a_chain_of_two_states_by_hand():
    # P = [[1, 0], [p, q]]: P P' = [[1, p], [p, p^2 + q^2]], P' P = [[1 + p^2, p q], [p q, q^2]]
    p, q = 0.25, 0.75
    W = colink_similarity(np.array([[1, 0], [p, q]]), 2)
    expected = [[2 + p**2, p + p * q], [p + p * q, p**2 + 2 * q**2]]
    np.testing.assert_allclose(W, expected, **EXACT)
    np.testing.assert_allclose(l1_rows(W)[0, 1], (p + p * q) / (2 + p**2 + p + p * q), **EXACT)


def test_normalisations_by_hand():
    W = np.array([[3.0, 1.0, 0.0], [1.0, 1.0, 2.0], [0.0, 2.0, 2.0]])
    e = np.exp
    np.testing.assert_allclose(l1_rows(W)[0], [0.75, 0.25, 0], **EXACT)
    np.testing.assert_allclose(softmax_rows(W)[0], [e(2) / (e(2) + 1), 1 / (e(2) + 1), 0], **EXACT)
    np.testing.assert_allclose(min_max_rows(W), [[1, 0, 0], [0, 0, 1], [0, 0.5, 0.5]], **EXACT)
    np.testing.assert_allclose(linear_rows(W), W / 4, **EXACT)  # all rows sum to four
    np.testing.assert_allclose(
        linear_rows(np.array([[1.0, 1.0], [1.0, 3.0]])), [[0.75, 0.25], [0.25, 0.75]], **EXACT
    )


@pytest.mark.parametrize("normalise", [softmax_rows, min_max_rows])
def test_a_stored_zero_is_no_entry(normalise):
    W = np.array([[3.0, 1.0, 0.0], [1.0, 1.0, 2.0], [0.0, 2.0, 2.0]])
    stored = sp.csr_array((W.ravel(), np.tile(np.arange(3), 3), [0, 3, 6, 9]), shape=(3, 3))
    np.testing.assert_allclose(normalise(stored).toarray(), normalise(W), **EXACT)
    assert stored.nnz == 9  # what was given is left as it was


def test_a_cousins_chain_has_the_similarity_and_the_normalisation_asked_for():
    W = colink(B, 3, similarity=one_step_similarity, normalise=softmax_rows)
    assert (softmax_rows(one_step_similarity(B, 3)) == W).all()


@pytest.mark.parametrize("norm", [2, np.inf])
def test_rows_scaled_to_any_norm_are_l1_rows_once_they_sum_to_one(norm):
    W = colink_similarity(B, 3)
    scaled = W / np.linalg.norm(W, norm, axis=1)[:, None]
    np.testing.assert_allclose(l1_rows(scaled), l1_rows(W), **EXACT)


def test_a_power_is_so_many_steps():
    np.testing.assert_allclose(power(B, 3), B @ B @ B, **EXACT)


def test_the_chain_converges_as_the_order_grows():
    def step(n):
        return np.abs(colink(B, n + 1) - colink(B, n)).sum(axis=1).max()

    steps = [step(n) for n in (2, 10, 20, 40, 80)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < 1e-3 * steps[0]


def test_it_tends_to_a_mixture_of_two_laws():
    # M = P + P' is symmetric, so M^n / |M|^n -> u u' with its Perron vector u, and
    # W -> (P u)(P u)' + (P' u)(P' u)' up to scale: rows mix the directions of P u and P' u
    values, vectors = np.linalg.eigh(B + T)
    u = np.abs(vectors[:, -1])
    limit = np.outer(B @ u, B @ u) + np.outer(T @ u, T @ u)
    gap = np.abs(values[:-1]).max() / values[-1]
    n = 60
    # the remainder is at most S ** 2 * gap ** (n - 2) of the entries of W, and those of limit
    # are no smaller than (min u) ** 2 times the smallest row sum of P or P' squared
    np.testing.assert_allclose(colink(B, n), l1_rows(limit), atol=144 * gap ** (n - 2) / u.min())


def test_on_a_bipartite_graph_of_links_even_and_odd_orders_stay_apart():
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    for n in (2, 8, 100):
        assert (colink(swap, n) == np.eye(2)).all()
        assert (colink(swap, n + 1) == swap).all()


@pytest.mark.parametrize("chain", [colink, power])
def test_order_one_is_the_original(chain):
    assert (chain(B, 1) == B).all()


@pytest.mark.parametrize("chain", [colink, power])
@pytest.mark.parametrize("order", [0, -1])
def test_an_order_below_one_is_refused(chain, order):
    with pytest.raises(InvalidParameter, match="order must be at least 1"):
        chain(B, order)


@pytest.mark.parametrize(
    "similarity", [colink_similarity, two_step_similarity, one_step_similarity]
)
def test_a_similarity_of_order_one_is_refused(similarity):
    with pytest.raises(InvalidParameter, match="order 2 or more"):
        similarity(B, 1)


def test_wangs_orders_end_at_four():
    with pytest.raises(InvalidParameter, match="orders 2, 3 and 4; got 5"):
        wang_similarity(B, 5)


def test_an_order_whose_similarities_overflow_is_refused():
    with pytest.raises(InvalidParameter, match="order 2000 is too large"):
        colink(B, 2000)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.6], [0, 1]], r"P_a\[0\] must be non-negative and sum to 1"),
        ([[1, 0], [1.5, -0.5]], r"P_a\[1\] must be non-negative and sum to 1"),
        ([[0.5, 0.5]], r"shape \(S, S\)"),
    ],
)
def test_what_is_no_chain_is_refused(kind, rows, message):
    with pytest.raises(InvalidModel, match=message):
        colink(kind(np.array(rows, dtype=float)), 2)


def test_a_factor_that_is_no_chain_is_refused():
    with pytest.raises(InvalidModel, match="must be non-negative and sum to 1"):
        colink(ProductChain((B, 2 * B)), 2)


def test_a_product_chain_has_no_other_cousins_than_the_standard_ones():
    with pytest.raises(InvalidParameter, match="give a matrix"):
        colink(ProductChain((B, B)), 2, normalise=softmax_rows)
