"""What a computation of the digital twin bisimulation metric returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import IncompatibleModels

Array = NDArray[np.float64]
Stop = Literal["tolerance", "rounding", "time", "interrupt"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BisimulationMetric:
    """An interval around the DT-BSM of every pair of states; it holds whenever the solver stopped.

    Attributes:
        lower: ``(S, S')`` and
        upper: ``(S, S')``: ``lower <= d <= upper`` entry by entry [reward units], rounding included.
        models: fingerprints of the real model and the twin, so that a certificate can tell whose
            metric this is.
        n_sweeps: transport sweeps over the pairs.
        n_pivots: simplex steps over all transport problems.
        seconds: wall-clock time.
        stop: why the solver stopped: ``tolerance`` met; ``rounding`` (doubles allow no less);
            ``time`` or ``interrupt``.
    """

    lower: Array
    upper: Array
    models: tuple[str, str]
    n_sweeps: int
    n_pivots: int
    seconds: float
    stop: Stop

    def __post_init__(self) -> None:
        for bound in (self.lower, self.upper):
            bound.flags.writeable = False

    @property
    def error_bound(self) -> float:
        """The widest interval: no entry of ``lower`` or ``upper`` is further from the metric."""
        return float((self.upper - self.lower).max())

    @property
    def max_diagonal(self) -> tuple[float, float]:
        """An interval around ``max_s d(s, s)``, the quantity of Theorem 1.

        Raises:
            IncompatibleModels: the models have different numbers of states.
        """
        S, T = self.lower.shape
        if S != T:
            raise IncompatibleModels(
                f"max_diagonal pairs each real state with the same twin state; got {S} and {T} states"
            )
        return float(self.lower.diagonal().max()), float(self.upper.diagonal().max())

    def __repr__(self) -> str:
        S, T = self.lower.shape
        return (
            f"BisimulationMetric({S} x {T} states, error_bound={self.error_bound:.3g}, "
            f"n_sweeps={self.n_sweeps}, stop={self.stop!r})"
        )
