"""Checks of network parameters at the door: each returns what it accepts, or names the culprit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter

Counts = NDArray[np.int64]
T = TypeVar("T")


def refuse_outside(name: str, vectors: Counts, largest: tuple[int, ...]) -> None:
    """Refuses ``(..., I)`` vectors of another length, or outside ``0..largest``."""
    if vectors.shape[-1:] != (len(largest),):
        raise InvalidParameter(
            f"{name} must have one entry per slice, {len(largest)}; got shape {vectors.shape}"
        )
    outside = ((vectors < 0) | (vectors > largest)).any(axis=-1)
    if outside.any():
        culprit = vectors[outside][0] if vectors.ndim > 1 else vectors
        raise InvalidParameter(
            f"{name} must lie between 0 and {list(largest)}; got {culprit.tolist()}"
        )


def distinct_names(name: str, given: Iterable[str]) -> tuple[str, ...]:
    """The names given: at least one, no two alike."""
    names = tuple(given)
    if not names or len(set(names)) != len(names):
        raise InvalidParameter(f"{name} must be distinct names, at least one; got {names}")
    return names


def numbers(
    name: str, given: Iterable[Any], n: int, check: Callable[[str, Any], T]
) -> tuple[T, ...]:
    """The ``n`` values given, each as ``check`` returns it."""
    try:
        values = tuple(given)
    except TypeError:
        raise InvalidParameter(f"{name} must be {n} numbers; got {given!r}") from None
    if len(values) != n:
        raise InvalidParameter(f"{name} must have {n} entries; got {len(values)}")
    return tuple(check(f"{name}[{i}]", value) for i, value in enumerate(values))


def _number(accepts: Callable[[float], bool], range_: str) -> Callable[[str, Any], float]:
    """A check that returns its argument as a float, and refuses what ``accepts`` does not."""

    def check(name: str, given: Any) -> float:
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if not accepts(value):
            raise InvalidParameter(f"{name} must be {range_}; got {given!r}")
        return value

    return check


finite = _number(math.isfinite, "a finite number")
positive = _number(lambda x: 0 < x < math.inf, "finite and above 0")
positive_or_inf = _number(lambda x: x > 0, "above 0")
non_negative = _number(lambda x: 0 <= x < math.inf, "finite and at least 0")
above_minus_1 = _number(lambda x: -1 < x < math.inf, "finite and above -1 (0.1 is 10 % too high)")
discount = _number(lambda x: 0 <= x < 1, "in [0, 1)")
probability = _number(lambda x: 0 <= x <= 1, "a probability, in [0, 1]")


def whole(name: str, given: Any) -> int:
    """The whole number given, at least 0."""
    value = non_negative(name, given)
    if not value.is_integer():
        raise InvalidParameter(f"{name} must be a whole number; got {given!r}")
    return int(value)


def whole_from(least: int) -> Callable[[str, Any], int]:
    """A check that takes whole numbers from ``least`` on."""

    def check(name: str, given: Any) -> int:
        value = whole(name, given)
        if value < least:
            raise InvalidParameter(f"{name} must be at least {least}; got {given!r}")
        return value

    return check


def some(name: str, given: Iterable[Any], check: Callable[[str, Any], T]) -> tuple[T, ...]:
    """The values given, at least one, each as ``check`` returns it."""
    values = tuple(given) if isinstance(given, Iterable) else ()
    if not values:
        raise InvalidParameter(f"{name} must list at least one number; got {given!r}")
    return numbers(name, values, len(values), check)
