"""The record of a metric: schema ``germane.distance/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..metrics import dt_bsm_tv
from ._record import STOPS

if TYPE_CHECKING:
    from ..metrics import BisimulationMetric
    from ._inputs import Model


def record(real: Model, twin: Model, metric: BisimulationMetric) -> dict[str, Any]:
    """The metric in a few intervals, each of which certainly holds the distance it is about.

    ``max_diagonal`` and ``max_total_variation_metric`` are ``None`` for models with different
    numbers of states. ``real_to_nearest_twin`` is around ``max_i min_j d(i, j)``: how far the
    worst represented real state is from the nearest twin state; the other way round likewise.
    """
    paired = real.mdp.n_states == twin.mdp.n_states
    ends = (metric.lower, metric.upper)
    return {
        "schema": "germane.distance/1",
        "real": _model(real),
        "twin": _model(twin),
        "gamma": real.mdp.gamma,
        "max_diagonal": list(metric.max_diagonal) if paired else None,
        "max_total_variation_metric": (
            float(dt_bsm_tv(real.mdp, twin.mdp).max()) if paired else None
        ),
        "largest": [float(d.max()) for d in ends],
        "real_to_nearest_twin": [float(d.min(axis=1).max()) for d in ends],
        "twin_to_nearest_real": [float(d.min(axis=0).max()) for d in ends],
        "error_bound": metric.error_bound,
        "n_sweeps": metric.n_sweeps,
        "stop": metric.stop,
        "stop_in_words": STOPS[metric.stop],
        "fingerprints": {"real": real.mdp.fingerprint(), "twin": twin.mdp.fingerprint()},
        "timings": {"metric_seconds": metric.seconds},
    }


def _model(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "n_states": model.mdp.n_states,
        "n_actions": model.mdp.n_actions,
        "notes": list(model.notes),
    }
