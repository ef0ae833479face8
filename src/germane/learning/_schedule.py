"""Step sizes, exploration and mixing ratios that change with time: one kind of schedule for all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import InvalidParameter
from ..sampling import inlined


class Schedule(NamedTuple):
    r"""The sequence :math:`\max\{ x_\infty, x_0 (1 + c n)^{-p} \}` for ``n = 0, 1, ...``.

    ``Schedule(x)`` is constant; ``Schedule(1, rate=1)`` is ``1 / (1 + n)``; a negative power grows.

    Attributes:
        start: :math:`x_0`, its first value.
        rate: :math:`c`, how fast it changes: by a factor of ``2**-p`` until ``n = 1 / c``.
        power: :math:`p`.
        floor: :math:`x_\infty`, which it does not go below.

    >>> [schedule_value(Schedule(1.0, rate=1.0), n) for n in range(3)]
    [1.0, 0.5, 0.3333333333333333]
    """

    start: float
    rate: float = 0.0
    power: float = 1.0
    floor: float = 0.0


@inlined
def schedule_value(schedule: Schedule, n: int) -> float:
    """The value of a schedule after ``n`` steps, in compiled code and out of it."""
    x = schedule.start
    if schedule.rate > 0:
        base = 1 + schedule.rate * n
        x *= 1 / base if schedule.power == 1 else base**-schedule.power
    return max(x, schedule.floor)


def valid_schedule(
    name: str, given: Schedule | float, low: float = 0.0, high: float = 1.0
) -> Schedule:
    """The schedule given, as floats; a number is a constant one.

    Raises:
        InvalidParameter: naming it, when a value is not finite, ``rate`` is negative, or values
            would leave ``[low, high]``.
    """
    schedule = Schedule(*map(float, given if isinstance(given, tuple) else (given,)))
    ends = (schedule.start, schedule_value(schedule, 0), schedule_value(schedule, 2**62))
    if not np.isfinite(schedule).all() or schedule.rate < 0:
        raise InvalidParameter(f"{name} must be finite with a rate of at least 0; got {given}")
    if not all(low <= x <= high for x in ends):
        raise InvalidParameter(f"{name} must stay within [{low:g}, {high:g}]; got {given}")
    return schedule
