"""Figures 5 and 6: policies trained in twins that are wrong, deployed in the real network.

Both are one experiment: in Figure 5 twins have the profits wrong, in Figure 6 the processes.
"""

from __future__ import annotations

from functools import partial

from .._experiment import Experiment
from ._deployment import deployed, jobs
from ._settings import PROCESSES, PROFITS, Settings
from ._worst_loss import REWARD, TRANSITIONS, analyse

FIG5 = Experiment(
    name="dt-bsm/fig5",
    title="Loss of policies trained in twins with wrong profits, against the reward discrepancy",
    settings=Settings.by_size(PROFITS),
    jobs=jobs,
    run_job=deployed,
    analyse=partial(analyse, REWARD),
)
"""Figure 5 of the paper."""

FIG6 = Experiment(
    name="dt-bsm/fig6",
    title="Loss of policies trained in twins with wrong processes, against the total variation",
    settings=Settings.by_size(PROCESSES),
    jobs=jobs,
    run_job=deployed,
    analyse=partial(analyse, TRANSITIONS),
)
"""Figure 6 of the paper."""
