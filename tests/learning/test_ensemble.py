"""What ensembles share: how far rows are apart, kept up to date by what changes; powers; shared rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr, softmax

from germane.cousins import cousin, power
from germane.learning._ensemble import Together, environments, product_power
from germane.learning._measure import Measure, compare_rows, divergence
from germane.mdp import FactoredMDP
from strategies import factored_mdps

law = settings(max_examples=25, deadline=None)

# with q = softmax of the member's row and p of the first one's
DIVERGENCES = {
    Measure.JENSEN_SHANNON: lambda p, q: jensenshannon(p, q, base=2) ** 2,
    Measure.KULLBACK_LEIBLER: lambda p, q: rel_entr(p, q).sum(),
    Measure.SYMMETRIC: lambda p, q: (rel_entr(p, q) + rel_entr(q, p)).sum(),
}


def test_divergences_of_a_quarter_and_a_half():
    # p = (1/4, 3/4), q = (1/2, 1/2)
    q = np.array([[[0, np.log(3)]], [[0, 0]]])
    entropy = -np.array([3 / 8, 5 / 8]) @ np.log2([3 / 8, 5 / 8])
    of_p = -np.array([1 / 4, 3 / 4]) @ np.log2([1 / 4, 3 / 4])
    expected = {
        Measure.JENSEN_SHANNON: entropy - (of_p + 1) / 2,
        Measure.KULLBACK_LEIBLER: np.log(1 / 2) / 4 + 3 * np.log(3 / 2) / 4,
        Measure.SYMMETRIC: np.log(3) / 4,
    }
    for measure, d in expected.items():
        assert divergence(measure, q, 1, 0) == pytest.approx(d, rel=1e-14)


@law
@given(st.sampled_from(list(DIVERGENCES)), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_divergences_are_those_of_scipy(measure, A, seed):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(2, 1, A)) * rng.choice([0.1, 1, 30]) + rng.normal() * 1000
    p_first, p_member = softmax(q[:, 0], axis=1)
    expected = DIVERGENCES[measure](p_first, p_member)
    # values of 1000 are known to 1e-13, and so are the logarithms of what is compared
    np.testing.assert_allclose(divergence(measure, q, 1, 0), expected, rtol=1e-9, atol=1e-12)


@law
@given(st.sampled_from(list(DIVERGENCES)), st.integers(0, 2**32 - 1))
def test_what_is_kept_up_to_date_is_what_would_be_computed_anew(measure, seed):
    rng = np.random.default_rng(seed)
    K, S, A = 4, 3, 2
    now = Together.begin(K, (S, A), measure, rng)
    for _ in range(50):
        k, s, a = rng.integers(K), rng.integers(S), rng.integers(A)
        now.q[k, s, a] = rng.normal()
        compare_rows(measure, now.q, now.apart, now.apart_in, k, s)
    anew = [sum(divergence(measure, now.q, m, s) for s in range(S)) for m in range(1, K)]
    np.testing.assert_allclose(now.apart, [0, *anew], rtol=0, atol=1e-13)


@law
@given(st.sampled_from(list(DIVERGENCES)), st.permutations([1, 2, 3]), st.integers(0, 2**32 - 1))
def test_the_order_of_the_cousins_does_not_matter(measure, order, seed):
    q = np.random.default_rng(seed).normal(size=(4, 1, 3))
    apart = []
    for tables in (q, q[[0, *order]]):
        now = Together.begin(4, (1, 3), measure, np.random.default_rng(0))
        compare_rows(measure, tables, now.apart, now.apart_in, 0, 0)
        apart.append(now.apart)
    assert (apart[0][[0, *order]] == apart[1]).all()


@law
@given(factored_mdps(), st.integers(1, 4))
def test_the_power_of_a_product_is_the_product_of_powers(mdp, n):
    formed = cousin(mdp.flat(), n, chain=power).transitions.toarray()
    np.testing.assert_allclose(
        product_power(mdp, n).flat().transitions.toarray(), formed, atol=1e-12
    )


def test_powers_of_a_factored_network_are_sampled_without_forming_them():
    # 4^7 states, whose flat chain would have 4^14 transitions, more than is ever formed
    index, r = np.zeros((1, 7), dtype=int), np.zeros((4**7, 1))
    large = FactoredMDP(kernels=(np.full((4, 4), 0.25),), index=index, r=r, gamma=0.9)
    assert len(environments(large, large, (1, 2, 3), power)) == 3
