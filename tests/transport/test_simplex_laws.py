"""What the tree simplex promises of its bases: trees, positive flows, exact integer marginals."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from germane.transport._simplex import (
    MASS_BITS,
    integer_masses,
    north_west_tree,
    optimise,
    perturbation_bits,
    tree_arrays,
)


@st.composite
def bases(draw):
    """A degenerate problem with ties and zero masses, solved from its north-west corner."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, k = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    tiny = 10.0 ** -rng.integers(0, 40, 2)  # masses far below the resolution, too
    p, q = ((rng.integers(0, 3, n) + (np.arange(n) == 0) + t) for n, t in zip((m, k), tiny))
    bits = perturbation_bits(m)
    masses = [np.empty(n, np.int64) for n in (m, k)]
    for w, mass in zip((p, q), masses):
        integer_masses(w / w.sum(), np.array([0, len(w)]), bits, mass)
    parent, order, flow = tree_arrays(m + k)
    north_west_tree(*masses, parent, order, flow)
    work = np.empty(m + k), np.empty(m + k, np.int32), np.empty(m + k, np.int32)
    cost = rng.integers(0, 3, m * k).astype(float)
    optimise(m, k, cost, parent, order, flow, *work)
    return masses, parent, order, flow


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_integer_masses_sum_to_one_exactly_and_are_near_the_probabilities(n, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(n))
    bits = perturbation_bits(n)
    mass = np.empty(n, np.int64)
    integer_masses(p, np.array([0, n]), bits, mass)
    assert int(mass.sum()) == 2**MASS_BITS
    assert (mass % 2**bits == 0).all()
    assert (mass > 0).all()
    assert (
        np.abs(mass / 2.0**MASS_BITS - p).sum()
        <= 2 * n * 2.0 ** (bits - MASS_BITS) + 4 * n * 2**-53
    )


@given(bases())
def test_every_flow_of_every_basis_is_positive(basis):
    _, _, _, flow = basis
    assert (flow[1:] > 0).all()


@given(bases())
def test_flows_meet_the_perturbed_marginals_exactly(basis):
    (p, q), parent, _, flow = basis
    m, n = len(p), len(p) + len(q)
    through = [0] * n
    for node in range(1, n):
        through[node] += int(flow[node])
        through[parent[node]] += int(flow[node])
    assert through[:m] == [int(mass) + 1 for mass in p]
    assert through[m:] == [int(mass) for mass in q[:-1]] + [int(q[-1]) + m]


@given(bases())
def test_a_basis_is_a_tree_rooted_at_the_first_row_in_order(basis):
    (p, _), parent, order, _ = basis
    seen = {0}
    assert order[0] == 0
    for node in order[1:]:
        assert int(parent[node]) in seen
        assert (node < len(p)) != (parent[node] < len(p))  # arcs join a row and a column
        seen.add(int(node))
    assert len(seen) == len(order)
