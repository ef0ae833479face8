"""Random numbers of compiled loops: against the definition of the generator, and evenly spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from germane.sampling import below, compiled, cut, fraction, new_stream, random_bits

MASK = 2**64 - 1
bits = st.integers(0, MASK)


def xoshiro(state):
    """Blackman and Vigna's xoshiro256++, in whole numbers of Python."""

    def turned(x, k):
        return (x << k | x >> (64 - k)) & MASK

    while True:
        yield (turned((state[0] + state[3]) & MASK, 23) + state[0]) & MASK
        t = state[1] << 17 & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = turned(state[3], 45)


def test_the_bits_are_those_of_the_generator():
    stream = new_stream(np.random.default_rng(5))
    expected = xoshiro(stream.tolist())
    assert [random_bits(stream) for _ in range(1000)] == [next(expected) for _ in range(1000)]


@given(bits, st.integers(1, 2**32 - 1))
def test_a_cut_is_a_division_of_whole_numbers(x, n):
    assert divmod(x * n, 2**64) == cut(np.uint64(x), n)


@given(bits)
def test_a_fraction_has_the_leading_53_bits(x):
    assert fraction(np.uint64(x)) == (x >> 11) / 2**53 < 1


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_numbers_below_n_are_uniform(n):
    stream = new_stream(np.random.default_rng(n))
    seen = np.bincount([below(n, stream) for _ in range(10_000)], minlength=n)
    assert len(seen) == n
    assert n == 1 or chisquare(seen).pvalue > 1e-4  # three tests with fixed seeds


def test_where_there_is_no_choice_no_number_is_drawn():
    stream = new_stream(np.random.default_rng(0))
    before = stream.tolist()
    assert below(1, stream) == 0
    assert stream.tolist() == before


def test_a_loop_that_allocates_does_not_compile():
    # what is compiled without counting references must not make any: better an error than a leak
    @compiled
    def allocates():
        return np.zeros(3).sum()

    with pytest.raises(Exception, match="array"):
        allocates()
