"""What the tests of Figures 5 and 6 are made of, by size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

PROFITS = ("profit",)
"""What twins have wrong in Figure 5."""

PROCESSES = ("arrival_rate", "mean_service", "timeout")
"""What twins have wrong in Figure 6."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Twins, and the policies trained in each.

    The paper prints neither network, nor errors, nor training: these are ours.

    Attributes:
        wrong: parameters of the network that the twins have wrong, slice by slice.
        size: of :class:`germane.AdmissionControl`.
        n_twins: twin ``i`` of ``n`` has relative errors drawn from ``[-e, e]``, with
            ``e = largest_error i / n``: errors of every size are met.
        largest_error: the largest relative error.
        n_trainings: policies that PPO learns in each twin; 0 leaves PPO out, and needs no extra.
        n_references: policies that PPO learns in the real network.
        n_steps: environment steps of each training.
        seed: the root of all seeds.
    """

    wrong: tuple[str, ...]
    size: str = "tiny"
    n_twins: int = 80
    largest_error: float = 0.9
    n_trainings: int = 3
    n_references: int = 12
    n_steps: int = 10_240
    seed: int = 2502_17983

    @classmethod
    def tiny(cls, wrong: tuple[str, ...]) -> Self:
        """Seconds: to see that everything runs."""
        return cls(wrong=wrong, n_twins=6, n_trainings=1, n_references=1, n_steps=512)

    @classmethod
    def default(cls, wrong: tuple[str, ...]) -> Self:
        """240 trainings and deployments, in a network of 64 states that PPO masters."""
        return cls(wrong=wrong)

    @classmethod
    def full(cls, wrong: tuple[str, ...]) -> Self:
        """1000 trainings and deployments, sixteen times as long, in a network of 200 states."""
        return cls(
            wrong=wrong, size="small", n_twins=200, n_trainings=5, n_references=20, n_steps=163_840
        )

    @classmethod
    def by_size(cls, wrong: tuple[str, ...]) -> Mapping[str, Self]:
        """All three, by name."""
        return {"tiny": cls.tiny(wrong), "default": cls.default(wrong), "full": cls.full(wrong)}
