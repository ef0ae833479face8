"""The laws of one step of admission control: who remains, who arrives, and both together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln, xlogy

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def remaining(most: int, leave: float) -> Array:
    """``B[n, k]``, ``(most + 1, most + 1)``: the chance that ``k`` of ``n`` remain.

    Each leaves with probability ``leave``, independently.
    """
    B = np.zeros((most + 1, most + 1))
    for n in range(most + 1):
        B[n, : n + 1] = [
            math.comb(n, k) * (1 - leave) ** k * leave ** (n - k) for k in range(n + 1)
        ]
    return B


def remaining_at_corner(most: int, n_high: int, low: float, high: float) -> Array:
    """``B[n, k]`` when ``n_high`` of ``most`` leave with probability ``high``, the rest with ``low``.

    The ``n`` who are there are drawn from the ``most`` at random. These are the Bernstein coefficients
    of :func:`remaining`, as a polynomial of degree ``most`` on ``[low, high]``.
    """
    leaving_low, leaving_high = remaining(most, low), remaining(most, high)
    B = np.zeros((most + 1, most + 1))
    for n in range(most + 1):
        for j in range(max(0, n - most + n_high), min(n, n_high) + 1):
            chance = math.comb(n_high, j) * math.comb(most - n_high, n - j) / math.comb(most, n)
            law = np.convolve(leaving_high[j, : j + 1], leaving_low[n - j, : n - j + 1])
            B[n, : n + 1] += chance * law
    return B


def arrivals(free: int, mean: float) -> Array:
    """``(free + 1,)`` law of the arrivals that find a place; the last entry is the whole tail."""
    n = np.arange(free)
    below = np.exp(xlogy(n, mean) - mean - gammaln(n + 1))
    return np.append(below, gammainc(free, mean) if free else 1.0)  # P(Poisson >= free)


def queue_matrix(mean_arrivals: float, stay: Array) -> Array:
    """``K[y, x']``: queue lengths one step after ``y`` were refused, of whom ``stay[y]`` remain."""
    K = np.zeros_like(stay)
    places = len(stay) - 1
    for y in range(places + 1):
        for n, chance in enumerate(stay[y, : y + 1]):
            K[y, n:] += chance * arrivals(places - n, mean_arrivals)
    return K


def service_matrix(services: Counts, stay: Sequence[Array]) -> Array:
    """``L[n, m']``: ongoing services one step after there were ``n``, slice by slice ``stay``."""
    L = np.ones((len(services), len(services)))
    for m, B in zip(services.T, stay):
        L *= B[m[:, None], m[None, :]]
    return L
