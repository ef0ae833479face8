"""Walker's tables of aliases draw from the distributions that they were made of, and nothing else."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from germane.sampling import alias_choice, alias_rows, row_choice

masses = st.lists(st.floats(0, 1e3, allow_subnormal=False), min_size=1, max_size=12).filter(
    lambda mass: sum(mass) > 1e-3
)
bits = st.integers(0, 2**64 - 1)


def rows_of(*rows):
    return alias_rows(
        np.cumsum([0, *map(len, rows)]),
        np.concatenate([np.arange(len(row)) for row in rows]),
        np.concatenate(rows),
    )


def law(rows, i, n_values):
    """What row ``i`` draws from, by the definition of its cells."""
    cells, found = rows.cells[rows.indptr[i] : rows.indptr[i + 1]], np.zeros(n_values)
    for cell in cells:
        share = cell["share"] / 2**64
        found[cell["own"]] += share / len(cells)
        found[cell["other"]] += (1 - share) / len(cells)
    return found


@given(st.lists(masses, min_size=1, max_size=4))
def test_every_row_draws_its_values_in_proportion_to_their_masses(given_rows):
    rows = rows_of(*given_rows)
    for i, row in enumerate(given_rows):
        expected = np.array(row) / sum(row)
        np.testing.assert_allclose(law(rows, i, len(row)), expected, rtol=0, atol=1e-14)


@given(masses, bits)
def test_a_choice_never_draws_what_has_no_mass(mass, x):
    rows = rows_of(mass)
    assert mass[row_choice(rows, 0, np.uint64(x))] > 0
    for end in (0, 2**64 - 1):
        assert mass[row_choice(rows, 0, np.uint64(end))] > 0


@given(masses, bits)
def test_a_choice_is_the_cell_of_the_leading_bits_and_its_side_that_of_the_rest(mass, x):
    rows = rows_of([1.0], mass)
    k, rest = divmod(x * len(mass), 2**64)
    cell = rows.cells[1 + k]
    expected = cell["own"] if rest < int(cell["share"]) else cell["other"]
    assert row_choice(rows, 1, np.uint64(x)) == expected
    assert alias_choice(rows.cells, 1, len(mass), np.uint64(x)) == expected


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40])
def test_evenly_spaced_numbers_meet_the_probabilities(n):
    # a row of n cells cuts the range of numbers in at most 2 n intervals, and on a grid of N
    # midpoints each of them is counted to within one
    mass = np.random.default_rng(n).dirichlet(np.ones(n))
    rows, N = rows_of(mass), 2**14
    seen = [row_choice(rows, 0, np.uint64(Fraction(2 * i + 1, 2 * N) * 2**64)) for i in range(N)]
    np.testing.assert_allclose(np.bincount(seen, minlength=n) / N, mass, rtol=0, atol=2 * n / N)


def test_a_row_without_mass_takes_every_value_alike():
    rows = rows_of(np.zeros(4))
    assert law(rows, 0, 4).tolist() == [0.25] * 4
