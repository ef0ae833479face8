r"""How many more samples of which pairs would bring a certificate to a target, at least cost.

Let :math:`\hat V^*, \hat V^\pi` and the gaps :math:`\hat g(s, a) = \hat V^*(s) - \hat Q^*(s, a)` be those of
the best guess of the network: the log, with some visits of each pair in the twin added. Take for ``U``
and ``L`` of rung S8 the guesses plus constants :math:`H x` and :math:`H y`: they satisfy their recursions
if the radius of every pair's look-ahead is at most :math:`x + \hat g(s, a)`, and for the pairs that the
policy plays at most ``y`` too. The bound is then

.. math:: \max_s (\hat V^* - \hat V^\pi)(s) + H (x + y),

so a pair needs the fewest visits whose radius fits, an action that is clearly worse needs few, and the
cost is a convex function of the one number ``x``. What this leaves out, the sets that multiply ``U`` and
``L``, is of second order: the certificate itself, of the log as it would look with the samples, decides
how much smaller than that the radii must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from ..errors import InvalidParameter
from ..logs import EstimatedMDP, Provenance, RectangularSet, mean_radius
from ..mdp import FiniteMDP, bellman_q, evaluate, solve
from ._bound import Array
from ._certify import certify
from ._certify_samples import as_set
from ._parameter_box import ParameterBox
from ._sampled_comparison import LOOK_AHEADS, SampledComparison

Ints = NDArray[np.int64]
MOST_VISITS = 2.0**50
"""A plan that needs more of one pair is out of reach."""

PSEUDO_VISITS = 100.0
"""What the twin's word counts for in the best guess of the network."""

N_HALVINGS = 18
"""Of the range of visits, on a log scale: a pair's visits are within 0.02 percent."""

