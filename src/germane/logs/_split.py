"""Some of the rows of a log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidParameter

Value = float | str
Only = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Split:
    """Some of the rows of a log.

    Attributes:
        part: ``(k, n)``: the episodes whose number, in order of their names, is ``k`` modulo ``n``.
        only: the values to which columns are restricted.
    """

    part: tuple[int, int] = (0, 1)
    only: Only = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.part) != 2 or not all(isinstance(x, int) for x in self.part):
            raise InvalidParameter(f"part must be two whole numbers k, n; got {self.part}")
        k, n = self.part
        if not 0 <= k < n:
            raise InvalidParameter(f"part must be (k, n) with 0 <= k < n; got {self.part}")

    def may_share_rows(self, other: Split) -> bool:
        """Whether a row of one log may be in both; not where parts or restrictions exclude each other."""
        (k, n), (l, m) = self.part, other.part
        if (k - l) % math.gcd(n, m):
            return False
        return all(
            {*map(_told, self.only[column])} & {*map(_told, other.only[column])}
            for column in self.only.keys() & other.only.keys()
        )


def _told(value: Value) -> Value:
    """A value as a number if it is one: in a log of texts, ``"1"`` and 1 are the same."""
    try:
        return float(value)
    except ValueError:
        return value


ALL_ROWS = Split()
