r"""Bets against a set of models, whose winnings are evidence that the network is outside of it.

*What is bet on.* The set keeps the conditional mean of each watched function ``g`` of a transition in an
interval that depends on the pair (see ``_watched_means``). A gambler who doubts it stakes a share
:math:`\lambda \ge 0` of his money, chosen before the transition, on ``g`` being higher (or lower):

.. math:: M_t = M_{t-1} (1 + \lambda_t (g_t - high_t)), \qquad \lambda_t (high_t - least_t) \le 3/4.

There is a purse for every function, direction and size of bet :math:`\tau = 1, 1/2, ..., 1/64`, which is
right for a mean that is off by :math:`\tau` standard deviations; and all that once over all pairs together,
where a change of the whole network shows, and once for each pair alone, where a local one does.

*Starting again.* Who has played for long against an unchanged network has lost what he staked. So of each
purse only the part :math:`i^{-1/2} - (i+1)^{-1/2}` is put to work at its ``i``-th start, and starts are
:math:`4 / \tau^2` transitions apart, about as long as a bet of that size may lose; the rest waits. A change
after ``t`` transitions therefore costs about :math:`\frac32 \ln (t \tau^2 / 4)` in the logarithm of the
evidence, and not ``t``.

*Theorem.* The evidence ``E_t``, all purses together, begins at 1. If at every transition, given all that came
before and the pair ``(s, a)``, the law of ``(r, s')`` is one that the set allows that pair, then

.. math:: P(\exists t: E_t \ge 1 / \alpha) \le \alpha.

Pairs may be chosen in any way that depends on the past, rows may be left out without regard to their ``r``
and ``s'``, and the network may wander *within* the set.

*Proof.* :math:`E[1 + \lambda_t (g_t - high_t) | past, s, a] \le 1`, since :math:`\lambda_t \ge 0` depends on
the past and the pair alone and the conditional mean is at most :math:`high_t`; the factor is positive,
since :math:`g_t \ge least_t`. So the money at work is a nonnegative supermartingale; the money that waits is
constant; moving a fixed part from one to the other at fixed numbers of plays, and adding purses with fixed
weights that sum to 1, keep that true of the sum. Ville's inequality bounds how often a nonnegative
supermartingale that begins at 1 ever reaches :math:`1 / \alpha`. A transition or a reward that no model of
the set allows has probability 0, so the evidence may be infinite after it.

References:
    Ville, 1939; Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting*,
    JRSS B 86, 2024; Shin, Ramdas and Rinaldo, *E-detectors*, NEJSDS 2, 2024, for starting again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._bound import Array
from ._watched_means import WatchedMeans

Ints = NDArray[np.int64]

SIZES = 2.0 ** -np.arange(7)
"""Sizes of bets, in standard deviations of what is bet on."""

SHRUNK = 1 / (1 + SIZES**2)
"""The best stake on a shift of ``x`` standard deviations is ``x / (1 + x^2)``, roughly."""

PERIODS = (4 / SIZES**2).astype(np.int64)
"""Plays from one start to the next, for each size."""

POOLED = 0.8
"""Share of the money that is bet over all pairs together; every pair gets its part of the rest."""

LARGEST_STAKE = 0.75
"""No bet can lose more than this share of the money at work."""

ROUNDING = 1 - 2.0**-50
"""Every factor is made smaller by this: more than rounding can have added to it."""

PLAYED_ON, REACHED, IMPOSSIBLE, OUTSIDE = range(4)
"""Why bets stopped: out of transitions, the evidence asked for, a transition or a reward ruled out."""


class Bets:
    """The purses, and what they have come to.

    Attributes:
        pairs: ``(n,)`` the pair ``s * A + a`` of each table at which one plays; -1 for all together.
        n_plays: ``(n,)`` transitions seen there.
        money: ``(n, 7, K, 2)`` at work, by size, function and direction (higher, lower); each purse
            began with 1.
        since: the same shape: transitions fed before the start that gave most of that money.
    """

    def __init__(self, means: WatchedMeans) -> None:
        K, n_pairs = means.low.shape
        self._means = means
        half, sd = np.maximum(means.high - means.low, 0.0) / 2, means.spread
        most_lost = means.high - means.least, means.most - means.low
        terms = [
            means.low,
            means.high,
            1 / sd,
            half / sd**2,
            *(LARGEST_STAKE / x for x in most_lost),
        ]
        self._terms = np.ascontiguousarray(np.transpose(terms, (2, 1, 0)))  # (J, K, 6)
        self._table = np.full(n_pairs, -1, dtype=np.int64)
        self.pairs = np.array([-1])
        self.n_plays = np.zeros(1, dtype=np.int64)
        self.money = np.zeros((1, len(SIZES), K, 2))
        self.since = np.zeros(self.money.shape, dtype=np.int64)

    @property
    def weights(self) -> Array:
        """``(n,)`` shares of all money at each table; the rest lies at pairs that were never seen."""
        weights = np.full(len(self.pairs), (1 - POOLED) / len(self._table))
        weights[0] = POOLED
        return weights

    def evidence(self) -> Array:
        """``(n,)`` the e-value of each table alone: its money, at work and waiting, per purse."""
        waiting = 1 / np.sqrt(1 + -(-self.n_plays[:, None] // PERIODS))
        return np.asarray(self.money.mean(axis=(1, 2, 3)) + waiting.mean(axis=1))

    def play(
        self, pair: Ints, r: Array, s_next: Ints, *, n_before: int, enough: float
    ) -> tuple[Array, int]:
        """The evidence after each transition, up to the first that is ``enough``, and why it stopped.

        Args:
            pair, r, s_next: the transitions.
            n_before: transitions before these.
            enough: evidence at which to stop.
        """
        self._open_tables(pair)
        m, course = self._means, np.empty(len(pair))
        shares = self.weights
        n, why = _play(
            (pair, r, s_next),
            (m.of_reward, m.of_state, m.of_entry),
            (m.indptr, m.indices, m.possible, m.closed),
            m.reward_range,
            self._terms,
            (self._table, self.n_plays, self.money, self.since),
            shares,
            1 - float(shares.sum()) + float(self.evidence() @ shares),
            n_before,
            enough,
            course,
        )
        return course[:n], int(why)

    def purses(self) -> dict[str, Any]:
        """All that changes by playing, for :meth:`restore`."""
        return {
            "pairs": self.pairs,
            "n_plays": self.n_plays,
            "money": self.money,
            "since": self.since,
        }

    def restore(self, pairs: Ints, n_plays: Ints, money: Array, since: Ints) -> None:
        """Takes over purses as they were kept."""
        self.pairs, self.n_plays, self.money, self.since = pairs, n_plays, money, since
        self._table[pairs[1:]] = np.arange(1, len(pairs))

    def _open_tables(self, pair: Ints) -> None:
        new = np.unique(pair[self._table[pair] < 0])
        if len(new):
            more = (len(new), *self.money.shape[1:])
            self.restore(
                np.append(self.pairs, new),
                np.append(self.n_plays, np.zeros(len(new), dtype=np.int64)),
                np.concatenate([self.money, np.zeros(more)]),
                np.concatenate([self.since, np.zeros(more, dtype=np.int64)]),
            )


@njit(nogil=True, cache=True, error_model="numpy")
def _play(
    transitions: Any,
    functions: Any,
    pattern: Any,
    reward_range: Any,
    terms: Any,
    state: Any,
    shares: Any,
    evidence: float,
    now: int,
    enough: float,
    course: Any,
) -> Any:
    pair, r, s_next = transitions
    of_reward, of_state, of_entry = functions
    indptr, indices, possible, closed = pattern
    table = state[0]
    g = np.empty(len(of_reward))
    n_purses = 2 * len(SIZES) * len(g)
    for t in range(len(pair)):
        p, after = pair[t], s_next[t]
        entry, end = indptr[p], indptr[p + 1]
        entry += np.searchsorted(indices[entry:end], after)
        found = entry < end and indices[entry] == after
        if closed and not (found and possible[entry]):
            course[t] = np.inf
            return t + 1, IMPOSSIBLE
        if not reward_range[0] <= r[t] <= reward_range[1]:
            course[t] = np.inf
            return t + 1, OUTSIDE
        for k in range(len(g)):
            if k < len(of_state):
                g[k] = of_reward[k] * r[t] + of_state[k, after]
            else:
                g[k] = of_entry[k - len(of_state), entry] if found else 1.0
        for at in (0, table[p]):
            evidence += _won(g, terms[p], at, state, now + t) * shares[at] / n_purses
        course[t] = evidence
        if evidence >= enough:
            return t + 1, REACHED
    return len(pair), PLAYED_ON


@njit(nogil=True, cache=True, error_model="numpy")
def _won(g: Any, terms: Any, at: int, state: Any, now: int) -> float:
    """One play of every purse at a table: by how much their money grows."""
    _, n_plays, money, since = state
    n, won = n_plays[at], 0.0
    n_plays[at] += 1
    for j in range(len(SIZES)):
        fresh = 0.0
        if n & (PERIODS[j] - 1) == 0:  # periods are powers of two
            i = n // PERIODS[j] + 1.0
            fresh = 1 / np.sqrt(i) - 1 / np.sqrt(i + 1)
        for k in range(len(g)):
            low, high, inverse, lost, most_up, most_down = terms[k]
            stake = max(SIZES[j] * inverse - lost, 0.0) * SHRUNK[j]
            for side in range(2):
                old = money[at, j, k, side] + fresh
                if fresh > 0.5 * old:
                    since[at, j, k, side] = now
                if side == 0:
                    gain = min(stake, most_up) * (g[k] - high)
                else:
                    gain = min(stake, most_down) * (low - g[k])
                new = old * ((1 + gain) * ROUNDING)
                money[at, j, k, side] = new
                won += new - old
    return won
