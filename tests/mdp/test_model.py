"""What is a finite MDP, what is refused, and by which name."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given

from germane.errors import InvalidModel, InvalidPolicy
from germane.mdp import FiniteMDP, induced_chain, policy_probabilities
from strategies import mdps

P = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]]])  # P[s, a, s']
R = np.array([[0.0, 1.0], [2.0, 3.0]])


def test_every_accepted_form_of_P_is_the_same_model():
    forms = [
        P,
        P.tolist(),
        [P[:, 0], P[:, 1]],
        (sp.csr_matrix(P[:, 0]), sp.coo_array(P[:, 1])),
        sp.csr_array(P.reshape(4, 2)),
        sp.coo_matrix(P.reshape(4, 2)),
    ]
    assert len({FiniteMDP(form, R, 0.9).fingerprint() for form in forms}) == 1


@given(mdps())
def test_rows_are_sorted_and_free_of_zeros(mdp):
    rows = mdp.transitions
    assert rows.has_canonical_format
    assert (rows.data > 0).all()
    assert rows.shape == (mdp.n_states * mdp.n_actions, mdp.n_states)


def test_duplicates_add_up_and_zeros_are_dropped():
    rows = sp.csr_array(([0.25, 0.25, 0.5, 1.0, 0.0], [1, 1, 0, 1, 0], [0, 3, 5]), shape=(2, 2))
    mdp = FiniteMDP(rows, [[0.0], [0.0]], 0.9)
    assert mdp.transitions.toarray().tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert mdp.transitions.nnz == 3


def test_a_model_shares_no_memory_with_what_it_was_made_from():
    given_P, given_r = sp.csr_array(P.reshape(4, 2)), R.copy()
    mdp = FiniteMDP(given_P, given_r, 0.9)
    before = mdp.fingerprint()
    given_P.data[:] = 0.5
    given_r[:] = 7
    assert mdp.fingerprint() == before
    for part in (mdp.r, mdp.transitions.data, mdp.transitions.indices, mdp.transitions.indptr):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0


def test_rounding_of_a_row_is_left_alone_and_a_larger_error_divided_away():
    third = np.full((3, 1, 3), 1 / 3)
    assert FiniteMDP(third, np.zeros((3, 1)), 0.9).row_sum_correction == 0
    off = third * (1 + 5e-10)
    mdp = FiniteMDP(off, np.zeros((3, 1)), 0.9)
    assert mdp.row_sum_correction == pytest.approx(5e-10, rel=1e-5)
    again = FiniteMDP(mdp.transitions, mdp.r, 0.9)
    assert again.row_sum_correction == 0
    assert again.fingerprint() == mdp.fingerprint()


def changed(s, a, k, value):
    other = P.copy()
    other[s, a, k] = value
    return other


@pytest.mark.parametrize(
    ("bad_P", "bad_r", "gamma", "culprit"),
    [
        (changed(1, 0, 0, 0.1), R, 0.9, r"P\[1, 0\] must sum to 1 within 1e-09; got 1\.1"),
        (changed(1, 1, 0, 0.25 + 2e-9), R, 0.9, r"P\[1, 1\].*got 1\.00000000(2|19+)"),
        (changed(0, 1, 1, -0.5), R, 0.9, r"P\[0, 1, 1\] must be non-negative; got -0\.5"),
        (changed(0, 0, 1, np.nan), R, 0.9, r"P\[0, 0, 1\] must be finite; got nan"),
        (P, [[0, 1], [2, np.inf]], 0.9, r"r\[1, 1\] must be finite; got inf"),
        (P, [0.0, 1.0], 0.9, r"r must have shape \(S, A\).*\(2,\)"),
        (P, np.zeros((2, 3)), 0.9, r"P must have shape \(2, 3, 2\).*got \(2, 2, 2\)"),
        ([P[:, 0]], R, 0.9, r"2 matrices of shape \(2, 2\).*\[\(2, 2\)\]"),
        (sp.csr_array((3, 2)), R, 0.9, r"shape \(4, 2\).*got \(3, 2\)"),
        (P, np.zeros((0, 1)), 0.9, "S, A >= 1"),
        ("nonsense", R, 0.9, "P"),
        (P, R, 1.0, r"gamma must lie in \[0, 1\); got 1\.0"),
        (P, R, -0.1, "gamma"),
        (P, R, float("nan"), "gamma"),
        (P, R, "high", "gamma must be a number"),
    ],
)
def test_what_is_no_mdp_is_refused_by_name(bad_P, bad_r, gamma, culprit):
    with pytest.raises(InvalidModel, match=culprit):
        FiniteMDP(bad_P, bad_r, gamma)


def test_the_first_row_at_fault_is_the_one_named():
    bad = P.copy()
    bad[0, 1] = bad[1, 0] = [0.7, 0.7]
    with pytest.raises(InvalidModel, match=r"P\[0, 1\]"):
        FiniteMDP(bad, R, 0.9)


def test_a_fingerprint_changes_with_any_bit():
    base = FiniteMDP(P, R, 0.9).fingerprint()
    nudged = R.copy()
    nudged[0, 0] = np.nextafter(0.0, 1.0)
    assert FiniteMDP(P, nudged, 0.9).fingerprint() != base
    assert FiniteMDP(P, R, np.nextafter(0.9, 1)).fingerprint() != base
    assert FiniteMDP(P[:, ::-1], R, 0.9).fingerprint() != base


def test_a_deterministic_policy_is_a_stochastic_one():
    mdp = FiniteMDP(P, R, 0.9)
    assert policy_probabilities(mdp, [1, 0]).tolist() == [[0, 1], [1, 0]]
    chain, r = induced_chain(mdp, [[0.5, 0.5], [1.0, 0.0]])
    assert chain.toarray().tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert r.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("policy", "culprit"),
    [
        ([0, 2], r"policy\[1\] must be an action in 0\.\.1; got 2"),
        ([-1, 0], r"policy\[0\]"),
        ([0, 1, 1], r"shape \(3,\)"),
        ([0.0, 1.0], r"\(2,\) integers or \(2, 2\) probabilities"),
        ([[0.5, 0.6], [0, 1]], r"policy\[0\].*0\.6"),
        ([[0.5, 0.5], [-1, 2]], r"policy\[1\]"),
        ([[0.5, 0.5], [np.nan, 1]], r"policy\[1\]"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(policy, culprit):
    with pytest.raises(InvalidPolicy, match=culprit):
        policy_probabilities(FiniteMDP(P, R, 0.9), policy)
