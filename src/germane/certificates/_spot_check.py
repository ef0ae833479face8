r"""A spot check of a twin with more states than can be counted: representative states, as in Fig. 6.

At each of ``N`` chosen pairs of state and action, ``K`` next states are drawn from the real network (or from
what stands for it) and compared with the twin's: in total variation, and in the mean of one look ahead
``y = r + gamma w(s')`` at a value ``w`` learnt in the twin.

*This is no bound on anything that was not sampled*: a single bad state elsewhere may cost as much as there is
to lose. What can be said beyond the sample is about shares, if the pairs were drawn independently from one
distribution: how much of it may be worse than a threshold.

*Statements*, all of them at once with probability ``confidence``; each of the four may fail with a quarter of
:math:`\alpha`, the rest of it.

1. Total variation from above (Theorem B), at all ``N`` pairs: frequencies exaggerate it on average, so
   :math:`TV \le \widehat{TV} + \sqrt{(1/K + 1/K') \ln (4 N / \alpha) / 2}`, however many states there are.
2. Total variation from below: :math:`TV \ge P(B) - P'(B)` for every set ``B`` of states. ``B`` is chosen on
   one half of the draws and measured on the other: Hoeffding.
3. The mean look-ahead of the real network less the twin's, for each pair: Hoeffding, empirical Bernstein.
4. The share of pairs worse than a threshold, for every threshold, in total variation or look-ahead: if ``k``
   of the ``N`` may be, by statement 1 or 3, it is at most the Clopper-Pearson bound for ``k`` of ``N`` at
   :math:`\alpha / (8 N)`. Proof: that bounds the share beyond the true ``k + 1``-th worst of independent
   draws, for every ``k < N`` at once; and no more than ``k`` are truly worse.

References:
    Tao, Xu and You, arXiv 2502.17983, Section VII, Fig. 6, which takes frequencies for the truth;
    Clopper and Pearson, Biometrika 26, 1934.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from ..errors import InvalidParameter
from ..logs import mean_radius
from ..mdp import FiniteMDP
from ._bound import Array

Draw = Callable[[Any, Any, int, np.random.Generator], tuple[ArrayLike, ArrayLike]]
LookAhead = Callable[[Array, NDArray[Any]], ArrayLike]


@dataclass(frozen=True, eq=False, kw_only=True)
class SpotCheck:
    """How far a twin is off at the pairs that were looked at. It says nothing about any other pair.

    Attributes:
        pairs: ``N`` pairs ``(s, a)``.
        tv_lower, tv_upper: ``(N,)`` ends of the total variation of next states.
        mismatch_lower, mismatch_upper: ``(N,)`` ends of the mean look-ahead of the real network less the
            twin's [reward units].
        n_draws: of each pair, from the real network.
        confidence: the probability with which all of this holds at once, shares included.
    """

    pairs: tuple[tuple[Any, Any], ...]
    tv_lower: Array
    tv_upper: Array
    mismatch_lower: Array
    mismatch_upper: Array
    n_draws: int
    confidence: float

    @property
    def largest_mismatch(self) -> Array:
        """``(N,)`` how far the mean look-ahead may be off, either way [reward units]."""
        return np.asarray(np.maximum(np.abs(self.mismatch_lower), np.abs(self.mismatch_upper)))

    def share_beyond_tv(self, threshold: float) -> float:
        """The largest share of pairs whose total variation can be above the threshold.

        Of the distribution from which the pairs were drawn independently; for every threshold at once.
        """
        return self._share(self.tv_upper > threshold)

    def share_beyond_mismatch(self, threshold: float) -> float:
        """The same for how far the mean look-ahead is off [reward units]."""
        return self._share(self.largest_mismatch > threshold)

    def _share(self, worse: NDArray[np.bool_]) -> float:
        n, k = len(worse), int(worse.sum())
        delta = (1 - self.confidence) / (8 * n)
        return 1.0 if k == n else float(beta.ppf(1 - delta, k + 1, n - k))

    def __str__(self) -> str:
        tv, mismatch = float(self.tv_upper.max()), float(self.largest_mismatch.max())
        return (
            f"SPOT CHECK of {len(self.pairs)} pairs of state and action, and no bound: it says nothing "
            f"about any pair that was not sampled. At these pairs the total variation is at most "
            f"{tv:.3g} (at one at least {self.tv_lower.max():.3g}), and the mean look-ahead off by at "
            f"most {mismatch:.3g}. If they were drawn independently, at most "
            f"{self.share_beyond_tv(tv):.1%} of all pairs have a larger total variation, and as many a "
            f"larger mismatch. All this with probability {self.confidence:g}."
        )


def spot_check(
    pairs: Sequence[tuple[Any, Any]],
    real: Draw,
    twin: Draw | FiniteMDP,
    *,
    look_ahead: LookAhead,
    look_ahead_range: tuple[float, float],
    n_draws: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> SpotCheck:
    """How far the twin is off at ``pairs``, from simulators that can be set to a state.

    Args:
        pairs: states and actions. Drawn independently from a distribution, such as where the policy
            goes in the twin, they also tell about shares of it.
        real, twin: ``draw(s, a, n, rng)`` gives ``(n,)`` rewards and ``(n,)`` or ``(n, d)`` next states. The
            twin may be a model, which is exact.
        look_ahead: what is compared: ``look_ahead(r, s_next)`` gives ``(n,)`` values, affine in the
            rewards, such as ``r + gamma * v[s_next]``.
        look_ahead_range: where its values lie [reward units].
        n_draws: of each pair from each simulator, at least 2.
        rng: for the draws.
        confidence: probability with which all statements hold at once.

    Raises:
        InvalidParameter: there are no pairs, or too few draws; a simulator gives other numbers of draws
            than asked; a look-ahead is out of its range.
    """
    low, high = (float(x) for x in look_ahead_range)
    if not (-np.inf < low <= high < np.inf):
        raise InvalidParameter(f"look_ahead_range must be finite, low <= high; got {(low, high)}")
    if not 0 < confidence < 1:
        raise InvalidParameter(f"confidence must lie in (0, 1); got {confidence}")
    if not pairs:
        raise InvalidParameter("there are no pairs to look at")
    if n_draws < 2:
        raise InvalidParameter(f"n_draws must be at least 2; got {n_draws}")
    delta = (1 - confidence) / 4 / len(pairs)
    ends = []
    for s, a in pairs:
        here, there = (
            _Side.of_model(side, s, a, look_ahead)
            if isinstance(side, FiniteMDP)
            else _Side.drawn(name, side, s, a, look_ahead, n_draws, rng)
            for name, side in (("real", real), ("twin", twin))
        )
        for side in (here, there):
            side.require_within(low, high)
        off = float(here.p @ here.y - there.p @ there.y)
        radius = here.radius(high - low, delta) + there.radius(high - low, delta)
        ends.append((*_tv_ends(here, there, delta), off - radius, off + radius))
    tv_lower, tv_upper, mismatch_lower, mismatch_upper = np.array(ends).T
    return SpotCheck(
        pairs=tuple(pairs),
        tv_lower=tv_lower,
        tv_upper=tv_upper,
        mismatch_lower=mismatch_lower,
        mismatch_upper=mismatch_upper,
        n_draws=n_draws,
        confidence=confidence,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Side:
    """Next states of a pair with their masses ``p``, look-aheads ``y``, and draws: infinite for a model."""

    states: NDArray[Any]
    p: Array
    y: Array
    n: float

    @classmethod
    def drawn(
        cls,
        name: str,
        draw: Draw,
        s: Any,
        a: Any,
        look_ahead: LookAhead,
        n: int,
        rng: np.random.Generator,
    ) -> _Side:
        r, states = (np.asarray(x) for x in draw(s, a, n, rng))
        if r.shape != (n,) or states.shape[:1] != (n,) or states.ndim > 2:
            raise InvalidParameter(
                f"{name} must draw {n} rewards and {n} next states in ({s}, {a}); "
                f"got shapes {r.shape} and {states.shape}"
            )
        y = np.asarray(look_ahead(r, states), dtype=np.float64)
        return cls(states=states, p=np.full(n, 1 / n), y=y, n=n)

    @classmethod
    def of_model(cls, mdp: FiniteMDP, s: Any, a: Any, look_ahead: LookAhead) -> _Side:
        rows, row = mdp.transitions, s * mdp.n_actions + a
        entries = slice(rows.indptr[row], rows.indptr[row + 1])
        states, p = rows.indices[entries].astype(np.int64), rows.data[entries]
        y = np.asarray(look_ahead(np.full(len(p), mdp.r[s, a]), states), dtype=np.float64)
        return cls(states=states, p=p, y=y, n=np.inf)

    def require_within(self, low: float, high: float) -> None:
        wrong = ~((self.y >= low) & (self.y <= high))
        if wrong.any():
            raise InvalidParameter(
                f"look_ahead must lie in its range [{low:g}, {high:g}]; got {self.y[wrong][0]:g}"
            )

    def radius(self, width: float, delta: float) -> float:
        """How far the mean look-ahead may be from the true one."""
        if self.n == np.inf:
            return 0.0
        return float(mean_radius(self.n, self.y.var(ddof=1), width, delta / 2, fixed=True))

    def frequencies(self, ids: NDArray[np.int64], n_ids: int, part: slice) -> tuple[Array, float]:
        """``(n_ids,)`` of a part of the draws, and how many these are; of a model always all."""
        part = slice(None) if self.n == np.inf else part
        p = self.p[part]
        drawn = self.n if self.n == np.inf else len(p)
        return np.asarray(np.bincount(ids[part], p / p.sum(), n_ids), dtype=np.float64), drawn


def _tv_ends(here: _Side, there: _Side, delta: float) -> tuple[float, float]:
    """Ends of the total variation; each may fail with ``delta``."""
    met, ids = np.unique(np.concatenate([here.states, there.states]), axis=0, return_inverse=True)
    which = ids.ravel()[: len(here.p)], ids.ravel()[len(here.p) :]

    def excess(part: slice) -> tuple[Array, float]:
        """By how much each state is more frequent here than there, and the slack of a sum of it."""
        (p, n), (q, m) = (
            side.frequencies(ids, len(met), part)
            for side, ids in zip((here, there), which, strict=True)
        )
        return p - q, float(np.sqrt((1 / n + 1 / m) * np.log(1 / delta) / 2))

    more, slack = excess(slice(None))
    chosen, _ = excess(slice(0, None, 2))
    measured, measured_slack = excess(slice(1, None, 2))
    lower = float(measured[chosen > 0].sum()) - measured_slack
    upper = float(np.maximum(more, 0.0).sum()) + slack
    return min(max(lower, 0.0), 1.0), min(upper + 1e-12, 1.0)
