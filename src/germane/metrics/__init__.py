"""Bisimulation metrics between a real MDP and its digital twin."""

from ._dt_bsm import dt_bsm
from ._metric import BisimulationMetric
from ._total_variation import dt_bsm_tv, largest_reward_difference, total_variation

__all__ = [
    "BisimulationMetric",
    "dt_bsm",
    "dt_bsm_tv",
    "largest_reward_difference",
    "total_variation",
]
