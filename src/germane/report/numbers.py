"""Numbers for people: a bound is never shown smaller than it is.

A double is a finite decimal fraction, so each rounding below is of the number itself, once, in
decimal arithmetic: upper bounds are rounded up, lower bounds down, all else to nearest.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

DIGITS = 4
"""Significant digits of a bound."""

MOST_DIGITS = 7
"""Significant digits spent, at most, to tell two numbers apart."""

TINY = "<\xa010⁻⁷\xa0%"
"""What stands for a share that only rounding keeps from zero."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def up(x: float, digits: int = DIGITS) -> str:
    """``x`` rounded up to significant ``digits``: what is shown is at least ``x``.

    >>> up(0.40933455), up(2047.08), up(2.0)
    ('0.4094', '2048', '2')
    """
    return _show(_round(x, digits, ROUND_CEILING))


def down(x: float, digits: int = DIGITS) -> str:
    """``x`` rounded down to significant ``digits``: what is shown is at most ``x``."""
    return _show(_round(x, digits, ROUND_FLOOR))


def near(x: float, digits: int = 3) -> str:
    """``x`` rounded to nearest: for numbers that bound nothing."""
    return _show(_round(x, digits, ROUND_HALF_EVEN))


def as_given(x: float) -> str:
    """``x`` in the fewest digits that give it back: for what somebody typed."""
    return _show(Decimal(repr(float(x))).normalize(Context(prec=20)))


def percent_up(share: float, digits: int = 3) -> str:
    """A share, rounded up, in percent; one below 100 % is not shown as 100 %.

    >>> percent_up(0.00454), percent_up(0.99996), percent_up(22.7)
    ('0.454\\xa0%', '99.996\\xa0%', '2270\\xa0%')
    """
    if 0 < share < 1e-9:
        return TINY
    exact = 100 * Decimal(share)
    while exact < 100 <= _round(exact, digits, ROUND_CEILING):
        digits += 1
    return f"{_show(_round(exact, digits, ROUND_CEILING))}\xa0%"


def signed_percent(share: float) -> str:
    """A relative error to nearest, in percent, with its sign."""
    sign = "+" if share > 0 else "−" if share < 0 else ""
    return f"{sign}{_show(_round(abs(100 * Decimal(share)), 3, ROUND_HALF_EVEN))}\xa0%"


def signed(x: float, digits: int = 3) -> str:
    """``x`` to nearest, with its sign."""
    return f"{'+' if x > 0 else ''}{near(x, digits)}"


def interval(lower: float, upper: float) -> tuple[str, str]:
    """Both ends rounded outward, with as many digits as it takes to see its width."""
    for digits in range(DIGITS, MOST_DIGITS + 1):
        low, high = _round(lower, digits, ROUND_FLOOR), _round(upper, digits, ROUND_CEILING)
        if high - low <= 2 * (Decimal(upper) - Decimal(lower)):
            break
    return _show(low, tidy=False), _show(high, tidy=False)


def whole(n: int) -> str:
    """A count, in full."""
    return _grouped(str(n))


def _round(x: float | Decimal, digits: int, rounding: str) -> Decimal:
    return Context(prec=digits, rounding=rounding).create_decimal(Decimal(x))


def _show(x: Decimal, *, tidy: bool = True) -> str:
    """Plain between 0.001 and ten million, else with a power of ten; tidy: no trailing zeros."""
    if x == 0:
        return "0"
    if tidy:
        x = x.normalize(Context(prec=40))
    sign, size = ("−" if x < 0 else ""), abs(x)
    exponent = size.adjusted()
    if -3 <= exponent < 7:
        integer, point, fraction = f"{size:f}".partition(".")
        return f"{sign}{_grouped(integer)}{point}{fraction}"
    power = str(exponent).translate(SUPERSCRIPTS)
    return f"{sign}{size.scaleb(-exponent):f}\xa0×\xa010{power}"


def _grouped(digits: str) -> str:
    """Thousands set apart by narrow spaces, from five digits on."""
    return f"{int(digits):,}".replace(",", "\u202f") if len(digits) > 4 else digits
