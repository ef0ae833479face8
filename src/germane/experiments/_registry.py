"""Every experiment by name; a new one is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ._experiment import Experiment
from .cousins import LEARNERS
from .dt_bsm import (
    CONVERGENCE,
    COST,
    DRIFT,
    EMPIRICAL,
    FIG5,
    FIG6,
    INEQUALITIES,
    OTHER_TASKS,
    SHRINKING,
)

_ALL: tuple[Experiment[Any], ...] = (
    FIG5,
    FIG6,
    CONVERGENCE,
    INEQUALITIES,
    SHRINKING,
    COST,
    EMPIRICAL,
    DRIFT,
    OTHER_TASKS,
    LEARNERS,
)

EXPERIMENTS: Mapping[str, Experiment[Any]] = MappingProxyType(
    {experiment.name: experiment for experiment in _ALL}
)
"""Name -> experiment, in the order of the papers."""
