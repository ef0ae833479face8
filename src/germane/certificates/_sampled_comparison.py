r"""What the rungs for a log have in common: intervals that hold for all pairs at once.

Everything below holds on one event of probability ``confidence``; the :class:`Ledger` says how the rest is
spent. On that event

* the real residual of the twin's value, :math:`T_a V' - V'`, lies in ``residual_low, residual_high``,
* the real mean reward lies in ``reward_low, reward_high``,
* every real row lies in the sets over which ``best`` maximises,
* the real rows are within ``tv`` of the twin's.

They hold for all pairs, so they hold for any policy, one learnt from this very log too. The twin's value
must be a function that does not depend on the log.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from ..errors import IncompatibleModels, InvalidParameter
from ..logs import (
    EstimatedMDP,
    RectangularSet,
    hoeffding_radius,
    kl_radius,
    kl_radius_any_time,
    mean_radius,
)
from ..mdp import UNIT_ROUNDOFF, bellman_q
from ..metrics import row_total_variation
from ._best_row import best_in_kl_ball, best_in_tv_ball, largest_in_row
from ._bound import Array, round_up
from ._comparison import Comparison

LOOK_AHEADS, LAWS, REWARDS, DISTANCES = (
    "look-ahead means",
    "laws",
    "reward means",
    "total variation",
)
SHARES = {LOOK_AHEADS: 0.5, LAWS: 0.4, REWARDS: 0.08, DISTANCES: 0.02}
"""How the confidence that is left goes to the four families of intervals."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """How the probability of being wrong is spent.

    Attributes:
        alpha: all of it, ``1 - confidence``.
        entries: what each family of intervals may fail with; they add up to ``alpha``.
        n_pairs: pairs over which each family divides its share evenly.
    """

    alpha: float
    entries: Mapping[str, float]
    n_pairs: int

    def per_pair(self, family: str) -> float:
        """The probability with which the interval of one pair may fail."""
        return self.entries[family] / self.n_pairs


@dataclass(frozen=True, eq=False, kw_only=True)
class SampledComparison(Comparison):
    """A log of the real network, a twin and a policy; ``real`` is the log's point estimate.

    Args:
        estimate: what the log says.
        confidence: probability with which all the intervals hold.
        within: sets that hold the real network, besides the log.
        known_support: whether the real network can make no transition that the twin rules out.
        known_rewards: whether its mean rewards are the twin's.

    Raises:
        InvalidParameter: ``confidence`` is no probability, or the sets leave nothing of it; the log has
            a transition that ``known_support`` rules out; an exact backup is asked for.
        IncompatibleModels: a set, or the twin, does not fit the log, or contradicts it.
    """

    estimate: EstimatedMDP
    confidence: float = 0.95
    within: tuple[RectangularSet, ...] = ()
    known_support: bool = False
    known_rewards: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.confidence < 1:
            raise InvalidParameter(f"confidence must lie in (0, 1); got {self.confidence}")
        spent = math.fsum(known.alpha for known in self.within)
        if spent >= 1 - self.confidence:
            raise InvalidParameter(
                f"the sets given may fail with probability {spent:g}, which leaves nothing for the "
                f"log at confidence {self.confidence:g}"
            )
        for known in self.within:
            if known.centre.r.shape != self.twin.r.shape:
                raise IncompatibleModels(
                    f"a set must have a centre of shape {self.twin.r.shape}; "
                    f"got {known.centre.r.shape} ({known.why})"
                )
        if self.known_support:
            self._refuse_the_impossible()

    @cached_property
    def ledger(self) -> Ledger:
        """How the probability of being wrong is spent."""
        alpha = 1 - self.confidence
        given = {
            f"set {i}: {known.why}": known.alpha
            for i, known in enumerate(self.within, 1)
            if known.alpha
        }
        needed = {f: s for f, s in SHARES.items() if not (self.known_rewards and f == REWARDS)}
        unit = (alpha - math.fsum(given.values())) / math.fsum(needed.values())
        entries = {family: share * unit for family, share in needed.items()} | given
        return Ledger(alpha=alpha, entries=entries, n_pairs=self.twin.r.size)

    @cached_property
    def n(self) -> Array:
        """``(S, A)`` visits."""
        return self.estimate.n_visits.astype(np.float64)

    @property
    def reward_range(self) -> tuple[float, float]:
        """The range of rewards, and of the nothing that terminal states earn."""
        low, high = self.estimate.reward_range
        return (min(low, 0.0), max(high, 0.0)) if self.estimate.known.any() else (low, high)

    @cached_property
    def trivial(self) -> float:
        """The bound S0, :math:`H (high - low)` of the range of rewards."""
        low, high = self.reward_range
        return round_up(self.H * (high - low), self.H * self._reward_size)

    @cached_property
    def _reward_size(self) -> float:
        return max(map(abs, self.reward_range)) + float(np.abs(self.twin.r).max())

    def slack(self, w: Array) -> float:
        """How far a backup of ``w`` may be off in doubles, that of a log's means too."""
        size = self._reward_size + 2 * float(np.abs(w).max())
        return super().slack(w) + 4 * UNIT_ROUNDOFF * float(self.n.max()) * size

    def residual(self, w: Array) -> tuple[Array, float]:
        """Refused: a log gives no exact backup.

        Raises:
            InvalidParameter: always.
        """
        raise InvalidParameter("a log has no exact residual: use residual_low and residual_high")

    def mismatch(self) -> tuple[Array, float]:
        """Refused: a log gives no exact backup.

        Raises:
            InvalidParameter: always.
        """
        raise InvalidParameter("a log has no exact mismatch: use residual_low and residual_high")

    # What can be reached, and how far a law may be from the frequencies

    @cached_property
    def reachable(self) -> sp.csr_array | None:
        """``(S * A, S)`` pattern of possible transitions; ``None`` for all."""
        return self.twin.transitions if self.known_support else None

    def top(self, v: Array) -> Array:
        """``(S, A)`` the largest ``v`` that each pair can reach."""
        if self.reachable is None:
            return np.full(self.twin.r.shape, float(v.max()))
        return largest_in_row(self.reachable, v).reshape(self.twin.r.shape)

    @cached_property
    def frequencies(self) -> sp.csr_array:
        """``(S * A, S)`` frequencies of the next states; rows of unvisited pairs are empty."""
        counts = self.estimate.counts
        n = np.repeat(self.n.ravel(), np.diff(counts.indptr))
        return sp.csr_array((counts.data / n, counts.indices, counts.indptr), shape=counts.shape)

    @cached_property
    def kl(self) -> Array:
        """``(S, A)`` radii of the balls ``KL(frequencies || law)``; infinite for an unvisited pair."""
        delta, counts = self.ledger.per_pair(LAWS), self.estimate.counts
        fixed = self.estimate.counts_fixed
        u = kl_radius_any_time(
            counts, self.reachable, self.twin.transitions, delta / 2 if fixed else delta
        )
        if fixed:
            S = float(self.twin.n_states)
            m = S if self.reachable is None else np.diff(self.reachable.indptr)
            u = np.minimum(u, kl_radius(self.n.ravel(), m, delta / 2))
        return u.reshape(self.twin.r.shape)

    def best(self, v: Array) -> Array:
        """``(S, A)`` the largest mean of ``v`` over the laws that a pair may have."""
        top = self.top(v)
        largest = best_in_kl_ball(self.frequencies, v, self.kl, top)
        for known in self.within:
            inside = best_in_tv_ball(known.centre.transitions, v, np.asarray(known.tv), top)
            np.minimum(largest, inside, out=largest)
        return np.where(self.estimate.known, v[:, None], largest)

    # Rewards

    @cached_property
    def reward_low(self) -> Array:
        """``(S, A)`` lower ends of the mean rewards (Theorem C)."""
        return self._rewards[0]

    @cached_property
    def reward_high(self) -> Array:
        """``(S, A)`` upper ends of the mean rewards (Theorem C)."""
        return self._rewards[1]

    @cached_property
    def _rewards(self) -> tuple[Array, Array]:
        if self.known_rewards:
            return self._settled(self.twin.r, self.twin.r, 0.0, "the twin's rewards")
        low, high = self.reward_range
        mean, variance = self.estimate.look_ahead(np.zeros(self.twin.n_states))
        delta = self.ledger.per_pair(REWARDS)
        radius = self._radius(variance, np.full(mean.shape, high - low), delta)
        radius += self.slack(np.zeros(1))
        ends = np.maximum(mean - radius, low), np.minimum(mean + radius, high)
        return self._settled(*ends, 0.0, "the log's rewards")

    # One look ahead at the twin's value

    @property
    def residual_low(self) -> Array:
        """``(S, A)`` lower ends of the real residuals :math:`T_a V' - V'` (Theorem D)."""
        return self._residuals[0]

    @property
    def residual_high(self) -> Array:
        """``(S, A)`` upper ends of the real residuals :math:`T_a V' - V'` (Theorem D)."""
        return self._residuals[1]

    @cached_property
    def look_ahead_width(self) -> Array:
        """``(S, A)`` length of the interval in which every look-ahead ``r + gamma V'(s')`` lies."""
        low, high = (0.0, 0.0) if self.known_rewards else self.reward_range
        return np.asarray(high - low + self.gamma * (self.top(self.v) + self.top(-self.v)))

    @cached_property
    def _residuals(self) -> tuple[Array, Array]:
        v, slack = self.v, self.slack(self.v)
        low, high = (self.twin.r,) * 2 if self.known_rewards else self.reward_range
        least, most = low - self.gamma * self.top(-v), high + self.gamma * self.top(v)
        mean, variance = self.estimate.look_ahead(v, rewards=not self.known_rewards)
        if self.known_rewards:
            mean = mean + self.twin.r
        radius = self._radius(variance, self.look_ahead_width, self.ledger.per_pair(LOOK_AHEADS))
        least, most = np.maximum(mean - radius, least), np.minimum(mean + radius, most)
        ends = self._settled(least - slack, most + slack, v, "the log", look_ahead=True)
        return ends[0] - v[:, None], ends[1] - v[:, None]

    @cached_property
    def robust_residuals(self) -> tuple[Array, Array]:
        """``(S, A)`` ends of the real residuals by rewards and laws too, where those are narrower."""
        v, slack = self.v, self.slack(self.v)
        least = self.reward_low - self.gamma * self.best(-v) - v[:, None] - slack
        most = self.reward_high + self.gamma * self.best(v) - v[:, None] + slack
        return np.maximum(self.residual_low, least), np.minimum(self.residual_high, most)

    def _radius(self, variance: Array, width: Array, delta: float) -> Array:
        fixed = self.estimate.counts_fixed
        return mean_radius(self.n, variance, width, delta, fixed=fixed) * (1 + 1e-12)

    def _settled(
        self,
        low: Array,
        high: Array,
        w: Array | float,
        what: str,
        *,
        look_ahead: bool = False,
    ) -> tuple[Array, Array]:
        """The ends of ``r`` or of ``r + gamma P w``, within the sets too; exact in terminal states.

        Raises:
            IncompatibleModels: two of the sets have nothing in common.
        """
        terminal = self.estimate.known
        if terminal.any():
            absorbed = np.broadcast_to(np.reshape(self.gamma * np.asarray(w), (-1, 1)), low.shape)
            slack = self.slack(self.v)
            low = np.where(terminal, absorbed - slack, low)
            high = np.where(terminal, absorbed + slack, high)
        for known in self.within:
            least, most = self._in_set(known, look_ahead=look_ahead)
            low, high = np.maximum(low, least), np.minimum(high, most)
            if (low > high).any():
                s, a = np.argwhere(low > high)[0]
                raise IncompatibleModels(
                    f"{what} and what is said to be known ({known.why}) contradict each other in "
                    f"state {s}, action {a}: one of them does not hold for the real network"
                )
        return low, high

    def _in_set(self, known: RectangularSet, *, look_ahead: bool) -> tuple[Array, Array]:
        r, gap = known.centre.r, np.asarray(known.reward_gap)
        slack = self.slack(self.v)
        if not look_ahead:
            return r - gap - slack, r + gap + slack
        rows, tv, v = known.centre.transitions, np.asarray(known.tv), self.v
        most = self.gamma * best_in_tv_ball(rows, v, tv, self.top(v))
        least = -self.gamma * best_in_tv_ball(rows, -v, tv, self.top(-v))
        return r - gap + least - slack, r + gap + most + slack

    # Magnitudes, for the rungs that need no more

    @cached_property
    def reward_gap(self) -> Array:
        """``(S, A)`` the largest :math:`|R(s, a) - R'(s, a)|`."""
        r = self.twin.r
        gap = np.maximum(self.reward_high - r, r - self.reward_low)
        return np.asarray(np.maximum(gap, 0.0) + 4 * UNIT_ROUNDOFF * self._reward_size)

    @cached_property
    def r_max(self) -> float:
        """The largest :math:`|R(i, a) - R'(j, a)|`."""
        above = self.reward_high.max(axis=0) - self.twin.r.min(axis=0)
        below = self.twin.r.max(axis=0) - self.reward_low.min(axis=0)
        return float(np.maximum(above, below).max()) + 4 * UNIT_ROUNDOFF * self._reward_size

    @cached_property
    def tv(self) -> Array:
        r"""``(S, A)`` the largest total variation between the real rows and the twin's (Theorem B).

        .. math:: TV(P, P') \le TV(\hat P, P') + radius

        Proof: :math:`TV(P, P') = P(B) - P'(B)` for one fixed set of states ``B``, where
        :math:`\hat P(B) - P'(B) \le TV(\hat P, P')`; the radius is that of the mean of an indicator.
        """
        P, shape = self.twin.transitions, self.twin.r.shape
        delta = self.ledger.per_pair(DISTANCES)
        found = row_total_variation(self.frequencies, P).reshape(shape)
        tv = found + hoeffding_radius(self.n, 1.0, delta, fixed=self.estimate.counts_fixed)
        for known in self.within:
            apart = row_total_variation(known.centre.transitions, P).reshape(shape)
            tv = np.minimum(tv, apart + known.tv)
        absorbed = 1 - P[np.arange(P.shape[0]), np.repeat(np.arange(shape[0]), shape[1])]
        tv = np.where(self.estimate.known, np.reshape(absorbed, shape), tv)
        return np.minimum(tv + self.tv_slack, 1.0)

    def widest_mismatch(self) -> Array:
        """``(S, A)`` the largest :math:`|T_a V' - Q'|` that the intervals allow."""
        believed = bellman_q(self.twin, self.v) - self.v[:, None]
        return np.maximum(
            np.abs(self.residual_high - believed), np.abs(self.residual_low - believed)
        )

    def _refuse_the_impossible(self) -> None:
        counts, twin = self.estimate.counts, self.twin.transitions
        possible = sp.csr_array((np.ones_like(twin.data), twin.indices, twin.indptr), twin.shape)
        ruled_out = sp.coo_array(counts - counts * possible)
        ruled_out.eliminate_zeros()
        if ruled_out.nnz:
            n, pair, s_next = ruled_out.data[0], ruled_out.row[0], ruled_out.col[0]
            s, a = divmod(int(pair), self.twin.n_actions)
            raise InvalidParameter(
                f"known_support: the log has {n:.0f} transition(s) from state {s}, action {a} to state "
                f"{s_next}, which the twin rules out"
            )
