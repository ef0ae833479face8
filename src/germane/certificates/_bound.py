"""One bound on the regret, and how its arithmetic is rounded outward."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..mdp import UNIT_ROUNDOFF, FiniteMDP

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Bound:
    """An upper bound on the regret ``max_s v*(s) - v^pi(s)`` in the real network.

    Attributes:
        name: the rung's name in the ladder, such as ``"L1"``.
        title: the same in words.
        value: the bound [reward units]; never below the regret, rounding included.
        lower: a certain lower bound on the regret; 0 unless the rung knows better.
        trivial: the bound L0 that needs no twin at all.
        per_state: ``(S,)`` bound on the regret in each state, where the rung has one.
        parts: terms that add up to ``value`` (up to its outward rounding), in words.
        function: ``(S,)`` the function of a residual rung: with it the value can be computed again.
    """

    name: str
    title: str
    value: float
    trivial: float
    lower: float = 0.0
    per_state: Array | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    function: Array | None = None

    @property
    def vacuous(self) -> bool:
        """Whether the bound says nothing: it is no better than the trivial one."""
        return self.value >= self.trivial

    @property
    def share(self) -> float:
        """The bound as a share of the trivial bound (0 where the trivial bound itself is 0)."""
        return min(self.value / self.trivial, sys.float_info.max) if self.trivial > 0 else 0.0


def round_up(value: float, size: float, n_operations: int = 16) -> float:
    """``value`` plus the rounding of ``n_operations`` steps on numbers of magnitude ``size``."""
    return float(np.nextafter(value + n_operations * UNIT_ROUNDOFF * size, np.inf))


def reward_size(*models: FiniteMDP) -> float:
    """The sum of the largest ``|r|`` of each model [reward units]."""
    return float(sum(np.abs(mdp.r).max() for mdp in models))
