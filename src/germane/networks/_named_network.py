"""What all networks share: sizes by name, and twins whose parameters are off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import InvalidParameter
from ..mdp import FiniteMDP
from ._checks import above_minus_1, numbers


@dataclass(frozen=True, kw_only=True)
class NamedNetwork(ABC):
    """A frozen dataclass of parameters that makes a finite model, with sizes that have names.

    Args:
        gamma: discount factor per step.
    """

    gamma: float = 0.9

    perturbable: ClassVar[Mapping[str, str]]
    """Short names that :meth:`perturbed` accepts, and the parameter that each one scales."""

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    @abstractmethod
    def sizes(cls) -> tuple[str, ...]:
        """The names that :meth:`of_size` accepts, smallest first."""

    @classmethod
    def of_size(cls, size: str) -> Self:
        """The network of that name: each of :meth:`sizes` is a method as well.

        Raises:
            InvalidParameter: for any other name.
        """
        if size not in cls.sizes():
            raise InvalidParameter(f"size must be one of {', '.join(cls.sizes())}; got {size!r}")
        make: Callable[[], Self] = getattr(cls, size)
        return make()

    def perturbed(self, **relative_errors: float | Sequence[float]) -> Self:
        """The twin whose parameters are off by these *relative errors*: 0.1 is 10 % too high.

        A number applies to every entry of a parameter (every slice, every transmitter), a sequence
        gives one error per entry. States and actions stay what they are, so that the two models can
        be compared; no error at all gives the same network.

        Args:
            **relative_errors: names of ``perturbable``, with errors above -1.

        Raises:
            InvalidParameter: for another name, a wrong length, an error that is not above -1, or one
                that takes a parameter out of its range.
        """
        changes: dict[str, Any] = {}
        for short, error in relative_errors.items():
            if short not in self.perturbable:
                raise InvalidParameter(
                    f"perturbed accepts {', '.join(self.perturbable)}; got {short!r}"
                )
            value = getattr(self, self.perturbable[short])
            entries = value if isinstance(value, tuple) else (value,)
            each: Any = error if np.ndim(error) else [error] * len(entries)
            errors = numbers(f"relative error {short}", each, len(entries), above_minus_1)
            off = tuple(x * (1 + e) for x, e in zip(entries, errors))
            changes[self.perturbable[short]] = off if isinstance(value, tuple) else off[0]
        return replace(self, **changes)

    @property
    @abstractmethod
    def n_states(self) -> int:
        """``S``."""

    @property
    @abstractmethod
    def n_actions(self) -> int:
        """``A``."""

    @abstractmethod
    def mdp(self) -> FiniteMDP:
        """The exact finite MDP.

        Raises:
            TooLarge: when the model could need more than 100 million stored probabilities.
        """

    @abstractmethod
    def label(self, s: int) -> str:
        """State ``s`` in words."""

    @abstractmethod
    def action_label(self, a: int) -> str:
        """Action ``a`` in words."""

    @abstractmethod
    def parameter_label(self, name: str, i: int) -> tuple[str, str]:
        """Entry ``i`` of a parameter that :meth:`perturbed` accepts, in words, and its unit."""
