"""How numbers are rounded: outward, whatever they are."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from germane.report.numbers import (
    as_given,
    down,
    interval,
    near,
    percent_up,
    signed_percent,
    up,
    whole,
)

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.floats(min_value=0, max_value=1e6)
DIGITS = st.integers(1, 7)


def value_of(text):
    """The exact number that a reader sees."""
    plain = text.replace("−", "-").replace("\u202f", "").replace("\xa0%", "")
    head, times, power = plain.partition("\xa0×\xa010")
    return Decimal(head) * (Decimal(10) ** int(power.translate(SUPERSCRIPTS)) if times else 1)


@given(NUMBERS, DIGITS)
def test_an_upper_bound_is_never_shown_smaller_than_it_is(x, digits):
    assert value_of(up(x, digits)) >= Decimal(x)


@given(NUMBERS, DIGITS)
def test_a_lower_bound_is_never_shown_larger_than_it_is(x, digits):
    assert value_of(down(x, digits)) <= Decimal(x)


@given(NUMBERS, DIGITS)
def test_rounding_is_off_by_less_than_a_unit_of_the_last_digit(x, digits):
    unit = Decimal(10) ** (Decimal(x).adjusted() - digits + 1) if x else Decimal(0)
    assert value_of(up(x, digits)) - Decimal(x) <= unit
    assert Decimal(x) - value_of(down(x, digits)) <= unit
    assert abs(value_of(near(x, digits)) - Decimal(x)) <= unit / 2


@given(NUMBERS)
def test_what_was_typed_is_shown_as_it_was_typed(x):
    assert float(value_of(as_given(x))) == x


@given(SHARES)
def test_a_share_below_one_is_never_shown_as_all_of_it(share):
    shown = percent_up(share)
    if shown.startswith("<"):
        assert 0 < share < 1e-9
        return
    assert value_of(shown) >= 100 * Decimal(share)
    assert (value_of(shown) < 100) == (share < 1)


@given(st.floats(-1e300, 1e300), st.floats(min_value=0, max_value=1e300))
def test_an_interval_is_shown_around_itself(lower, width):
    upper = lower + width
    low, high = interval(lower, upper)
    assert value_of(low) <= Decimal(lower)
    assert value_of(high) >= Decimal(upper)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (up(0.40933455), "0.4094"),
        (up(90.0000000000006), "90.01"),
        (up(2.0), "2"),
        (up(10670.1), "10\u202f680"),
        (up(5.353e-13), "5.353\xa0×\xa010⁻¹³"),
        (up(12345678.0), "1.235\xa0×\xa010⁷"),
        (down(3.14159), "3.141"),
        (down(-3.14159), "−3.142"),
        (near(0.125), "0.125"),
        (as_given(0.1), "0.1"),
        (as_given(5), "5"),
        (percent_up(0.0), "0\xa0%"),
        (signed_percent(-0.15000000000000002), "−15\xa0%"),
        (signed_percent(0.2), "+20\xa0%"),
        (whole(3000000), "3\u202f000\u202f000"),
        (interval(12.324426899762223, 12.324431979847244), ("12.32442", "12.32444")),
        (interval(10.212571, 10.2125999999), ("10.21257", "10.21260")),
    ],
)
def test_numbers_read_like_this(shown, expected):
    assert shown == expected
