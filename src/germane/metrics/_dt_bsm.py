r"""The digital twin bisimulation metric, computed with proof.

**Theory.** ``d`` is the least fixed point of ``T`` (equation (5), see ``_game``). Couplings have mass
one, so ``T(d + c) = T(d) + gamma c``, and for *any* ``d`` at all, with ``e = T(d) - d``,

.. math::
    T(d) + \tfrac{\gamma}{1 - \gamma} \min e \;\le\; d^* \;\le\; T(d) + \tfrac{\gamma}{1 - \gamma} \max e.

One exact application of ``T`` certifies whatever ``d`` it is applied to; the intervals of all
applications are intersected, so what is returned holds whenever the solver stops.

**Iteration.** Start from ``|v - v'|``, a sub-solution (Corollary 1). Then, in the order of Hoffman and
Karp: freeze the couplings and let the maximiser solve its own MDP on the pairs to the end; improve the
couplings by exact transports; repeat. (Switching both players at once need not converge.)

**Stopping rule.** The widest interval is at most ``tol``; or it has come within a small factor of the
rounding error of one application over ``1 - gamma`` and no longer shrinks; or the time is up.

References:
    Tao, Xu and You, arXiv 2502.17983, equations (5), (19), (20), Corollary 1.
    Hoffman and Karp, *On nonterminating stochastic games*, Management Science 12, 1966.
    Porteus, *Some bounds for discounted sequential decision processes*, Management Science 18, 1971.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import UNIT_ROUNDOFF, FiniteMDP, horizon, require_comparable, solve
from ..transport import refuse_beyond_memory
from ._game import Choice, CouplingGame, Frozen
from ._metric import BisimulationMetric, Stop
from ._total_variation import largest_reward_difference
from ._workers import OutOfTime, Workers

Array = NDArray[np.float64]

DEFAULT_TOLERANCE = 1e-6
"""Default ``tol`` as a share of ``Rmax / (1 - gamma)``, the largest distance possible."""

VALUE_TOLERANCE = 1e-9
"""How well both models are planned for the start, as a share of the largest distance possible."""

N_SWEEPS = 20
"""Sweeps of frozen actions between two improvements of the maximiser's actions."""

PATIENCE, LARGEST_SOLVE = 10, 100_000
"""Rounds of sweeps before frozen chains of at most so many pairs are solved directly."""

MAX_STALLED = 10
"""Improvements without a smaller span after which only rounding is left."""


def dt_bsm(
    real: FiniteMDP,
    twin: FiniteMDP,
    *,
    tol: float | None = None,
    max_seconds: float | None = None,
    progress: Callable[[BisimulationMetric], object] | None = None,
    n_threads: int | None = None,
) -> BisimulationMetric:
    r"""The digital twin bisimulation metric of every pair of states, as certain intervals.

    .. math::
        d(i, j) = \max_a \{ |R(i, a) - R'(j, a)| + \gamma W_1(P(\cdot | i, a), P'(\cdot | j, a); d) \}

    Args:
        real: the real network, ``S`` states.
        twin: its digital twin, ``S'`` states; same actions and discount.
        tol: largest width of an interval asked for [reward units]; by default 1e-6 of
            ``Rmax / (1 - gamma)``. Missed only where rounding forbids it; 0 asks for all that doubles
            can give.
        max_seconds: stop after about this time with what is certain by then.
        progress: called after each sweep with the interval that holds by then.
        n_threads: threads; by default every core. Does not change a bit of the result.

    Returns:
        :class:`BisimulationMetric`; ``lower <= d <= upper`` for all pairs, rounding included. An
        interrupt (Ctrl-C) returns what is certain by then, with ``stop="interrupt"``.

    Raises:
        IncompatibleModels: the models differ in their actions or discount.
        InvalidParameter: ``tol`` or ``max_seconds`` is negative, or ``n_threads`` below 1.
        TooLarge: it would not fit into memory: about 100 bytes a pair of states, and 24 for each
            successor of each pair and action, equal rows of transitions counted once.

    References:
        Tao, Xu and You, arXiv 2502.17983, Definition 1, equation (5).
    """
    started = time.monotonic()
    require_comparable(real, twin)
    _require_non_negative("tol", tol)
    _require_non_negative("max_seconds", max_seconds)
    if n_threads is not None and n_threads < 1:
        raise InvalidParameter(f"n_threads must be at least 1; got {n_threads}")
    refuse_beyond_memory("the distances of all pairs", 100 * real.n_states * twin.n_states)
    largest = largest_reward_difference(real, twin) * horizon(real.gamma) * (1 + 16 * UNIT_ROUNDOFF)
    if tol is None:
        tol = DEFAULT_TOLERANCE * largest
    bounds = _Bounds(real, twin, largest, started)
    with Workers(n_threads, max_seconds) as workers:
        try:
            v, v_twin = (solve(mdp, tol=VALUE_TOLERANCE * largest) for mdp in (real, twin))
            d = np.abs(v.v[:, None] - v_twin.v[None, :])
            bounds.raise_to(d - (v.error_bound + v_twin.error_bound))
            game = CouplingGame(real, twin, v.v, v_twin.v, workers)
            stop = _hoffman_karp(game, d, bounds, tol, progress)
        except OutOfTime:
            stop = "time"
        except KeyboardInterrupt:
            stop = "interrupt"
    return bounds.result(stop)


