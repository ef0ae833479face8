"""What is given as numbers of states or actions, and must be whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import numbers_within


def whole_numbers_within(name: str, given: ArrayLike, n: int) -> NDArray[np.int64]:
    """The numbers given, of any shape, all of them in ``0..n - 1``.

    Raises:
        InvalidParameter: something is no whole number, or lies outside.
    """
    numbers = np.asarray(given)
    if numbers.size > 0 and not np.issubdtype(numbers.dtype, np.integer):
        raise InvalidParameter(f"{name} must be whole numbers; got {given!r}"[:200])
    return numbers_within(name, numbers, n)
