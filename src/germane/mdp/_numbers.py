"""What is given as numbers of states, actions or values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter


def numbers_within(name: str, given: ArrayLike, n: int) -> NDArray[np.int64]:
    """The numbers given, of any shape, all of them in ``0..n - 1``.

    Raises:
        InvalidParameter: naming the first that is not.
    """
    numbers = np.asarray(given, dtype=np.int64)
    outside = (numbers < 0) | (numbers >= n)
    if outside.any():
        raise InvalidParameter(f"{name} must lie in 0..{n - 1}; got {numbers[outside].flat[0]}")
    return numbers
