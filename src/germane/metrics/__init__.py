"""Bisimulation metrics between a real MDP and its digital twin."""

from ._dt_bsm import dt_bsm
from ._metric import BisimulationMetric
from ._row_wasserstein import row_wasserstein
from ._total_variation import (
    dt_bsm_tv,
    largest_reward_difference,
    row_total_variation,
    total_variation,
)
from ._witness import MetricWitness, metric_witness

__all__ = [
    "BisimulationMetric",
    "MetricWitness",
    "dt_bsm",
    "dt_bsm_tv",
    "largest_reward_difference",
    "metric_witness",
    "row_total_variation",
    "row_wasserstein",
    "total_variation",
]
