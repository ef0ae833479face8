"""``germane distance``."""

from __future__ import annotations

from .._options import AsJson, Gamma, MaxSeconds, Out, Real, Renormalise, Tol, Twin
from .._output import print_json, save_distances, save_json


def distance(
    real: Real,
    twin: Twin,
    tol: Tol = None,
    max_seconds: MaxSeconds = None,
    gamma: Gamma = None,
    renormalise: Renormalise = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far TWIN is from REAL.

    They share their actions and discount; they may differ in their numbers of states.
    """
    from ...mdp import require_comparable
    from .. import _certify, _distance, _inputs, _show

    models = _certify.read_both(real, twin, _inputs.Reading(gamma=gamma, renormalise=renormalise))
    require_comparable(models[0].mdp, models[1].mdp)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    metric, _ = _certify.measured(*models, tol=tol, max_seconds=max_seconds)
    found = _distance.record(models[0], models[1], metric)
    if out is not None:
        save_distances(out, metric)
        save_json(out / "distance.json", found)
    if as_json:
        print_json(found)
    else:
        _show.distance(found)
        if out is not None:
            _show.line(f"Written: {out / 'distance.json'} and distances.npz beside it.", wrap=False)
