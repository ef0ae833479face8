"""Rung L3: Theorem 1 of the paper with the bisimulation metric itself."""

from __future__ import annotations

from ..mdp import FiniteMDP
from ..metrics import BisimulationMetric
from ._bound import Bound, horizon, round_up
from ._trivial import trivial


def theorem1(real: FiniteMDP, metric: BisimulationMetric, *, twin_regret: float = 0.0) -> Bound:
    r"""The first bound of Theorem 1, by the DT-BSM.

    .. math::
        \|V^*_{real} - V^\pi_{real}\| \le \frac{2}{1 - \gamma} \max_s d(s, s)
            + \frac{1 + \gamma}{1 - \gamma} \|V^*_{twin} - V^\pi_{twin}\|

    Holds for every policy whose regret in the twin is at most ``twin_regret``, and for a metric that
    was stopped early: its certain upper end is used.

    Args:
        real: the real model.
        metric: ``dt_bsm(real, twin)``.
        twin_regret: :math:`\epsilon \ge \|V^*_{twin} - V^\pi_{twin}\|` [reward units].

    Raises:
        IncompatibleModels: the metric is between models with different numbers of states.

    References:
        Tao, Xu and You, arXiv 2502.17983, Theorem 1 (7), Lemma 4.
    """
    H = horizon(real.gamma)
    parts = {
        "model gap": 2 * H * metric.max_diagonal[1],
        "training": (1 + real.gamma) * H * twin_regret,
    }
    total = sum(parts.values())
    return Bound(
        name="L3",
        title="Theorem 1, DT-BSM",
        value=round_up(total, total),
        trivial=trivial(real).value,
        parts=parts,
    )
