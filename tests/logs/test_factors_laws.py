"""What a log says of a network that is a product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import germane
from germane.errors import InvalidParameter
from samples import drawn

SIZES = (3, 2)
DRIVEN_BY = ([0, 0, 1, 1], [0, 0, 0, 0])  # the second component does not feel the action


def network(seed):
    """A product of two components under four actions, and the generator that made it."""
    rng = np.random.default_rng(seed)
    kernels = (*rng.dirichlet(np.ones(3), (2, 3)), rng.dirichlet(np.ones(2), 2))
    index = [[g, 2] for g in DRIVEN_BY[0]]
    r = rng.uniform(size=(6, 4))
    return germane.FactoredMDP(kernels=kernels, index=index, r=r, gamma=0.9).flat(), rng


def factors(log, **options):
    return germane.estimate_factors(log, SIZES, driven_by=DRIVEN_BY, **options)


@given(st.integers(0, 10**6), st.booleans())
def test_the_set_holds_the_network(seed, fixed):
    """At 1 %, and Weissman's radius is generous: none of some hundred draws fails."""
    real, rng = network(seed)
    found = factors(drawn(real, rng.integers(0, 40, real.r.shape), rng, fixed=fixed))
    assert (germane.total_variation(real, found.centre) <= found.tv + 1e-12).all()


def test_with_endless_visits_the_set_is_the_network():
    real, rng = network(0)
    found = factors(drawn(real, 10**8, rng))
    assert found.tv.max() < 1e-3
    np.testing.assert_allclose(
        found.centre.transitions.toarray(), real.transitions.toarray(), atol=1e-3
    )


def test_a_pair_that_was_never_tried_is_known_from_the_rows_of_its_components():
    """Actions 0 and 1 drive alike: 1 need not be tried."""
    real, rng = network(1)
    visits = np.full(real.r.shape, 20_000)
    visits[:, 1] = 0
    log = drawn(real, visits, rng)
    found = factors(log)
    assert (found.tv[:, 1] == found.tv[:, 0]).all()
    assert found.tv.max() < 0.05
    alone = germane.certify(log, real, known_rewards=True)
    within = germane.certify(log, real, known_rewards=True, within=[found])
    assert within.bound < 0.5 * alone.bound
    assert within.sampling.ledger[f"set 1: {found.why}"] == 0.01


def test_the_radius_of_a_product_is_that_of_independent_couplings():
    """One visit each of two components with laws known to tv x and y: 1 - (1 - x)(1 - y)."""
    real, rng = network(2)
    log = drawn(real, 500, rng)
    found = factors(log, alpha=0.02)
    n_first, n_second = 2 * 500 * 2, 3 * 500 * 4  # values of the other component, actions alike
    x, y = (
        germane.l1_radius(n, m, 0.02 / 8, fixed=False) / 2 for n, m in ((n_first, 3), (n_second, 2))
    )
    np.testing.assert_allclose(found.tv, 1 - (1 - x) * (1 - y), rtol=1e-12)


def test_what_the_structure_leaves_out_shows():
    """Components that move together are no product: the centre stays far away."""
    P = np.zeros((4, 1, 4))
    P[:, 0, [0, 3]] = 0.5  # both components jump to the same value
    real = germane.FiniteMDP(P, np.zeros((4, 1)), 0.9)
    found = germane.estimate_factors(drawn(real, 10_000, np.random.default_rng(0)), (2, 2))
    assert (germane.total_variation(real, found.centre) > found.tv).all()


@pytest.mark.parametrize(
    ("sizes", "options", "culprit"),
    [
        ((3, 3), {}, "multiply to 6 states"),
        ((), {}, "multiply to 6 states"),
        ((3, 2), {"driven_by": ([0, 0, 1, 1],)}, "driven_by must hold 4 whole numbers"),
        ((3, 2), {"driven_by": ([0, 0], [0, 0])}, "driven_by must hold 4 whole numbers"),
        ((3, 2), {"alpha": 0.0}, "alpha must lie in"),
    ],
)
def test_a_structure_that_does_not_fit_is_refused(sizes, options, culprit):
    real, rng = network(3)
    with pytest.raises(InvalidParameter, match=culprit):
        germane.estimate_factors(drawn(real, 5, rng), sizes, **options)
