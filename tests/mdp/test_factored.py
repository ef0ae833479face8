"""Factored models: the same as their flat ones, pair by pair and draw by draw; what is refused."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from germane.errors import InvalidModel, InvalidParameter, TooLarge
from germane.mdp import FactoredMDP
from strategies import factored_mdps

STAY, FLIP = np.eye(2), np.eye(2)[::-1]


def made(**changes):
    parts = {
        "kernels": (STAY, FLIP),
        "index": [[0, 0], [0, 1]],
        "r": np.zeros((4, 2)),
        "gamma": 0.9,
    }
    return FactoredMDP(**(parts | changes))


@given(factored_mdps())
def test_the_flat_model_is_the_kronecker_product_of_the_kernels(mdp):
    flat = mdp.flat()
    P = flat.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    for a, row in enumerate(mdp.index):
        product = reduce(np.kron, (mdp.kernels[k] for k in row))
        np.testing.assert_allclose(P[:, a], product, rtol=0, atol=1e-12)
    assert (flat.r == mdp.r).all()
    assert flat.gamma == mdp.gamma


@given(factored_mdps())
def test_a_row_is_the_row_of_the_flat_model(mdp):
    flat = mdp.flat().transitions
    for s in range(mdp.n_states):
        for a in range(mdp.n_actions):
            states, masses = mdp.row(s, a)
            row = flat[[s * mdp.n_actions + a]]
            assert states.tolist() == row.indices.tolist()
            np.testing.assert_allclose(masses, row.data, rtol=0, atol=1e-12)


@given(factored_mdps())
def test_components_and_state_numbers_are_inverse_and_in_kronecker_order(mdp):
    s = np.arange(mdp.n_states)
    components = mdp.components(s)
    assert (mdp.state(components) == s).all()
    assert components.tolist() == [list(x) for x in np.ndindex(mdp.sizes)]


@given(factored_mdps(), st.integers(0, 2**32 - 1))
def test_draws_are_possible_and_the_same_generator_draws_the_same(mdp, seed):
    s = np.arange(mdp.n_states)[:, None]
    a = np.arange(mdp.n_actions)
    drawn = mdp.draw(s, a, np.random.default_rng(seed))
    assert (drawn == mdp.draw(s, a, np.random.default_rng(seed))).all()
    rows = mdp.flat().transitions.toarray()
    assert (np.take_along_axis(rows, drawn.reshape(-1, 1), axis=1) > 0).all()


def test_the_frequencies_of_draws_are_the_row():
    # a true law fails for one seed in 1000
    rng = np.random.default_rng(1)
    kernels = tuple(rng.dirichlet(np.ones(n), n) for n in (3, 2, 4))
    mdp = FactoredMDP(kernels=kernels, index=[[0, 1, 2]], r=np.zeros((24, 1)), gamma=0.9)
    states, masses = mdp.row(17, 0)
    drawn = mdp.draw(np.full(100_000, 17), 0, rng)
    assert chisquare(np.bincount(drawn, minlength=24)[states], 100_000 * masses).pvalue > 1e-3


def test_a_model_shares_no_memory_with_what_it_was_made_from():
    kernel, index = STAY.copy(), np.zeros((1, 2), dtype=int)
    mdp = FactoredMDP(kernels=(kernel,), index=index, r=np.zeros((4, 1)), gamma=0.9)
    kernel[:], index[:] = 0.5, 7
    assert (mdp.kernels[0] == STAY).all()
    for part in (mdp.kernels[0], mdp.index, mdp.r):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0


def test_a_row_that_is_slightly_off_is_divided_by_its_sum():
    mdp = made(kernels=(STAY, FLIP * (1 + 5e-10)))
    assert (mdp.kernels[1] == FLIP).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernels": ("no", FLIP)}, r"kernels\[0\] must be a numeric"),
        ({"kernels": (STAY, np.ones((2, 3)))}, r"kernels\[1\] must have shape \(n, n\).*\(2, 3\)"),
        ({"kernels": (STAY, [[2, -1], [0, 1]])}, r"kernels\[1\]\[0, 1\] must be.*got -1"),
        ({"kernels": (STAY, [[1, 0], [0.5, 0.4]])}, r"kernels\[1\]\[1\] must sum to 1.*got 0.9"),
        ({"index": [[0, 0], [0, 2]]}, r"index\[1, 1\] must name one of 2 kernels; got 2"),
        ({"index": [[0, 0]]}, r"index must be an integer array of shape \(2, F\).*\(1, 2\)"),
        ({"index": [[0, 0.5], [0, 1]]}, "index must be an integer array.*float64"),
        ({"index": [[0, 0], [0]]}, r"index must be an \(A, F\) array"),
        ({"kernels": (STAY, np.eye(3))}, "component 1 must have as many values.*2 rows.*3 under"),
        ({"r": np.zeros((5, 2))}, r"each of the 4 states of components \(2, 2\); got 5"),
        ({"r": np.full((4, 2), np.nan)}, r"r\[0, 0\] must be finite"),
        ({"gamma": 1.0}, "gamma must lie in"),
    ],
)
def test_what_is_no_factored_model_is_refused_by_name(changes, message):
    with pytest.raises(InvalidModel, match=message):
        made(**changes)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda mdp: mdp.components(4), r"state must lie in 0\.\.3; got 4"),
        (lambda mdp: mdp.row(0, 2), r"action must lie in 0\.\.1; got 2"),
        (lambda mdp: mdp.draw([0, -1], 0, np.random.default_rng(0)), "state must lie.*got -1"),
        (lambda mdp: mdp.state([0, 2]), r"component 1 must lie in 0\.\.1; got 2"),
        (lambda mdp: mdp.state([0, 1, 1]), r"a state has 2 components; got shape \(3,\)"),
    ],
)
def test_what_is_outside_a_model_is_refused_by_name(ask, message):
    with pytest.raises(InvalidParameter, match=message):
        ask(made())


def test_a_flat_model_beyond_memory_is_refused_and_its_rows_are_not():
    full = np.full((4, 4), 0.25)
    mdp = FactoredMDP(kernels=(full,), index=[[0] * 8], r=np.zeros((4**8, 1)), gamma=0.9)
    with pytest.raises(TooLarge, match=r"4\.3e\+09 transitions"):
        mdp.flat()
    states, masses = mdp.row(0, 0)
    assert len(states) == 4**8
    assert masses.sum() == pytest.approx(1, rel=1e-14)
