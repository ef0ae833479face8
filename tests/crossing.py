"""The probability that tosses of a coin ever leave a region, exactly: no simulation, no seed.

A radius that holds for all times at once must hold for whoever stops at the worst one. For a coin the
visits are described by ``(n, x)``, the tosses and the heads among them, so that the probability of
ever meeting a pair at which a radius fails is a sum over a grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Array = NDArray[np.float64]


def grid(n_most: int) -> tuple[Array, Array]:
    """``(n_most + 1, n_most + 1)`` tosses and heads; where there are more heads than tosses, nothing."""
    n, x = np.meshgrid(np.arange(n_most + 1.0), np.arange(n_most + 1.0), indexing="ij")
    return n, np.minimum(x, n)


def ever_outside(p: float, outside: NDArray[np.bool_]) -> float:
    """Probability that a coin with heads ``p`` meets an ``(n, x)`` at which ``outside`` holds."""
    mass, left = np.ones(1), 0.0
    for n in range(1, len(outside)):
        mass = np.append(mass * (1 - p), 0.0) + np.append(0.0, mass * p)
        out = outside[n, : n + 1]
        left += float(mass[out].sum())
        mass = np.where(out, 0.0, mass)
    return left


def outside_at(n: int, p: float, outside: NDArray[np.bool_]) -> float:
    """Probability that ``outside`` holds after ``n`` tosses, a number fixed beforehand."""
    return float(binom.pmf(np.arange(n + 1), n, p)[outside[n, : n + 1]].sum())


def kl(x: Array, n: Array, p: float) -> Array:
    """``KL(P-hat || P)`` of ``x`` heads among ``n`` tosses."""
    q = x / np.maximum(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        heads = np.where(q > 0, q * np.log(q / p), 0.0)
        tails = np.where(q < 1, (1 - q) * np.log((1 - q) / (1 - p)), 0.0)
    return heads + tails
