"""A straight line through points, how sure it is, and two tests of whether it is straight at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import isotonic_regression

from ..errors import InvalidParameter

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearFit:
    """The least-squares line through points ``(x, y)``.

    Intervals and tests take the deviations from the line for independent normal ones of one size.

    Args:
        x, y: ``(n,)`` at least four points, of at least three different ``x``.

    Raises:
        InvalidParameter: there are fewer.
    """

    x: Array
    y: Array

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64))
        if len(self.x) < 4 or len(np.unique(self.x)) < 3 or self.x.shape != self.y.shape:
            raise InvalidParameter(
                f"a line needs four points of three different x; got {len(self.x)} of "
                f"{len(np.unique(self.x))}"
            )

    @property
    def slope(self) -> float:
        return float(self._coefficients[0])

    @property
    def intercept(self) -> float:
        return float(self._coefficients[1])

    @property
    def r_squared(self) -> float:
        """The share of the variance of ``y`` that the line explains; 0 where there is none."""
        total = float(((self.y - self.y.mean()) ** 2).sum())
        return 1 - self._squares(1) / total if total > 0 else 0.0

    def at(self, x: ArrayLike) -> Array:
        """The line."""
        return np.asarray(np.polyval(self._coefficients, np.asarray(x, dtype=np.float64)))

    def half_width(self, x: ArrayLike, confidence: float = 0.95) -> Array:
        """Half the width of the confidence band of the line, point by point."""
        away = np.asarray(x, dtype=np.float64) - self.x.mean()
        spread = float(((self.x - self.x.mean()) ** 2).sum())
        n = len(self.x)
        quantile = stats.t.ppf((1 + confidence) / 2, n - 2)
        return np.asarray(quantile * self._deviation * np.sqrt(1 / n + away**2 / spread))

    def slope_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The confidence interval of the slope."""
        spread = float(((self.x - self.x.mean()) ** 2).sum())
        quantile = stats.t.ppf((1 + confidence) / 2, len(self.x) - 2)
        half = float(quantile * self._deviation / np.sqrt(spread))
        return self.slope - half, self.slope + half

    def against_quadratic(self) -> tuple[float, float]:
        """The F statistic of a parabola against the line, and its p-value.

        ``F = (SS_1 - SS_2) / (SS_2 / (n - 3))``, of 1 and ``n - 3`` degrees of freedom.
        """
        left, gained = self._squares(2), self._squares(1) - self._squares(2)
        if left <= 1e-24 * float((self.y**2).sum()):
            return 0.0, 1.0  # every curve passes through all points
        F = max(gained, 0.0) / (left / (len(self.x) - 3))
        return float(F), float(stats.f.sf(F, 1, len(self.x) - 3))

    def against_monotone(self, rng: np.random.Generator, n_resamples: int = 2000) -> float:
        """The p-value of the best rising curve against the line, by a parametric bootstrap.

        The statistic is the share of the line's squared deviations that isotonic regression takes
        away; it is compared with that of points drawn around the line.
        """
        order = np.argsort(self.x, kind="stable")
        line = self.at(self.x)
        drawn = line + self._deviation * rng.standard_normal((n_resamples, len(self.x)))
        seen = _gained_by_rising(self.x[order], self.y[order])
        others = [_gained_by_rising(self.x[order], y) for y in drawn[:, order]]
        return float((1 + sum(other >= seen for other in others)) / (1 + n_resamples))

    @property
    def _coefficients(self) -> Array:
        return np.asarray(np.polyfit(self.x, self.y, 1))

    @property
    def _deviation(self) -> float:
        return float(np.sqrt(self._squares(1) / (len(self.x) - 2)))

    def _squares(self, degree: int) -> float:
        return _squares(self.x, self.y, degree)


def _squares(x: Array, y: Array, degree: int) -> float:
    """What the best polynomial leaves, squared and summed."""
    return float(((y - np.polyval(np.polyfit(x, y, degree), x)) ** 2).sum())


def _gained_by_rising(x: Array, y: Array) -> float:
    line = _squares(x, y, 1)
    rising = float(((y - isotonic_regression(y).x) ** 2).sum())
    return (line - rising) / line if line > 0 else 0.0
