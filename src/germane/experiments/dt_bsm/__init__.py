"""Experiments on *Provable Performance Bounds for Digital Twin-driven Deep Reinforcement Learning*.

Tao, Xu and You, arXiv 2502.17983.
"""

from ._convergence import CONVERGENCE
from ._cost import COST
from ._drift import DRIFT
from ._empirical import EMPIRICAL
from ._fig5_fig6 import FIG5, FIG6
from ._inequalities import INEQUALITIES
from ._other_tasks import OTHER_TASKS
from ._shrinking import SHRINKING

__all__ = [
    "CONVERGENCE",
    "COST",
    "DRIFT",
    "EMPIRICAL",
    "FIG5",
    "FIG6",
    "INEQUALITIES",
    "OTHER_TASKS",
    "SHRINKING",
]
