"""Experiments on *Provable Performance Bounds for Digital Twin-driven Deep Reinforcement Learning*.

Tao, Xu and You, arXiv 2502.17983.
"""

from ._fig5_fig6 import FIG5, FIG6
from ._other_tasks import OTHER_TASKS

__all__ = ["FIG5", "FIG6", "OTHER_TASKS"]
