r"""A box of networks: parameters that are known up to a tolerance, and what holds in all of them.

"The real network's parameters lie within 5 % of these" is a :class:`ParameterBox`. A certificate for
it holds for *every* network of the box, so it needs no real model at all.

What makes this certain, and not sampled, is the *hull* of a cell of the box (:class:`Hull`): a finite
list of corner models of which every network of the cell is a convex mixture, one mixture for all
rows. Network classes say what their hull is, in ``between``; where the model is affine in its
parameters, corners are the extreme points of the cell. A bound that is convex in the model is largest
at a corner. A cell that is too wide is cut in two, and corners come nearer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ._bound import Array
from ._network import Coordinate, Network, coordinates, entries, with_entry


class Hull(Protocol):
    """Corner models of which every network of a cell is a convex mixture.

    A network of the cell has the rewards of a mixture of ``rewards``, and the rows of a mixture of the
    ``K`` corners: one mixture for all states and actions. Corners are a grid, the last axis fastest,
    with one axis for each parameter; a parameter that is ``t`` of the way along an axis of ``d + 1``
    corners gives them the weights of Bernstein's polynomials of degree ``d`` at ``t``. Two corners,
    the extreme points, are thus a linear dependence; one is a parameter that is known.

    Attributes:
        rewards: ``(J, S, A)`` rewards at the corners.
        shape, reward_shape: corners along each axis; their products are ``K`` and ``J``.
        row_of: ``(S, A)`` which of the ``n_rows`` distinct rows each pair has.
        genuine: ``(K,)`` whether a corner is itself a network of the cell.
        row_error: how far a row of the cell can be from every mixture in total variation.
    """

    @property
    def rewards(self) -> Array: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def reward_shape(self) -> tuple[int, ...]: ...
    @property
    def row_of(self) -> NDArray[np.int64]: ...
    @property
    def genuine(self) -> NDArray[np.bool_]: ...
    @property
    def row_error(self) -> float: ...

    def expectations(self, v: Array) -> Array:
        """``(K, n_rows)`` expectation of ``v (S,)`` at the next state: every corner, every row."""

    def rows(self) -> Iterator[Array]:
        """The ``(n_rows, S)`` rows of each corner, in the order of :meth:`expectations`."""

    def error(self, v: Array) -> float:
        """How far an expectation in the cell can be from every mixture, rounding included."""

    def spread(self, v: Array) -> Mapping[tuple[str, int], float]:
        """By how much each parameter, name and entry, moves an expectation of ``v`` or a reward."""


@runtime_checkable
class BoxedNetwork(Network, Protocol):
    """A network whose class knows the hull of a cell."""

    def between(self, other: Self) -> Hull:
        """The hull of every network between this one and another."""


N = TypeVar("N", bound=BoxedNetwork)


@dataclass(frozen=True, eq=False)
class Cell(Generic[N]):
    """Every network whose parameters lie between those of two."""

    low: N
    high: N

    @cached_property
    def hull(self) -> Hull:
        return self.low.between(self.high)

    @property
    def centre(self) -> N:
        """The network in the middle."""
        network = self.low
        for at in coordinates(network):
            network = with_entry(network, at, self._middle(at))
        return network

    def halves(self, at: Coordinate) -> tuple[Cell[N], Cell[N]]:
        """The cell cut in two across one parameter."""
        middle = self._middle(at)
        return (
            Cell(self.low, with_entry(self.high, at, middle)),
            Cell(with_entry(self.low, at, middle), self.high),
        )

    def can_be_cut(self, at: Coordinate) -> bool:
        """Whether a number lies strictly between both ends."""
        low, high = (entries(network, at.name)[at.i] for network in (self.low, self.high))
        return low < self._middle(at) < high

    def _middle(self, at: Coordinate) -> float:
        low, high = (entries(network, at.name)[at.i] for network in (self.low, self.high))
        return low if low == high else low / 2 + high / 2


@dataclass(frozen=True, eq=False)
class ParameterBox(Generic[N]):
    """Every network whose parameters lie within relative tolerances of those of ``network``.

    Args:
        network: the middle of the box.
        tolerances: for each parameter that ``network.perturbed`` accepts, how far it may be off in
            either direction, relatively: 0.05 is 5 %. A number, or one per slice; what is not named
            is exact.

    Raises:
        InvalidParameter: an unknown parameter, or a tolerance that is not in [0, 1).

    >>> from germane.networks import AdmissionControl
    >>> box = ParameterBox(AdmissionControl.tiny(), {"profit": 0.05})
    >>> box.contains(AdmissionControl.tiny().perturbed(profit=-0.04))
    True
    """

    network: N
    tolerances: Mapping[str, float | Sequence[float]]

    def __post_init__(self) -> None:
        if not isinstance(self.network, BoxedNetwork):
            raise InvalidParameter(
                "a box needs a network with a method `between`, which gives the hull of a cell; "
                f"got {type(self.network).__name__}"
            )
        checked = {name: self._checked(name, given) for name, given in self.tolerances.items()}
        object.__setattr__(self, "tolerances", MappingProxyType(checked))

    def _checked(self, name: str, given: float | Sequence[float]) -> tuple[float, ...]:
        n = len(entries(self.network, name))
        tolerances = np.asarray(given, dtype=np.float64)
        if tolerances.shape not in ((), (n,)) or not ((tolerances >= 0) & (tolerances < 1)).all():
            raise InvalidParameter(
                f"tolerance of {name} must be one number in [0, 1), or {n} of them; got {given}"
            )
        return tuple(np.broadcast_to(tolerances, n).tolist())

    @cached_property
    def cell(self) -> Cell[N]:
        """The box as one cell; its ends are rounded outward."""
        low = high = self.network
        for name, tolerances in self.tolerances.items():
            for i, tolerance in enumerate(self._checked(name, tolerances)):
                at, value = Coordinate(name, i), entries(self.network, name)[i]
                if tolerance > 0 and value != 0 and np.isfinite(value):
                    ends = sorted((value * (1 - tolerance), value * (1 + tolerance)))
                    low = with_entry(low, at, _outward(ends[0], -np.inf))
                    high = with_entry(high, at, _outward(ends[1], np.inf))
        return Cell(low, high)

    def contains(self, network: N) -> bool:
        """Whether a network lies in the box."""
        outside = any(
            not low <= x <= high
            for name in self.network.perturbable
            for low, x, high in zip(
                *(entries(n, name) for n in (self.cell.low, network, self.cell.high)), strict=True
            )
        )
        return not outside and self._same_but_for_parameters(network)

    def _same_but_for_parameters(self, network: N) -> bool:
        for at in coordinates(network):
            network = with_entry(network, at, entries(self.network, at.name)[at.i])
        return bool(network == self.network)

    def sample(self, rng: np.random.Generator) -> N:
        """A network of the box: every parameter uniform, or at an end, as likely."""
        errors = {
            name: [
                float(rng.choice([-t, t, rng.uniform(-t, t)]))
                for t in self._checked(name, tolerances)
            ]
            for name, tolerances in self.tolerances.items()
        }
        return self.network.perturbed(**errors)

    def fingerprint(self) -> str:
        """SHA-256 over the network and the tolerances."""
        described = repr((self.network, sorted(self.tolerances.items())))
        return hashlib.sha256(described.encode()).hexdigest()


def _outward(x: float, towards: float) -> float:
    return float(np.nextafter(np.nextafter(x, towards), towards))
