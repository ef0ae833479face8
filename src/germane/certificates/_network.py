"""What a named network must offer, so that its parameters can be repaired, fitted and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from ..errors import InvalidParameter
from ..mdp import FiniteMDP


@runtime_checkable
class Network(Protocol):
    """A frozen dataclass of parameters that makes a model, as those of ``germane.networks`` are.

    Attributes:
        perturbable: short names, and the field that each one scales: a number, or one per slice.
    """

    perturbable: ClassVar[Mapping[str, str]]

    def mdp(self) -> FiniteMDP:
        """The model."""

    def perturbed(self, **relative_errors: Any) -> Self:
        """The network whose parameters are off by these relative errors."""

    def label(self, s: int) -> str:
        """State ``s`` in words."""

    def action_label(self, a: int) -> str:
        """Action ``a`` in words."""

    def parameter_label(self, name: str, i: int) -> tuple[str, str]:
        """Entry ``i`` of the parameter in words, and its unit."""


Kind = TypeVar("Kind", bound=Network)


class Coordinate(NamedTuple):
    """One number among the parameters of a network: entry ``i`` of the one called ``name``."""

    name: str
    i: int


def entries(network: Network, name: str) -> tuple[float, ...]:
    """The numbers of a parameter: one per slice, or one.

    Raises:
        InvalidParameter: the network has no such parameter.
    """
    if name not in network.perturbable:
        raise InvalidParameter(f"the parameters are {', '.join(network.perturbable)}; got {name!r}")
    value = getattr(network, network.perturbable[name])
    return tuple(value) if isinstance(value, tuple) else (value,)


def coordinates(network: Network, names: Iterable[str] | None = None) -> list[Coordinate]:
    """Every number of these parameters, of all by default."""
    chosen = network.perturbable if names is None else names
    return [Coordinate(name, i) for name in chosen for i in range(len(entries(network, name)))]


def with_entry(network: Kind, at: Coordinate, value: float) -> Kind:
    """The network with one number replaced."""
    field = network.perturbable[at.name]
    if not isinstance(getattr(network, field), tuple):
        return _replaced(network, field, value)
    numbers = entries(network, at.name)
    return _replaced(network, field, (*numbers[: at.i], value, *numbers[at.i + 1 :]))


def _replaced(network: Kind, field: str, value: Any) -> Kind:
    dataclass: Any = network
    made: Kind = replace(dataclass, **{field: value})
    return made