def _hoffman_karp(
    game: CouplingGame,
    d: Array,
    bounds: _Bounds,
    tol: float,
    progress: Callable[[BisimulationMetric], object] | None,
) -> Stop:
    n_stalled, width = 0, np.inf
    while True:
        applied, choice = game.apply(d)
        rounding = game.rounding(float(np.abs(d).max()))
        bounds.tighten(d, applied, rounding, game)
        if progress is not None:
            progress(bounds.result("tolerance"))
        n_stalled = 0 if bounds.width < 0.9 * width else n_stalled + 1
        width = bounds.width
        floor = 8 * rounding / (1 - game.gamma)
        if width <= tol:
            return "tolerance"
        if n_stalled >= 3 and (width <= floor or n_stalled >= 100):
            return "rounding"
        d = _maximiser_value(game, choice, applied, max(0.2 * tol, 0.02 * width, floor / 4))


def _maximiser_value(game: CouplingGame, choice: Choice, d: Array, tol: float) -> Array:
    """The value of the maximiser's MDP on pairs, couplings frozen, to a span of ``tol``.

    Modified policy iteration: at most ``N_SWEEPS`` sweeps of the actions chosen, then all actions.
    Chains that mix slowly are solved instead, once patience runs out and if they are small enough.
    Sweeps in doubles can come to rest at a span of ``u |d| / (1 - gamma)``, hence above ``tol``; what
    they have reached by then is returned.
    """
    reach = game.gamma / (1 - game.gamma)
    least, n_stalled, n_rounds = np.inf, 0, 0
    while n_stalled < MAX_STALLED:
        frozen = game.freeze(choice)
        n_rounds += 1
        if n_rounds > PATIENCE and d.size <= LARGEST_SOLVE:
            d = game.solve_frozen(frozen, tol / 2)
        else:
            d = _swept(game, frozen, d, tol / 2)
        applied, choice = game.apply_kept(d)
        low, high = _range(applied - d)
        d = applied + reach * (low + high) / 2
        if reach * (high - low) <= tol:
            break
        n_stalled = 0 if high - low < least else n_stalled + 1
        least = min(least, high - low)
    return d


def _swept(game: CouplingGame, frozen: Frozen, d: Array, tol: float) -> Array:
    """``N_SWEEPS`` sweeps of frozen actions and couplings, fewer if the span falls to ``tol``."""
    reach = game.gamma / (1 - game.gamma)
    for _ in range(N_SWEEPS):
        applied = game.sweep(frozen, d)
        low, high = _range(applied - d)
        d = applied + reach * (low + high) / 2
        if reach * (high - low) <= tol:
            break
    return d


def _range(e: Array) -> tuple[float, float]:
    return float(e.min()), float(e.max())


class _Bounds:
    """The intervals that are certain so far, and what they cost."""

    def __init__(self, real: FiniteMDP, twin: FiniteMDP, largest: float, started: float) -> None:
        gap = np.zeros((real.n_states, twin.n_states))
        for a in range(real.n_actions):
            np.maximum(gap, np.abs(real.r[:, a, None] - twin.r[None, :, a]), out=gap)
        inputs = 4 * UNIT_ROUNDOFF * float(np.abs(real.r).max() + np.abs(twin.r).max())
        self.lower = np.maximum(gap - inputs, 0.0)
        self.upper = np.full(gap.shape, largest + inputs * horizon(real.gamma))
        self.models = real.fingerprint(), twin.fingerprint()
        self.n_sweeps, self.n_pivots = 0, 0
        self._started = started

    def raise_to(self, lower: Array) -> None:
        """Takes in another lower bound."""
        np.maximum(self.lower, lower, out=self.lower)

    @property
    def width(self) -> float:
        return float((self.upper - self.lower).max())

    def tighten(self, d: Array, applied: Array, rounding: float, game: CouplingGame) -> None:
        """Intersects with the MacQueen-Porteus interval of ``applied = T(d)``."""
        reach = game.gamma / (1 - game.gamma) * (1 + 4 * UNIT_ROUNDOFF)
        low, high = _range(applied - d)
        size = float(np.abs(applied).max()) + reach * max(abs(low), abs(high))
        slack = (1 + reach) * rounding + 16 * UNIT_ROUNDOFF * size / (1 - game.gamma)
        np.maximum(self.lower, applied + (reach * low - slack), out=self.lower)
        np.minimum(self.upper, applied + (reach * high + slack), out=self.upper)
        self.n_sweeps += 1
        self.n_pivots = game.n_pivots

    def result(self, stop: Stop) -> BisimulationMetric:
        return BisimulationMetric(
            lower=self.lower.copy(),
            upper=self.upper.copy(),
            models=self.models,
            n_sweeps=self.n_sweeps,
            n_pivots=self.n_pivots,
            seconds=time.monotonic() - self._started,
            stop=stop,
        )


def _require_non_negative(name: str, value: float | None) -> None:
    if value is not None and not value >= 0:
        raise InvalidParameter(f"{name} must be >= 0; got {value}")
