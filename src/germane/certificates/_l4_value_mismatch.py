"""Rungs L4 and L4s: one Bellman backup of the twin's value in the real model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from ._bound import Array, Bound, round_up
from ._comparison import Comparison


def value_mismatch(c: Comparison) -> Bound:
    r"""Rung L4: the mismatch of one Bellman backup of the twin's value.

    .. math::
        \|V^* - V^\pi\| \le 2 H \max_{s, a} |e(s, a)| + H \|g'\|, \quad
        e = R - R' + \gamma (P - P') V'

    Needs both models, or the two backups; also for every policy. ``O(nnz)``. Proof:
    :math:`\|V^* - V'\| \le H \max |e|` and :math:`V' - V^\pi = (I - \gamma P_\pi)^{-1} (g' - e_\pi)`.
    Never above L2 or L3t, nor above :math:`(1 + \gamma)` times L3b.

    References:
        Mueller, *How does the value function of a Markov decision process depend on the transition
        probabilities?*, Math. Oper. Res. 22, 1997.
    """
    e, slack = c.mismatch()
    parts = {
        "model gap": 2 * c.H * (float(np.abs(e).max()) + slack),
        "training": c.H * float(c.step_gap.max()),
    }
    total = sum(parts.values())
    return Bound(
        name="L4",
        title="Mismatch at the twin's value",
        value=round_up(total, total, 64),
        trivial=c.trivial,
        parts=parts,
    )


def bellman_residual(c: Comparison, w: Array | None = None) -> Bound:
    r"""Rung L4s: the signed Bellman residual of the twin's value, or of any function.

    .. math::
        \|V^* - V^\pi\| \le H \big[ \max_s (T w - w)(s) - \min_s (T_\pi w - w)(s) \big]

    Needs the real model's backups of ``w``, by default the twin's value; for every policy the minimum
    is a linear program in each state. ``O(nnz)``. Proof (MacQueen, Porteus): for *every* ``w``,
    :math:`V^* \le w + H \max (T w - w)` and :math:`V^\pi \ge w + H \min (T_\pi w - w)`. Blind to a constant
    added to the twin's rewards. Never above L4 or L2s.
    """
    w = c.v if w is None else w
    residual, slack = c.residual(w)
    parts = {
        "optimum": c.H * (float(residual.max()) + slack),
        "policy": c.H * (float(c.over_policies(-residual).max()) + slack),
    }
    total = sum(parts.values())
    size = sum(abs(part) for part in parts.values())
    return Bound(
        name="L4s",
        title="Bellman residual of the twin's value",
        value=max(round_up(total, size, 64), 0.0),
        trivial=c.trivial,
        parts=parts,
        function=w,
    )


def calibrated_residual(c: Comparison) -> Bound:
    r"""Rung L4s*: L4s at the best multiple of the twin's value.

    .. math::
        \min_{\kappa \ge 0} H \big[ \max_s (T w - w)(s) - \min_s (T_\pi w - w)(s) \big], \quad w = \kappa V'

    Needs what L4s needs. Proof: L4s holds for every function; what is minimised is convex in
    :math:`\kappa`, and an offset would cancel. The search ends at twice the ratio of the reward
    ranges. A twin whose rewards are all too high by one factor costs next to nothing. Never above
    L4s.
    """

    def value(scale: float) -> float:
        residual, slack = c.residual(scale * c.v)
        return float(residual.max() + c.over_policies(-residual).max()) + 2 * slack

    spans = [float(model.r.max() - model.r.min()) for model in (c.real, c.twin)]
    largest = 2 * max(1.0, spans[0] / spans[1] if spans[1] > 0 else 1.0)
    found = minimize_scalar(value, bounds=(0.0, largest), options={"xatol": 1e-7 * largest})
    scales = [1.0, float(found.x)]
    best = min((bellman_residual(c, scale * c.v) for scale in scales), key=lambda b: b.value)
    return replace(best, name="L4s*", title="Bellman residual, best scale of the twin's value")
