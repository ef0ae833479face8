r"""Calibration: the parameters of the twin that make the certificate small.

Two steps, both deterministic. *Fit*: non-linear least squares (trust region, box constraints) on the
mismatch :math:`e = R - R' + \gamma (P - P') V'` of every pair, with the twin planned again at each
trial; where the real network has the form of the twin, this finds its parameters. *Polish*: Powell's
method on the bound itself, from the best point so far, since the smallest sum of squares need not
give the smallest bound where no parameters fit. What is returned is the best twin that was ever
tried, the given one included.

Parameters are searched as logarithms of factors, so that a rate stays a rate. One that is zero or
infinite stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
from scipy.optimize import least_squares, minimize

from ..errors import InvalidParameter
from ..mdp import FiniteMDP
from ._bound import Array, Bound
from ._comparison import Comparison
from ._l4_value_mismatch import bellman_residual
from ._network import Coordinate, Kind, coordinates, entries

NEGLIGIBLE = 1e-9
"""A bound below this share of the trivial one is not worth another trial."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration(Generic[Kind]):
    """A twin with fitted parameters.

    Attributes:
        network: the twin; ``network.mdp()`` is its model.
        relative_errors: what ``perturbed`` has to be given to get it from the twin as it was.
        before, after: the bound (rung L4s) for every policy that is optimal in the twin, then and
            now; ``after`` is never above ``before``.
        parameters: the names that were fitted.
        n_evaluations: twins that were planned.
    """

    network: Kind
    relative_errors: Mapping[str, tuple[float, ...]]
    before: Bound
    after: Bound
    parameters: tuple[str, ...]
    n_evaluations: int


def calibrate(
    network: Kind,
    real: FiniteMDP,
    *,
    parameters: Sequence[str] | None = None,
    largest_factor: float = 2.0,
    max_evaluations: int = 500,
) -> Calibration[Kind]:
    """The twin ``network`` with parameters fitted to the real model, so that its bound is small.

    Args:
        network: the twin.
        real: the real model, with the same states, actions and discount.
        parameters: names that ``network.perturbed`` accepts; every one of them by default.
        largest_factor: no parameter is multiplied or divided by more than this.
        max_evaluations: budget of twins to plan.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.
        InvalidParameter: an unknown parameter, a factor not above 1, or no budget.

    >>> from germane.networks import AdmissionControl
    >>> real = AdmissionControl.tiny()
    >>> found = calibrate(real.perturbed(profit=0.2), real.mdp(), parameters=["profit"])
    >>> [round(profit, 6) for profit in found.network.profit]
    [4.0, 1.0, 4.0]
    """
    if not (math.isfinite(largest_factor) and largest_factor > 1):
        raise InvalidParameter(f"largest_factor must be finite and above 1; got {largest_factor}")
    if max_evaluations < 1:
        raise InvalidParameter(f"max_evaluations must be at least 1; got {max_evaluations}")
    names = tuple(network.perturbable if parameters is None else dict.fromkeys(parameters))
    trials = _Trials(network, real, names)
    before = trials.bound(np.zeros(trials.n_free))
    if trials.n_free:
        reach = math.log(largest_factor)
        n_fits = max_evaluations // (trials.n_free + 1)  # each with a difference a parameter
        if n_fits and not trials.done:
            least_squares(
                trials.mismatch,
                trials.best_x,
                bounds=(-reach, reach),
                xtol=1e-12,
                ftol=1e-12,
                gtol=1e-12,
                max_nfev=n_fits,
            )
        if (left := max_evaluations - trials.n_evaluations) > 0 and not trials.done:
            minimize(
                lambda x: trials.bound(x).value,
                trials.best_x,
                method="Powell",
                bounds=[(-reach, reach)] * trials.n_free,
                options={"maxfev": left, "xtol": 1e-6, "ftol": 1e-9},
            )
    return Calibration(
        network=trials.twin(trials.best_x),
        relative_errors=trials.relative_errors(trials.best_x),
        before=before,
        after=trials.best or before,
        parameters=names,
        n_evaluations=trials.n_evaluations,
    )


class _Trials(Generic[Kind]):
    """Twins tried so far: how many, and the best of them."""

    def __init__(self, network: Kind, real: FiniteMDP, names: tuple[str, ...]) -> None:
        self._network, self._real, self._names = network, real, names
        self._free = [at for at in coordinates(network, names) if self._can_move(at)]
        self.n_evaluations = 0
        self.best_x = np.zeros(self.n_free)
        self.best: Bound | None = None

    def _can_move(self, at: Coordinate) -> bool:
        value = entries(self._network, at.name)[at.i]
        return value != 0 and math.isfinite(value)

    @property
    def n_free(self) -> int:
        return len(self._free)

    @property
    def done(self) -> bool:
        return self.best is not None and self.best.value <= NEGLIGIBLE * self.best.trivial

    def relative_errors(self, x: Array) -> dict[str, tuple[float, ...]]:
        changes = dict(zip(self._free, np.expm1(x).tolist(), strict=True))
        return {
            name: tuple(
                changes.get(Coordinate(name, i), 0.0)
                for i in range(len(entries(self._network, name)))
            )
            for name in self._names
        }

    def twin(self, x: Array) -> Kind:
        return self._network.perturbed(**self.relative_errors(x))

    def bound(self, x: Array) -> Bound:
        return self._tried(x)[1]

    def mismatch(self, x: Array) -> Array:
        return self._tried(x)[0].mismatch()[0].ravel()

    def _tried(self, x: Array) -> tuple[Comparison, Bound]:
        """The twin at ``x`` against the real model, and its bound; the best is kept."""
        self.n_evaluations += 1
        c = Comparison(real=self._real, twin=self.twin(x).mdp())
        bound = bellman_residual(c)
        if self.best is None or bound.value < self.best.value:
            self.best, self.best_x = bound, x.copy()
        return c, bound
