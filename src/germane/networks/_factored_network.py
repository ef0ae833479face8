r"""Networks of parts that move independently: buffers, batteries, channels, transmitters on the move.

*Cost of a slot*: what the decision costs in the present state, and what each part costs in the value
it moves to,

.. math:: c'_a(s, s') = c_a(s) + \sum_f g_f(x'_f), \qquad
    r(s, a) = -\mathrm{E}[c'_a(s, s')] = -c_a(s) - \sum_f (K_{a f}\, g_f)(x_f) ,

so that the mean over next states is exact and needs no row of the whole. Costs are negated here and
nowhere else: rewards are maximised.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP, numbers_within
from ._checks import discount, numbers, some
from ._named_network import NamedNetwork

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Ints = int | np.int64 | Counts


class Parameter(NamedTuple):
    """What is known of one field of a network.

    Attributes:
        words: what it is.
        check: returns the value, or refuses it by name.
        per: ``TX``, ``RX`` or ``relay`` when it has an entry for each; empty for a single number.
        short: the name by which :meth:`NamedNetwork.perturbed` knows it; empty: it does not.
    """

    words: str
    check: Callable[[str, Any], Any]
    per: str = ""
    short: str = ""


class Part(NamedTuple):
    """One part of a network that moves on its own.

    Attributes:
        kernels: its chains, ``(n, n)`` each.
        choice: ``(A,)`` which of them it follows under each action; ``None``: the only one.
        next_cost: ``(n,)`` what it costs to be in each of its values next; ``None``: nothing.
    """

    kernels: Sequence[Array]
    choice: Counts | None = None
    next_cost: Array | None = None


def shorts(parameters: Mapping[str, Parameter]) -> Mapping[str, str]:
    """The fields that can be perturbed, by their short names."""
    return MappingProxyType({p.short: field for field, p in parameters.items() if p.short})


@dataclass(frozen=True, kw_only=True)
class FactoredNetwork(NamedNetwork):
    """A network whose parts move independently; each kind says which, and what they cost.

    Called without arguments a kind has the topology of the paper; :meth:`resized` and
    :meth:`of_size` give the other sizes of the same network.

    Attributes:
        parameters: what is known of each field; of those with an entry per transmitter, receiver or
            relay, the first says how many there are.
        shapes: of each size, its transmitters, receivers and relays, and the fields that differ.
    """

    parameters: ClassVar[Mapping[str, Parameter]]
    shapes: ClassVar[Mapping[str, Mapping[str, int]]]

    def __post_init__(self) -> None:
        n: dict[str, int] = {}
        for field, (_, check, per, _) in self.parameters.items():
            given = getattr(self, field)
            if not per:
                value = check(field, given)
            elif per in n:
                value = numbers(field, given, n[per], check)
            else:
                value = some(field, given, check)
                n[per] = len(value)
            self._keep(field, value)
        self._keep("gamma", discount("gamma", self.gamma))

    # Sizes ----------------------------------------------------------------------------------------

    @classmethod
    def sizes(cls) -> tuple[str, ...]:
        return tuple(cls.shapes)

    @classmethod
    def tiny(cls) -> Self:
        """Tens of state-action pairs, for tests and first looks."""
        return cls().resized("tiny")

    @classmethod
    def small(cls) -> Self:
        """Two transmitters, hundreds of state-action pairs."""
        return cls().resized("small")

    @classmethod
    def medium(cls) -> Self:
        """Some 5,000 state-action pairs."""
        return cls().resized("medium")

    @classmethod
    def large(cls) -> Self:
        """Some 40,000 state-action pairs."""
        return cls().resized("large")

    def resized(self, size: str) -> Self:
        """The same network at another size: its first transmitters, receivers and relays.

        Raises:
            InvalidParameter: for a name that :meth:`sizes` does not list, or when this network has
                too few of them.
        """
        if size not in self.shapes:
            raise InvalidParameter(f"size must be one of {', '.join(self.shapes)}; got {size!r}")
        shape = self.shapes[size]
        changes: dict[str, Any] = {}
        for field, parameter in self.parameters.items():
            value = getattr(self, field)
            if field in shape:
                changes[field] = shape[field]
            elif parameter.per:
                n = shape[parameter.per]
                if n > len(value):
                    raise InvalidParameter(
                        f"size {size} needs {n} entries of {field}; this network has {len(value)}"
                    )
                changes[field] = value[:n]
        return replace(self, **changes)

    # States and actions ---------------------------------------------------------------------------

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """``(V,)`` values that each state variable can take, in the order of the state number."""

    @property
    @abstractmethod
    def decisions(self) -> Counts:
        """``(A, n)`` what each transmitter does in each action."""

    @property
    def n_states(self) -> int:
        return int(np.prod(self.levels))

    @property
    def n_actions(self) -> int:
        return len(self.decisions)

    def decode(self, s: ArrayLike) -> Counts:
        """``(..., V)`` state variables of states ``s``.

        Raises:
            InvalidParameter: when ``s`` is no state.
        """
        return np.stack(
            np.unravel_index(numbers_within("state", s, self.n_states), self.levels), axis=-1
        )

    def encode(self, x: ArrayLike) -> Counts:
        """``(...)`` state numbers of ``(..., V)`` state variables.

        Raises:
            InvalidParameter: when a variable is missing or out of its range.
        """
        x = np.asarray(x, dtype=np.int64)
        if x.shape[-1:] != (len(self.levels),) or ((x < 0) | (x >= self.levels)).any():
            raise InvalidParameter(
                f"a state has {len(self.levels)} variables, with {self.levels} values from 0 on; "
                f"got {x.tolist()}"
            )
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(x, -1, 0)), self.levels))

    def parameter_label(self, name: str, i: int) -> tuple[str, str]:
        parameter = self.parameters[self.perturbable[name]]
        owner = f"{parameter.per}{i + 1}: " if parameter.per else ""
        return f"{owner}{parameter.words}", ""

    # The model ------------------------------------------------------------------------------------

    @abstractmethod
    def _parts(self) -> list[Part]:
        """The parts, in the order of the state number; each holds one or more state variables."""

    @abstractmethod
    def _cost(self, x: Counts, a: Counts) -> Array:
        """``(S, A)`` cost of decisions ``(1, A, n)`` in states of variables ``(S, 1, V)``."""

    def factored(self) -> FactoredMDP:
        """The exact model as the product of its parts."""
        return self._factored

    def mdp(self) -> FiniteMDP:
        return self._factored.flat()

    def reward(self, s: Ints, a: Ints, s_next: Ints) -> Array:
        """``(...)`` rewards of transitions; their mean over ``s_next`` is ``mdp().r[s, a]``."""
        later = np.zeros(np.shape(s_next))
        for cost, x in zip(self._next_costs, np.unravel_index(s_next, self._factored.sizes)):
            later = later + cost[x]
        return np.asarray(-self._present_cost[s, a] - later)

    @cached_property
    def _present_cost(self) -> Array:
        """``(S, A)`` cost of every decision in every state."""
        x = self.decode(np.arange(self.n_states))
        return self._cost(x[:, None, :], self.decisions[None])

    @cached_property
    def _next_costs(self) -> list[Array]:
        """``(n_f,)`` cost of what each part becomes."""
        return [
            np.zeros(len(part.kernels[0])) if part.next_cost is None else part.next_cost
            for part in self._parts()
        ]

    @cached_property
    def _factored(self) -> FactoredMDP:
        parts = self._parts()
        kernels: list[Array] = []
        index = np.empty((self.n_actions, len(parts)), dtype=np.int64)
        cost = self._present_cost
        x = np.unravel_index(np.arange(self.n_states), [len(part.kernels[0]) for part in parts])
        for f, (part, g) in enumerate(zip(parts, self._next_costs)):
            choice = np.zeros(self.n_actions, int) if part.choice is None else part.choice
            index[:, f] = len(kernels) + choice
            cost = cost + np.stack([K @ g for K in part.kernels])[choice, x[f][:, None]]
            kernels += part.kernels
        return FactoredMDP(kernels=tuple(kernels), index=index, r=-cost, gamma=self.gamma)
