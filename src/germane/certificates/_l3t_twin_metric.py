"""Rung L3t: the twin's own bisimulation metric, computed once and used for every check."""

from __future__ import annotations

from ..errors import IncompatibleModels
from ..metrics import BisimulationMetric, row_wasserstein
from ._bound import Bound, round_up
from ._comparison import Comparison


def twin_metric(c: Comparison, own: BisimulationMetric) -> Bound:
    r"""Rows compared by transport in the twin's own metric.

    .. math::
        \|V^* - V^\pi\| \le 2 H \max_{s, a} \{ |R - R'| + \gamma W_1(P, P'; \rho') \} + H \|g'\|

    Needs ``own = dt_bsm(twin, twin)``, which belongs to the twin alone and can be kept, and one
    transport for each state and action; also for every policy. Proof: :math:`V'` is 1-Lipschitz for
    :math:`\rho'`, so this is L4 with its mismatch bounded. Never above :math:`(1 + \gamma)` times L3b.

    Raises:
        IncompatibleModels: ``own`` is not the twin's own metric.
    """
    if set(own.models) != {c.twin.fingerprint()}:
        raise IncompatibleModels("the metric given is not the twin's own")
    local = c.reward_gap + c.gamma * row_wasserstein(c.real, c.twin, own.upper)
    parts = {"model gap": 2 * c.H * float(local.max()), "training": c.H * float(c.step_gap.max())}
    total = sum(parts.values())
    return Bound(
        name="L3t",
        title="Transport in the twin's own metric",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )
