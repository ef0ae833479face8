r"""What proves a metric to someone who trusts no solver: one function on pairs, and couplings.

Any ``d`` proves an interval around the metric (see ``_dt_bsm``) to whoever can bound each transport
:math:`W_1(P(\cdot | i, a), P'(\cdot | j, a); d)` from both sides. An optimal basis does: filled leaf by leaf
it is a coupling; as equations between potentials it is a dual solution. So the bases of all transports
at the end of the computation are the whole proof, two small integers for each arc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import TooLarge
from ..mdp import FiniteMDP, solve
from ._dt_bsm import _maximiser_value
from ._game import CouplingGame, _classes
from ._metric import BisimulationMetric
from ._workers import Workers

Array = NDArray[np.float64]

MAX_TRIPLES, MAX_CELLS = 2**23, 2**21
"""Largest ``S * S' * A``, and largest number of cells in all bases: some 5 MB of text."""

MAX_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class MetricWitness:
    """A function on pairs of states, and an optimal basis for each pair of rows that is compared.

    Attributes:
        d: ``(S, S')``, the metric as nearly as doubles can say.
        cells: ``(n, 2)`` the bases one after another, ``m + k - 1`` cells each, leaves first: a place in
            the support of the real row and one in that of the twin's row. Rows that are equal share
            one; bases come in the order in which actions, real states and twin states, the last
            fastest, first need them.
    """

    d: Array
    cells: NDArray[np.uint16]


def metric_witness(real: FiniteMDP, twin: FiniteMDP, metric: BisimulationMetric) -> MetricWitness:
    """The proof of a metric: it goes on from the middle of its intervals until rounding forbids more.

    Raises:
        TooLarge: the proof would hold more cells than are kept.
    """
    A = real.n_actions
    if metric.upper.size * A > MAX_TRIPLES:
        raise _too_large(f"{metric.upper.size * A:,} pairs of rows", MAX_TRIPLES)
    (rows_r, id_r), (rows_t, id_t) = (_classes(m, range(A)) for m in (real, twin))
    pairs = id_r.T[:, :, None] * len(rows_t) + id_t.T[:, None, :]  # (A, S, S')
    needed, at = np.unique(pairs, return_index=True)
    i, j = np.divmod(needed, len(rows_t))
    m, k = np.diff(real.transitions.indptr)[rows_r], np.diff(twin.transitions.indptr)[rows_t]
    n_cells = int((m[i] + k[j] - 1).sum())
    if n_cells > MAX_CELLS:
        raise _too_large(f"{n_cells:,} cells of couplings", MAX_CELLS)
    with Workers(None, None) as workers:
        game = CouplingGame(real, twin, solve(real).v, solve(twin).v, workers)
        d = _refined(game, (metric.lower + metric.upper) / 2)
    triples = np.stack(np.unravel_index(np.sort(at), pairs.shape), axis=1).tolist()
    return MetricWitness(d, np.concatenate([game.leaves_first(s, t, a) for a, s, t in triples]))


def _refined(game: CouplingGame, d: Array) -> Array:
    """The metric from a guess, its couplings optimal, as near as the rounding of ``game.apply``."""
    for _ in range(MAX_ROUNDS):
        applied, choice = game.apply(d)
        rounding = game.rounding(float(np.abs(d).max()))
        if np.abs(applied - d).max() <= rounding / 2:
            break
        d = _maximiser_value(game, choice, applied, rounding / (2 - 2 * game.gamma))
    return d


def _too_large(what: str, most: int) -> TooLarge:
    return TooLarge(f"the proof of the metric would hold {what}; at most {most:,} are kept")
