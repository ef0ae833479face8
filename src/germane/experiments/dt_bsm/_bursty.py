"""Admission control with bursty arrivals: they come at a low and at a high rate by turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import scipy.sparse as sp

from ...mdp import FiniteMDP
from ...networks import AdmissionControl


@dataclass(frozen=True, kw_only=True)
class BurstyAdmissionControl:
    """Admission control whose arrival rates are switched by a Markov chain of two phases.

    The phase is seen: states ``0..S - 1`` are those of ``mean`` in the quiet phase, the next ``S`` the
    same in the busy one. It changes after the arrivals of the step, whatever is decided.

    Attributes:
        mean: the network whose arrival rates are multiplied.
        quiet, busy: by how much, in each phase.
        leave: chance that a phase ends in a step.
    """

    mean: AdmissionControl = field(
        default_factory=lambda: replace(AdmissionControl.tiny(), capacity=(2, 2, 3))
    )
    quiet: float = 0.25
    busy: float = 1.75
    leave: float = 0.1

    def perturbed(
        self,
        *,
        busy: Sequence[float] = (0.0,),
        leave: Sequence[float] = (0.0,),
        **relative_errors: Sequence[float],
    ) -> Self:
        """The twin whose parameters are off by these relative errors, as in admission control."""
        return replace(
            self,
            mean=self.mean.perturbed(**relative_errors),
            busy=self.busy * (1 + busy[0]),
            leave=self.leave * (1 + leave[0]),
        )

    def mdp(self) -> FiniteMDP:
        r"""The exact model, :math:`P((k, s), a, (k', s')) = K(k, k') P_k(s, a, s')`."""
        phases = [self.mean.perturbed(arrival_rate=x - 1).mdp() for x in (self.quiet, self.busy)]
        K = [[1 - self.leave, self.leave], [self.leave, 1 - self.leave]]
        P = sp.block_array(
            [[chance * phase.transitions for chance in row] for row, phase in zip(K, phases)]
        )
        r = np.vstack([phase.r for phase in phases])
        return FiniteMDP(sp.csr_array(P), r, self.mean.gamma)
