"""What is known of the real network besides a log: a set of models around a centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidModel
from ..mdp import FiniteMDP

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class RectangularSet:
    r"""Every model within given distances of a centre, pair by pair.

    .. math::
        TV(P(\cdot | s, a), P_c(\cdot | s, a)) \le tv(s, a), \quad |R(s, a) - R_c(s, a)| \le gap(s, a)

    Tolerances of a twin, a box of parameters and an estimate that uses the network's structure are
    all such sets.

    Args:
        centre: a model.
        tv: ``(S, A)`` or one number, in ``[0, 1]``; 1 says nothing.
        reward_gap: ``(S, A)`` or one number, at least 0 [reward units]; infinity says nothing.
        alpha: probability with which the set may fail to hold the real network; 0 for what is known.
        why: in words, what one believes and why; it becomes an assumption of the certificate.

    Raises:
        InvalidModel: a radius is negative or no number, or has the wrong shape.
    """

    centre: FiniteMDP
    tv: Array | float
    reward_gap: Array | float
    why: str
    alpha: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("tv", 1.0), ("reward_gap", np.inf)):
            array = self._broadcast(name, getattr(self, name))
            wrong = ~((array >= 0) & (array <= most))
            if wrong.any():
                s, a = np.argwhere(wrong)[0]
                raise InvalidModel(f"{name}[{s}, {a}] must lie in [0, {most}]; got {array[s, a]}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if not 0 <= self.alpha < 1:
            raise InvalidModel(f"alpha must lie in [0, 1); got {self.alpha}")

    def _broadcast(self, name: str, value: ArrayLike) -> Array:
        shape = self.centre.r.shape
        try:
            return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))
        except ValueError:
            got = np.shape(value)
            raise InvalidModel(f"{name} must have shape {shape}; got {got}") from None
