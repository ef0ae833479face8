r"""How far the mean of visits may be from the true mean: radii for fixed counts, and for all times.

``n`` independent draws of a variable in an interval of length ``width``; every radius below holds on both
sides with probability at least ``1 - delta``.

*Fixed counts.* Hoeffding, and the empirical Bernstein bound of Maurer and Pontil. They hold only if ``n``
was chosen before the first draw.

*All times at once.* In a log the number of visits to a pair is random and may depend on what was seen,
but the ``k``-th visit is still an independent draw: a bound that holds for every ``n`` at once holds for
the one that the log happens to stop at. By Ville's inequality a nonnegative supermartingale that starts at
1 ever reaches ``1 / delta`` with probability at most ``delta``; mixing over the tilt :math:`\lambda` of
:math:`\exp(\lambda S_n - n \psi(\lambda))` makes one that grows whenever the mean is off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

TUNED_FOR = 1000
"""The number of visits at which the normal mixture is tightest; it must be fixed beforehand."""

N_TILTS = 40
"""Tilts :math:`2^{-j/2}` of the grid: the last is the best for about ``1e12`` visits."""


def hoeffding_radius(n: ArrayLike, width: ArrayLike, delta: float, *, fixed: bool) -> Array:
    r"""Radius of a mean of ``n`` draws from an interval, whatever their variance.

    .. math::
        \frac{width}{2} \sqrt{\frac{2 \ln (2 / \delta)}{n}} \text{ (fixed)}, \quad
        \frac{width}{2 n} \sqrt{(n + \rho) \ln \frac{n + \rho}{\rho \delta^2}} \text{ (all times)}

    Args:
        n: numbers of draws; the radius of none is infinite.
        width: length of the interval.
        delta: probability with which it may fail.
        fixed: whether ``n`` was chosen beforehand.

    References:
        Hoeffding, 1963; Robbins, 1970; Howard, Ramdas, McAuliffe and Sekhon, *Time-uniform,
        nonparametric, nonasymptotic confidence sequences*, Ann. Stat. 49, 2021, equation (14).
    """
    n = np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if fixed:
            radius = np.sqrt(2 * np.log(2 / delta) / n)
        else:
            rho = TUNED_FOR / (2 * np.log(1 / delta) + np.log(1 + 2 * np.log(1 / delta)))
            radius = np.sqrt((n + rho) * np.log((n + rho) / (rho * delta**2))) / n
        return np.asarray(np.where(n > 0, np.asarray(width) / 2 * radius, np.inf))


def bernstein_radius(
    n: ArrayLike, variance: ArrayLike, width: ArrayLike, delta: float, *, fixed: bool
) -> Array:
    r"""Radius of a mean of ``n`` draws from an interval, smaller where they vary little.

    Fixed counts, with the unbiased variance ``v`` and :math:`L = \ln(3 / \delta)`:

    .. math:: \sqrt{2 v L / n} + 7\, width\, L / (3 (n - 1)).

    All times: for every tilt :math:`\lambda` of a grid with weights :math:`w`, and
    :math:`\phi(x) = e^x - 1 - x`,

    .. math::
        |S_n| \le \frac{\ln \frac{4}{w \delta} + n \sigma^2 \phi(\lambda)}{\lambda}, \quad
        \sigma^2 \le \frac{\frac1n \sum (x - \mu)^2 + \frac{1}{n \lambda} \ln \frac{4}{w \delta}}
            {1 - \lambda / 2}

    in units of ``width``. Proof: with :math:`y = (x - \mu)^2 \in [0, 1]`,
    :math:`E e^{\lambda (x - \mu)} \le e^{\sigma^2 \phi(\lambda)}` (Bennett) and
    :math:`E e^{\lambda (\sigma^2 - y)} \le e^{\lambda^2 \sigma^2 / 2}`, since
    :math:`e^{-x} \le 1 - x + x^2 / 2` and :math:`E y^2 \le \sigma^2`. Ville's inequality for every tilt
    and a union over the grid, for both sides, the variance, and :func:`hoeffding_radius`, which bounds
    :math:`\mu` to begin with: a quarter of ``delta`` each.

    Args:
        n, width, delta, fixed: as for :func:`hoeffding_radius`.
        variance: unbiased variance of the draws; it may be too large, never too small.

    References:
        Maurer and Pontil, *Empirical Bernstein bounds*, COLT 2009, Theorem 4, for fixed counts.
    """
    n = np.asarray(n, dtype=np.float64)
    variance, width = np.asarray(variance), np.asarray(width)
    if fixed:
        L = np.log(3 / delta)
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = np.sqrt(2 * variance * L / n) + 7 * width * L / (3 * (n - 1))
        return np.asarray(np.where(n > 1, radius, np.inf))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(width > 0, variance * (n - 1) / n / width**2, 0.0)
        off = hoeffding_radius(n, 1.0, delta / 4, fixed=False)
        for _ in range(2):  # a smaller radius bounds the mean better, and so the variance
            sigma2 = np.minimum(_over_tilts(n, spread + off**2, delta, variance=True), 0.25)
            off = np.minimum(off, _over_tilts(n, sigma2, delta, variance=False))
    return np.asarray(np.where(n > 0, width * off, np.inf))


def _over_tilts(n: Array, given: Array, delta: float, *, variance: bool) -> Array:
    """The best tilt's bound on the variance, or on the mean given the variance; units of the width."""
    best = np.full(np.broadcast_shapes(n.shape, given.shape), np.inf)
    for j in range(N_TILTS):
        tilt = 2.0 ** (-j / 2)
        price = np.log(4 * (j + 1) * (j + 2) / delta) / (n * tilt)
        if variance:
            bound = (given + price) / (1 - tilt / 2)
        else:
            bound = price + given * (np.expm1(tilt) - tilt) / tilt
        best = np.minimum(best, bound)
    return best


def mean_radius(
    n: ArrayLike, variance: ArrayLike, width: ArrayLike, delta: float, *, fixed: bool
) -> Array:
    """The smaller of :func:`hoeffding_radius` and :func:`bernstein_radius`, half of ``delta`` each.

    Infinite where there was no draw.
    """
    return np.minimum(
        hoeffding_radius(n, width, delta / 2, fixed=fixed),
        bernstein_radius(n, variance, width, delta / 2, fixed=fixed),
    )
