"""Figures and tables of the papers as experiments: settings, independent jobs, recorded rows, analysis.

An experiment is run with :func:`run`, which records a row for each finished job, and understood with
:meth:`Experiment.analysis`, which reads the rows and nothing else. :data:`EXPERIMENTS` has them by name.
"""

from ._experiment import Experiment, Job, Row, Seed, generator, spawn
from ._findings import Analysis, Claim, Figure, Layer
from ._fit import LinearFit
from ._registry import EXPERIMENTS
from ._rows import RowFile, read_rows
from ._run import run
from ._statistics import Estimate, bootstrap_estimate, interquartile_mean

__all__ = [
    "EXPERIMENTS",
    "Analysis",
    "Claim",
    "Estimate",
    "Experiment",
    "Figure",
    "Job",
    "Layer",
    "LinearFit",
    "Row",
    "RowFile",
    "Seed",
    "bootstrap_estimate",
    "generator",
    "interquartile_mean",
    "read_rows",
    "run",
    "spawn",
]
