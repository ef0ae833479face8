r"""Every admission-control network between two, as a convex hull of finitely many models.

Two networks that differ only in rates, times and profits bound a *cell*: all networks whose
parameters lie between theirs. The hull of a cell is a list of *corners*, models of which every
network of the cell is a convex mixture, with the same weights in every row. What is convex in the
model, such as a maximum of Bellman backups, is therefore largest at a corner.

* *Profits* enter the rewards linearly: one corner for each end.
* *Ends of services.* How many of ``n`` services remain, each ending with probability ``e``, is a
  polynomial of degree ``n`` in ``e``. In the Bernstein basis of ``[e0, e1]``, of one degree ``d`` for
  all ``n``, weights are non-negative and sum to one, and coefficient ``k`` is the law when ``k`` of
  ``d`` requests end with probability ``e1`` and the rest with ``e0``, ``n`` of the ``d`` being there
  (the polar form, raised in degree): a corner. Corners 0 and ``d`` are networks of the cell; those in
  between come nearer to the cell with the *square* of its width.
* *Refused requests giving up*: the same.
* *Arrivals* into a queue with one place are a mixture of those at both ends. Into ``c > 1`` free places
  they are so up to curvature: since :math:`|E f(N + 2) - 2 E f(N + 1) + E f(N)| \le 2\, osc f`, a
  law of the cell is within :math:`(\lambda_1 - \lambda_0)^2 / 4 \cdot osc f` of a mixture.

Factors are independent, so corners of the whole are products, and expectations of a function over
all of them are one small contraction a factor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..mdp import UNIT_ROUNDOFF
from ._admission_control_laws import (
    Array,
    Counts,
    queue_matrix,
    remaining_at_corner,
    service_matrix,
)

Axis = tuple[str, int]
Ends = Sequence[tuple[float, float]]

LAW_ERROR = 2.0**-43
"""A computed row is no further from the exact one in total variation: some hundred roundings."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AdmissionControlHull:
    """Models of which every admission-control network of a cell is a convex mixture.

    A network of the cell has the rewards of a mixture of ``rewards`` and the rows of a mixture of
    the corners, up to ``error``; pair ``(s, a)`` has row ``row_of[s, a]``. There are ``K`` corners of
    ``n_rows`` rows each.

    Args:
        queue_places: ``(I,)`` places in each queue.
        services: ``(n, I)`` feasible numbers of ongoing services.
        row_of: ``(S, A)`` post-decision state of each pair.
        taken: ``(S, A, I)`` requests admitted.
        mean_arrivals, expiry_probability, end_probability: ``(I,)`` of ``(low, high)``, per step.
        profit: ``(I,)`` of ``(low, high)``.
    """

    queue_places: tuple[int, ...]
    services: Counts
    row_of: Counts
    taken: Counts
    mean_arrivals: Ends
    expiry_probability: Ends
    end_probability: Ends
    profit: Ends

    @property
    def n_rows(self) -> int:
        return int(np.prod([c + 1 for c in self.queue_places])) * len(self.services)

    @cached_property
    def rewards(self) -> Array:
        """``(J, S, A)`` rewards at the corners of the profits."""
        ends = product(*(sorted(set(pair)) for pair in self.profit))
        return np.stack([self.taken @ np.array(profit) for profit in ends])

    @property
    def reward_shape(self) -> tuple[int, ...]:
        """Corners of each profit."""
        return tuple(len({*ends}) for ends in self.profit)

    @cached_property
    def genuine(self) -> NDArray[np.bool_]:
        """``(K,)`` whether a corner is itself a network of the cell."""
        index = np.indices(self.shape).reshape(len(self.shape), -1)
        last = np.array(self.shape)[:, None] - 1
        return np.asarray(((index == 0) | (index == last)).all(axis=0))

    def expectations(self, v: Array) -> Array:
        """``(K, n_rows)`` expectation of ``v (S,)`` at the next state: every corner, every row."""
        n_slices, n_services = len(self.queue_places), len(self.services)
        out = v.reshape(*(c + 1 for c in self.queue_places), n_services)
        out = np.tensordot(self._service_corners, out, axes=(2, n_slices))
        for i in reversed(range(n_slices)):  # in front: a pair of axes for each factor done
            out = np.tensordot(self._queue_corners[i], out, axes=(2, 2 * (n_slices - i) + i))
        corners, rows = range(0, out.ndim, 2), range(1, out.ndim, 2)
        return np.asarray(out.transpose(*corners, *rows).reshape(-1, self.n_rows))

    def rows(self) -> Iterator[Array]:
        """The ``(n_rows, S)`` rows of each corner, in the order of :meth:`expectations`."""
        for factors in product(*self._queue_corners, self._service_corners):
            yield reduce(lambda a, b: np.asarray(np.kron(a, b)), factors)

    @property
    def row_error(self) -> float:
        """How far a row of the cell can be from every mixture, in total variation."""
        return LAW_ERROR + sum(self._curvature)

    def error(self, v: Array) -> float:
        """How far an expectation of ``v`` in the cell can be from every mixture of the corners.

        What rounding adds, and the curvature of arrivals into more than one place.
        """
        places = tuple(c + 1 for c in self.queue_places)
        longest = sum(places) + len(self.services) + 16
        rounding = 2 * (LAW_ERROR + longest * UNIT_ROUNDOFF) * float(np.abs(v).max())
        shaped = v.reshape(*places, len(self.services))
        return rounding + sum(
            curvature * float(np.ptp(shaped, axis=i).max())
            for i, curvature in enumerate(self._curvature)
        )

    @cached_property
    def _curvature(self) -> list[float]:
        """How far arrivals into each queue can be from a mixture of both ends, in total variation."""
        return [
            (1 + 2.0**-40) * (high - low) ** 2 / 4 if places > 1 else 0.0
            for places, (low, high) in zip(self.queue_places, self.mean_arrivals)
        ]

    def spread(self, v: Array) -> Mapping[Axis, float]:
        """How far the parameter of each axis moves an expectation of ``v`` or a reward, at most."""
        found = {}
        at_corners = self.expectations(v).reshape(*self.shape, self.n_rows)
        for k, axis in enumerate(self._axes):
            found[axis] = float(np.ptp(at_corners, axis=k).max())
        for i, (low, high) in enumerate(self.profit):
            if high > low:
                found["profit", i] = (high - low) * float(self.taken[..., i].max())
        return found

    # Corners of the factors -----------------------------------------------------------------------

    @cached_property
    def _queue_corners(self) -> list[Array]:
        """One ``(k, c + 1, c + 1)`` array for each queue: ends of the rate times patience."""
        return [
            np.stack(
                [
                    queue_matrix(mean, stay)
                    for mean in sorted({*means})
                    for stay in _stay(places, leave)
                ]
            )
            for places, means, leave in zip(
                self.queue_places, self.mean_arrivals, self.expiry_probability
            )
        ]

    @cached_property
    def _service_corners(self) -> Array:
        """``(k, n, n)`` for all services together."""
        most = self.services.max(axis=0)
        stay = [_stay(int(n), ends) for n, ends in zip(most, self.end_probability)]
        return np.stack([service_matrix(self.services, laws) for laws in product(*stay)])

    @cached_property
    def _axes(self) -> list[Axis]:
        """The parameter behind each axis of corners."""
        queues = [(name, i) for i in range(len(self.queue_places)) for name in QUEUE]
        return [*queues, *(("mean_service", i) for i in range(len(self.end_probability)))]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Corners along each axis: rate and patience of every queue, then services."""
        most = self.services.max(axis=0)
        queues = [
            n
            for places, means, leave in zip(
                self.queue_places, self.mean_arrivals, self.expiry_probability
            )
            for n in (len({*means}), len(_stay(places, leave)))
        ]
        return (*queues, *(len(_stay(int(n), e)) for n, e in zip(most, self.end_probability)))


QUEUE = ("arrival_rate", "timeout")
"""The axes of corners of a queue."""


def _stay(most: int, leave: tuple[float, float]) -> list[Array]:
    """The laws of who remains, at every corner of the probability to leave."""
    low, high = leave
    corners = range(most + 1) if high > low else range(1)
    return [remaining_at_corner(most, k, low, high) for k in corners]
