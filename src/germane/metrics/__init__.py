"""Bisimulation metrics between a real MDP and its digital twin."""

from ._dt_bsm import dt_bsm
from ._metric import BisimulationMetric

__all__ = ["BisimulationMetric", "dt_bsm"]
