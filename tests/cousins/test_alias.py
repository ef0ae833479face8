"""Walker's tables of aliases draw from the distributions that they were made of, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from germane.cousins import alias_cells, alias_choice

masses = st.lists(st.floats(0, 1e3, allow_subnormal=False), min_size=1, max_size=12).filter(
    lambda mass: sum(mass) > 1e-3
)
BELOW_ONE = 1 - 2.0**-53


def law(cells, n_values):
    """What the cells of one row draw from, by their definition."""
    found = np.zeros(n_values)
    for cell in cells:
        found[cell["own"]] += cell["share"] / len(cells)
        found[cell["other"]] += (1 - cell["share"]) / len(cells)
    return found


@given(st.lists(masses, min_size=1, max_size=4))
def test_every_row_draws_its_values_in_proportion_to_their_masses(rows):
    indptr = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.arange(len(row))[::-1] for row in rows])
    cells = alias_cells(indptr, values, np.concatenate(rows))
    for first, last, row in zip(indptr, indptr[1:], rows):
        expected = np.array(row[::-1]) / sum(row)
        np.testing.assert_allclose(law(cells[first:last], len(row)), expected, atol=1e-14)


@given(masses, st.floats(0, BELOW_ONE))
def test_a_choice_never_draws_what_has_no_mass_and_leaves_a_number_below_one(mass, u):
    cells = alias_cells(np.array([0, len(mass)]), np.arange(len(mass)), np.array(mass))
    value, left = alias_choice(cells, 0, len(mass), u)
    assert mass[value] > 0
    assert 0 <= left < 1


def test_what_is_left_of_the_number_stays_below_one_where_both_differences_round_alike():
    # share and 1 - 2**-53 - share and 1 - share all tie: the last two round to the same double
    for k in range(1, 400, 2):
        share = k * 2.0**-54
        cells = np.zeros(1, dtype=[("share", "f8"), ("own", "i4"), ("other", "i4")])
        cells["share"] = share
        assert alias_choice(cells, 0, 1, BELOW_ONE)[1] < 1


def test_a_row_without_mass_takes_every_value_alike():
    cells = alias_cells(np.array([0, 4]), np.arange(4), np.zeros(4))
    assert law(cells, 4).tolist() == [0.25] * 4
