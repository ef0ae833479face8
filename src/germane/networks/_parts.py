"""The parts that networks are made of: their chains, and what they cost together.

A *chain* is a small row-stochastic matrix ``K[x, x']``: the law of one part of the state, one slot on.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def store(left: Counts, arrival: float) -> Array:
    """A buffer or a battery of ``len(left) - 1`` places: of ``x`` units ``left[x]`` stay, then one more
    arrives with probability ``arrival``, and is lost when no place is free.
    """
    K = np.zeros((len(left), len(left)))
    x = np.arange(len(left))
    K[x, left] = 1 - arrival
    K[x, np.minimum(left + 1, len(left) - 1)] += arrival
    return K


def after(places: int, n_taken: int) -> Counts:
    """``(places + 1,)`` units that stay when up to ``n_taken`` leave."""
    return np.maximum(np.arange(places + 1) - n_taken, 0)


def gilbert_elliott(n_levels: int, worsen: float, improve: float) -> Array:
    """A channel with levels 0 (best) to ``n_levels - 1``: one down or one up at a time.

    With two levels this is the model of Gilbert and Elliott, with more its birth-death extension.
    """
    K = np.diag([worsen] * (n_levels - 1), 1) + np.diag([improve] * (n_levels - 1), -1)
    return np.asarray(K + np.diag(1 - K.sum(axis=1)))


def lane(n_cells: int, speed: int, forward: float) -> Array:
    """A walk of ``speed`` cells a slot, up the lane with probability ``forward``, else down.

    It stops at the ends of the lane.
    """
    K = np.zeros((n_cells, n_cells))
    x = np.arange(n_cells)
    np.add.at(K, (x, np.minimum(x + speed, n_cells - 1)), forward)
    np.add.at(K, (x, np.maximum(x - speed, 0)), 1 - forward)
    return K


def choices(n: int, n_transmitters: int) -> Counts:
    """``(n ** n_transmitters, n_transmitters)``: one of ``n`` choices for every transmitter."""
    return np.array(list(product(range(n), repeat=n_transmitters)), dtype=np.int64)


def nearness(n_transmitters: int) -> Array:
    """``(n, n)`` inverse distances of evenly spaced transmitters, in spacings; 0 on the diagonal."""
    i = np.arange(n_transmitters)
    distance = np.abs(i[:, None] - i)
    return np.asarray(np.divide(1.0, distance, out=np.zeros(distance.shape), where=distance > 0))


def imbalance(loads: NDArray[np.float64] | Counts) -> Array:
    """``(...)`` squared deviations of ``(..., n)`` loads from their mean, summed."""
    return np.asarray(((loads - loads.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))


def from_db(value_db: float) -> float:
    """The linear ratio of decibels."""
    return float(10 ** (value_db / 10))


def gaussian_tail(x: float) -> float:
    """``Q(x)``, the probability that a standard normal variable exceeds ``x``."""
    return 0.5 * math.erfc(x / math.sqrt(2))


def quality(level: int, n_levels: int) -> str:
    """A channel level in words."""
    return ("good", "bad")[level] if n_levels == 2 else f"level {level}"
