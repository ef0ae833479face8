"""Experiments on *Leveraging Digital Cousins for Ensemble Q-Learning in Large-Scale Wireless Networks*.

Bozkus and Mitra, arXiv 2402.08022.
"""

from ._learners import DEEP, TABULAR, Learn, deep, optimal_q, tabular
from ._table import LEARNERS

__all__ = ["DEEP", "LEARNERS", "TABULAR", "Learn", "deep", "optimal_q", "tabular"]