MAX_TIGHTENINGS = 40
PRECISION = 0.02
"""The radii are within this share of the largest that meet the target."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplePlan:
    """Samples that would bring a certificate to a target.

    Attributes:
        more: ``(S, A)`` further visits of each pair.
        cost: what they cost.
        target: the bound asked for [reward units].
        expected_bound: the bound with them, if they look like the best guess of the network
            [reward units].
        bound_now: the bound without them [reward units].
        floor: the loss in the best guess of the network, below which no number of samples is expected
            to lead [reward units].
    """

    more: Ints
    cost: float
    target: float
    expected_bound: float
    bound_now: float
    floor: float

    @property
    def n_samples(self) -> int:
        """How many samples they are."""
        return int(self.more.sum())

    def ranked(self) -> list[tuple[int, int, int]]:
        """``(state, action, visits)`` of every pair that needs some, most first."""
        order = np.argsort(-self.more, axis=None, kind="stable")
        pairs = zip(*np.unravel_index(order, self.more.shape), strict=True)
        return [(int(s), int(a), int(self.more[s, a])) for s, a in pairs if self.more[s, a]]

    def to_json(self) -> Mapping[str, Any]:
        """The plan as plain JSON values."""
        return {
            "target": self.target,
            "expected_bound": self.expected_bound,
            "bound_now": self.bound_now,
            "floor": self.floor,
            "n_samples": self.n_samples,
            "cost": self.cost,
            "more": [{"state": s, "action": a, "visits": n} for s, a, n in self.ranked()],
        }


def sample_plan(
    log: EstimatedMDP,
    twin: FiniteMDP,
    *,
    target: float,
    policy: ArrayLike | None = None,
    twin_regret: float | None = None,
    cost: ArrayLike = 1.0,
    confidence: float = 0.95,
    within: Sequence[RectangularSet | ParameterBox[Any]] = (),
    known_support: bool = False,
    known_rewards: bool = False,
) -> SamplePlan:
    """The samples that would bring the certificate to ``target``, at nearly the least cost.

    Args:
        log: pilot counts; pairs with few visits are taken to be much like the twin.
        twin, policy, twin_regret, confidence, within, known_support, known_rewards: as for
            :func:`germane.certify`.
        target: the bound to reach [reward units].
        cost: ``(S, A)`` or one number: what one visit of a pair costs, above 0.

    Returns:
        the plan; nothing more where the certificate is there already. It is an expectation, no
        guarantee: the certificate that counts is that of the log with the new samples in it.

    Raises:
        InvalidParameter: the target is not above ``floor``, what the policy loses in the best guess, or
            too near it; ``cost`` is not positive; and as :func:`germane.certify` does.
    """
    options: dict[str, Any] = {
        "policy": policy,
        "twin_regret": twin_regret,
        "confidence": confidence,
        "within": tuple(as_set(known, twin) for known in within),
        "known_support": known_support,
        "known_rewards": known_rewards,
    }
    prices = np.broadcast_to(np.asarray(cost, dtype=np.float64), log.n_visits.shape)
    if not (np.isfinite(prices) & (prices > 0)).all():
        raise InvalidParameter("cost must be finite and above 0 for every pair")
    now = certify(log, twin, **options).bound
    c = SampledComparison(real=log.mdp, twin=twin, estimate=log, **options)
    needs = _Needs.of(c)
    if not target > needs.floor:
        raise InvalidParameter(
            f"target must be above {needs.floor:.6g}, what is lost in the best guess of the network: no "
            f"number of samples is expected to certify less; got {target:.6g}"
        )

    def plan(share: float) -> SamplePlan:
        more = needs.cheapest(share * (target - needs.floor), prices)
        expected = certify(_extended(log, twin, more), twin, **options).bound
        return SamplePlan(
            more=more,
            cost=float((prices * more).sum()),
            target=target,
            expected_bound=expected,
            bound_now=now,
            floor=needs.floor,
        )

    if now <= target:
        return plan(np.inf)
    fits, too_wide, share = None, None, 1.0
    for _ in range(MAX_TIGHTENINGS):
        tried = plan(share)
        if tried.expected_bound <= target:
            fits, best = share, tried
        else:
            too_wide = share
        if fits is None:
            share /= 2
        elif too_wide is None:
            share *= 1.5
        elif too_wide <= fits * (1 + PRECISION):
            return best
        else:
            share = (fits + too_wide) / 2
        if needs.out_of_reach(share * (target - needs.floor)):
            break
    if fits is None:
        raise InvalidParameter(
            f"target {target:.6g} is too near {needs.floor:.6g}, what is lost in the best guess of the "
            "network: more samples than can be counted would be needed"
        )
    return best


@dataclass(frozen=True, eq=False, kw_only=True)
class _Needs:
    """What decides how many visits a pair needs.

    Attributes:
        c: the comparison with the pilot log.
        variance, width: ``(S, A)`` of a look-ahead.
        gap: ``(S, A)`` action gaps in the best guess.
        played: ``(S, A)`` pairs that the policy plays, or a policy may.
        floor: the policy's loss in it.
    """

    c: SampledComparison
    variance: Array
    width: Array
    gap: Array
    played: NDArray[np.bool_]
    floor: float

    @classmethod
    def of(cls, c: SampledComparison) -> _Needs:
        log, twin, v = c.estimate, c.twin, c.v
        guess = _guessed(log, twin)
        best = solve(guess).v
        gap = np.maximum(best[:, None] - bellman_q(guess, best), 0.0)
        played = c.gap <= c.eps if c.pi is None else c.pi > 0
        mixed = played / played.sum(axis=1, keepdims=True) if c.pi is None else c.pi
        _, variance = log.look_ahead(v, rewards=not c.known_rewards)
        P = twin.transitions
        in_twin = c.gamma**2 * np.maximum(P @ v**2 - (P @ v) ** 2, 0.0).reshape(gap.shape)
        return cls(
            c=c,
            variance=np.where(log.n_visits > 1, variance, in_twin),
            width=c.look_ahead_width,
            gap=gap,
            played=played,
            floor=max(float((best - evaluate(guess, mixed).v).max()), 0.0),
        )

    def cheapest(self, room: float, prices: Array) -> Ints:
        """``(S, A)`` the further visits that cost least, for a bound of ``floor + room``."""
        if not np.isfinite(room):
            return np.zeros(self.gap.shape, dtype=np.int64)
        radius = room / self.c.H

        def total(part: float) -> float:
            return float((prices * self._more(part * radius, (1 - part) * radius)).sum())

        best = minimize_scalar(
            total, bounds=(0.02, 0.98), method="bounded", options={"xatol": 0.02}
        )
        return self._more(best.x * radius, (1 - best.x) * radius).astype(np.int64)

    def out_of_reach(self, room: float) -> bool:
        """Whether some pair would need more visits than can be counted."""
        radius = room / self.c.H
        return bool((self._more(radius / 2, radius / 2) >= MOST_VISITS / 2).any())

    def _more(self, x: float, y: float) -> Array:
        """``(S, A)`` further visits with which every radius is at most what it may be."""
        allowed = np.where(self.played, np.minimum(x + self.gap, y), x + self.gap)
        low = np.log(np.ones(self.gap.shape))
        high = np.full(self.gap.shape, np.log(MOST_VISITS))
        for _ in range(N_HALVINGS):
            middle = (low + high) / 2
            wide = self._radius(np.exp(middle)) > allowed
            low, high = np.where(wide, middle, low), np.where(wide, high, middle)
        needed = np.ceil(np.exp(high))
        return np.where(self.c.estimate.known, 0.0, np.maximum(needed - self.c.n, 0.0))

    def _radius(self, n: Array) -> Array:
        delta, fixed = self.c.ledger.per_pair(LOOK_AHEADS), self.c.estimate.counts_fixed
        return mean_radius(n, self.variance, self.width, delta, fixed=fixed)


def _guessed(log: EstimatedMDP, twin: FiniteMDP) -> FiniteMDP:
    """The best guess of the network: the log, and ``PSEUDO_VISITS`` of each pair in the twin."""
    n = log.n_visits.ravel().astype(np.float64)
    ours = np.where(log.known.ravel(), 1.0, n / (n + PSEUDO_VISITS))
    mixed = [sp.diags_array(x) @ m.transitions for x, m in ((ours, log.mdp), (1 - ours, twin))]
    share = ours.reshape(twin.r.shape)
    believed = np.clip(twin.r, *log.reward_range)
    return FiniteMDP(
        sp.csr_array(mixed[0] + mixed[1]),
        share * log.mdp.r + (1 - share) * believed,
        twin.gamma,
    )


def _extended(log: EstimatedMDP, twin: FiniteMDP, more: Ints) -> EstimatedMDP:
    """The log as it would look with ``more`` visits, if the network is as one best guesses."""
    guess = _guessed(log, twin)
    m = more.ravel().astype(np.float64)
    expected = sp.csr_array(sp.diags_array(m) @ guess.transitions)
    whole = sp.csr_array(
        (np.floor(expected.data), expected.indices, expected.indptr), expected.shape
    )
    left = m - np.asarray(whole.sum(axis=1))
    rows = np.flatnonzero(left)
    P = guess.transitions
    likeliest = [
        P.indices[P.indptr[x] + P.data[P.indptr[x] : P.indptr[x + 1]].argmax()] for x in rows
    ]
    rest = sp.csr_array((left[rows], (rows, np.array(likeliest, dtype=np.int64))), shape=P.shape)
    new = sp.csr_array(whole + rest)
    pattern = sp.csr_array(log.counts + new)
    pattern.eliminate_zeros()
    pattern.sort_indices()
    pair = np.repeat(np.arange(P.shape[0]), np.diff(pattern.indptr))
    r, r2 = guess.r.ravel(), _mean_square(log, guess).ravel()

    def summed(old: Array, each: Array) -> Array:
        was = sp.csr_array((old, log.counts.indices, log.counts.indptr), P.shape)
        added = sp.csr_array(sp.diags_array(each) @ new)
        cells = sp.coo_array(was + added)
        place = pair * P.shape[1] + pattern.indices
        sums = np.zeros(len(place))
        sums[np.searchsorted(place, cells.row * P.shape[1] + cells.col)] = cells.data
        return sums

    n = int(pattern.data.sum())
    return replace(
        log,
        counts=pattern,
        reward_sum=summed(log.reward_sum, r),
        reward_square_sum=summed(log.reward_square_sum, r2),
        provenance=Provenance(sources=(), n_rows=n, n_transitions=n),
    )


def _mean_square(log: EstimatedMDP, guess: FiniteMDP) -> Array:
    """``(S, A)`` mean square of the rewards: they vary as they were seen to."""
    _, variance = log.look_ahead(np.zeros(guess.n_states))
    return np.asarray(variance + guess.r**2)
