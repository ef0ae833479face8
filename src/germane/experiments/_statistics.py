"""Means of what was repeated, with intervals: interquartile means and the stratified bootstrap.

Runs that are repeated within each of several tasks (twins) are resampled within each task, so that
the interval speaks of the repetitions and not of which tasks were chosen.

Source: Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, 2021;
the percentile interval of Efron and Tibshirani, 1993.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import trim_mean

from ..errors import InvalidParameter

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its interval."""

    value: float
    low: float
    high: float


def interquartile_mean(x: ArrayLike) -> Array:
    """The mean of the middle half of ``x`` along its last axis: a quarter is cut off at each end.

    >>> float(interquartile_mean([0, 1, 2, 3, 4, 5, 6, 700]))
    3.5
    """
    return np.asarray(trim_mean(np.asarray(x, dtype=np.float64), 0.25, axis=-1))


def bootstrap_estimate(
    strata: Sequence[ArrayLike],
    rng: np.random.Generator,
    *,
    statistic: Callable[[Array], ArrayLike] = interquartile_mean,
    confidence: float = 0.95,
    n_resamples: int = 2000,
) -> Estimate:
    """A statistic of all values, with its stratified-bootstrap percentile interval.

    Args:
        strata: the values of each task; they are drawn again, with replacement, task by task.
        rng: the same generator gives the same interval.
        statistic: of values along the last axis.
        confidence: probability that the interval aims at; it is met as the strata grow.
        n_resamples: how often everything is drawn again.

    Raises:
        InvalidParameter: there is no stratum, an empty one, or ``confidence`` is not within (0, 1).
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in strata]
    if not arrays or any(values.size == 0 for values in arrays):
        raise InvalidParameter("every stratum needs a value, and there must be one stratum")
    if not 0 < confidence < 1:
        raise InvalidParameter(f"confidence must be in (0, 1); got {confidence}")
    drawn = np.concatenate(
        [rng.choice(values, size=(n_resamples, len(values))) for values in arrays], axis=1
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(statistic(drawn)), [tail, 1 - tail])
    value = np.asarray(statistic(np.concatenate(arrays)))
    return Estimate(float(value), float(low), float(high))
