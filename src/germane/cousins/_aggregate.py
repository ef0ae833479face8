"""State-action aggregation: neighbouring states of similar cost share one row of a Q table.

References:
    Bozkus and Mitra, arXiv 2402.08022, section IV-D: that neighbours under a smooth cost share a value.
    How groups are formed is not said there; here each is seeded by the first state still alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Aggregation:
    """A partition of the states into groups that share their action values.

    Attributes:
        group: ``(S,)`` the group of each state; groups are numbered by their first states.
    """

    group: Ints

    def __post_init__(self) -> None:
        group = np.array(self.group, dtype=np.int64)
        group.flags.writeable = False
        object.__setattr__(self, "group", group)

    @property
    def n_groups(self) -> int:
        return int(self.group.max()) + 1

    @property
    def saving(self) -> float:
        """The share of a ``(S, A)`` table that is not needed: ``1 - n_groups / S``."""
        return 1 - self.n_groups / len(self.group)

    def expand(self, q: Array) -> Array:
        """``(S, A)`` action values from those of the groups, ``(n_groups, A)``."""
        return q[self.group]


def aggregate_states(
    r: ArrayLike,
    near: ArrayLike,
    alike: ArrayLike,
    *,
    k: int,
    delta: float = np.inf,
) -> Aggregation:
    """Groups of at most ``k`` neighbouring states whose rewards differ by at most ``delta``.

    State by state, one that is still alone takes the ``k - 1`` nearest that are alone too, by the L1
    distance of ``near``, the lower state first among equals. Both kinds of components are columns of
    ``mdp.components(range(S))`` of a factored network. ``O(S n / k)`` for classes of ``n`` alike.

    Args:
        r: ``(S, A)`` rewards [reward units].
        near: ``(S, m)`` components that may differ in a group, such as buffer levels.
        alike: ``(S, l)`` components that may not, such as channel states; ``l`` may be 0.
        k: largest size of a group; 1 aggregates nothing.
        delta: largest ``|r(s, a) - r(s', a)|`` between a group's first state and another of its
            states, for every action [reward units].

    Raises:
        InvalidParameter: ``k`` is below 1, ``delta`` is negative, or the arrays differ in length.
    """
    r, near, alike = (np.asarray(given) for given in (r, near, alike))
    if k < 1 or not delta >= 0:
        raise InvalidParameter(f"k must be at least 1 and delta >= 0; got {k} and {delta}")
    if not len(r) == len(near) == len(alike) or {r.ndim, near.ndim, alike.ndim} != {2}:
        raise InvalidParameter(
            "r, near and alike must have one row for each state; "
            f"got shapes {r.shape}, {near.shape} and {alike.shape}"
        )
    seed = np.empty(len(r), dtype=np.int64)
    for members in _classes(alike):
        alone = members
        while len(alone):
            first, others = alone[0], alone[1:]
            fits = (np.abs(r[others] - r[first]) <= delta).all(axis=1)
            distance = np.abs(near[others] - near[first]).sum(axis=1)
            nearest = np.argsort(np.where(fits, distance, np.inf), kind="stable")[: k - 1]
            taken = nearest[fits[nearest]]
            seed[first], seed[others[taken]] = first, first
            alone = np.delete(others, taken)
    return Aggregation(np.unique(seed, return_inverse=True)[1])


def _classes(alike: NDArray[np.generic]) -> list[Ints]:
    """The states of each class of equal rows, increasing."""
    if alike.shape[1] == 0:
        return [np.arange(len(alike))]
    _, which = np.unique(alike, axis=0, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    return np.split(order, np.flatnonzero(np.diff(which.reshape(-1)[order])) + 1)
