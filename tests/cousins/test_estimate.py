"""P from samples, by counts and by structure: frequencies, what is refused, and where they tend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.cousins import estimate_by_counts, estimate_by_structure, kernel_frequencies
from germane.errors import InvalidParameter
from germane.learning import collect
from germane.mdp import FactoredMDP
from germane.networks import MisoInterference
from strategies import factored_mdps, mdps

BOTH = pytest.mark.parametrize("estimate", [estimate_by_counts, estimate_by_structure])


def samples_of(mdp, n, rng):
    """Uniformly random pairs, and next states drawn by NumPy."""
    flat = mdp.flat() if isinstance(mdp, FactoredMDP) else mdp
    s, a = rng.integers(mdp.n_states, size=n), rng.integers(mdp.n_actions, size=n)
    rows = flat.transitions.toarray()[s * mdp.n_actions + a]
    return s, a, (rows.cumsum(axis=1) < rng.random((n, 1)) * (1 - 1e-12)).sum(axis=1)


@settings(max_examples=30)
@given(mdps(), st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_by_counts_every_row_holds_the_frequencies_of_its_samples(mdp, seed, n):
    s, a, s_next = samples_of(mdp, n, np.random.default_rng(seed))
    found = estimate_by_counts(mdp, s, a, s_next, untried="stay")
    expected = np.zeros((mdp.n_states, mdp.n_actions, mdp.n_states))
    for pair in zip(s, a, s_next):
        expected[pair] += 1
    for x, b in np.argwhere(expected.sum(axis=2) == 0):
        expected[x, b, x] = 1
    expected /= expected.sum(axis=2, keepdims=True)
    P = found.transitions.toarray().reshape(expected.shape)
    np.testing.assert_allclose(P, expected, rtol=1e-15)
    assert (found.r == mdp.r).all()
    assert found.gamma == mdp.gamma


@settings(max_examples=30)
@given(factored_mdps(), st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_by_structure_every_kernel_counts_all_that_follow_it(mdp, seed, n):
    s, a, s_next = samples_of(mdp, n, np.random.default_rng(seed))
    found = estimate_by_structure(mdp, s, a, s_next, untried="stay")
    totals = [np.zeros(K.shape) for K in mdp.kernels]
    for before, b, after in zip(mdp.components(s), a, mdp.components(s_next)):
        for k, x, y in zip(mdp.index[b], before, after):
            totals[k][x, y] += 1
    for K, N in zip(found.kernels, totals):
        np.testing.assert_array_equal(K, kernel_frequencies(N))
    assert (found.index == mdp.index).all()


@BOTH
def test_with_more_samples_both_tend_to_the_network(estimate):
    # 64 states, 4 actions: 400 samples a pair. Hoeffding for one entry at 5 sigma: 2.5 / sqrt(400)
    mdp = MisoInterference.small().factored()
    s, a, s_next = samples_of(mdp, 400 * mdp.r.size, np.random.default_rng(0))
    found = estimate(mdp, s, a, s_next)
    P = (found.flat() if isinstance(found, FactoredMDP) else found).transitions
    assert np.abs((P - mdp.flat().transitions).toarray()).max() < 0.15


def test_structure_needs_far_fewer_samples_than_counts():
    mdp = MisoInterference.small().factored()
    samples = samples_of(mdp, mdp.r.size, np.random.default_rng(1))
    by_structure = estimate_by_structure(mdp, *samples).flat().transitions
    by_counts = estimate_by_counts(mdp, *samples, untried="stay").transitions
    P = mdp.flat().transitions
    off = [np.abs((Q - P).toarray()).sum(axis=1).mean() for Q in (by_structure, by_counts)]
    assert off[0] < off[1] / 4


@BOTH
def test_rows_without_samples_are_refused_unless_they_may_stay(estimate):
    mdp = MisoInterference.tiny().factored()
    with pytest.raises(InvalidParameter, match="untried='stay'"):
        estimate(mdp, [0], [0], [0])
    with pytest.raises(InvalidParameter, match="untried='stay'"):
        estimate(mdp, np.zeros(0, int), np.zeros(0, int), np.zeros(0, int))
    stays = estimate(mdp, [], [], [], untried="stay")
    P = (stays.flat() if isinstance(stays, FactoredMDP) else stays).transitions
    np.testing.assert_array_equal(P.toarray(), np.repeat(np.eye(16), mdp.n_actions, axis=0))


@BOTH
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (([0], [0], [99]), r"s_next must lie in 0\.\.15; got 99"),
        (([-1], [0], [0]), r"s must lie in 0\.\.15; got -1"),
        (([0], [4], [0]), r"a must lie in 0\.\.3; got 4"),
        (([0, 1], [0], [0]), r"lists of one length; got shapes \[\(2,\), \(1,\), \(1,\)\]"),
        ((0, 0, 0), "lists of one length"),
        (([0.5], [0], [0]), "s must be whole numbers"),
    ],
)
def test_what_are_no_samples_is_refused(estimate, samples, message):
    with pytest.raises(InvalidParameter, match=message):
        estimate(MisoInterference.tiny().factored(), *samples)


@BOTH
def test_a_word_for_what_is_untried_that_is_not_known_is_refused(estimate):
    with pytest.raises(InvalidParameter, match="untried is one of refuse, stay; got 'Refuse'"):
        estimate(MisoInterference.tiny().factored(), [0], [0], [0], untried="Refuse")


def test_a_kernel_that_no_action_follows_need_not_be_seen():
    flip, other = np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(3)
    mdp = FactoredMDP(kernels=(flip, other), index=[[0, 0]], r=np.zeros((4, 1)), gamma=0.9)
    found = estimate_by_structure(mdp, [0, 3], [0, 0], [3, 0])
    np.testing.assert_array_equal(found.kernels[0], flip)


def test_samples_that_were_collected_are_estimated_from():
    mdp = MisoInterference.tiny().factored()
    seen = collect(mdp, n_steps=20_000, rng=np.random.default_rng(0))
    estimate = estimate_by_structure(mdp, seen.s, seen.a, seen.s_next)
    for K, F in zip(estimate.kernels, mdp.kernels):
        assert np.abs(K - F).max() < 0.05
    assert (seen.r == mdp.r[seen.s, seen.a]).all()
