"""Logs simulated from a known network: fixed numbers of draws, trajectories, and cuts by an adversary.

Rewards are worth their mean at every step, or (the hardest to estimate) one of the two ends of a range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import ArrayLike, NDArray

from germane.logs import EstimatedMDP, Provenance, hoeffding_radius
from germane.mdp import FiniteMDP

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Field:
    """A real network as it is met in the field.

    Args:
        mdp: its true model.
        ends: the two rewards that it pays, in proportions that give each mean; ``None``: the means.
    """

    mdp: FiniteMDP
    ends: tuple[float, float] | None = None

    @property
    def reward_range(self) -> tuple[float, float]:
        return self.ends or (float(self.mdp.r.min()), float(self.mdp.r.max()))

    @property
    def p_high(self) -> Array:
        """``(S * A,)`` probability of the higher reward."""
        low, high = self.reward_range
        if self.ends is None or low == high:
            return np.zeros(self.mdp.r.size)
        return np.clip((self.mdp.r.ravel() - low) / (high - low), 0, 1)

    def estimate(
        self, counts: Any, n_high: Ints | None = None, *, counts_fixed: bool = True
    ) -> EstimatedMDP:
        """What a log says: ``(S * A, S)`` counts, and how many of each stored one paid the higher end."""
        stored = sp.csr_array(counts)
        if n_high is None or self.ends is None:
            r = self.mdp.r.ravel()[_rows(stored)]
            sums = [stored.data * r**k for k in (1, 2)]
        else:
            low, high = self.ends
            sums = [low**k * (stored.data - n_high) + high**k * n_high for k in (1, 2)]
        total = int(stored.data.sum())
        return EstimatedMDP(
            counts=stored,
            reward_sum=sums[0],
            reward_square_sum=sums[1],
            n_actions=self.mdp.n_actions,
            gamma=self.mdp.gamma,
            reward_range=self.reward_range,
            counts_fixed=counts_fixed,
            provenance=Provenance(sources=(), n_rows=total, n_transitions=total),
        )

    def sampled(self, rng: Rng, n_visits: ArrayLike) -> EstimatedMDP:
        """So many independent draws of each pair, as from a generative model."""
        P = self.mdp.transitions
        rows = _rows(P)
        lane = np.arange(P.nnz) - P.indptr[rows]
        laws = np.zeros((P.shape[0], lane.max() + 1))
        laws[rows, lane] = P.data
        drawn = rng.multinomial(np.broadcast_to(n_visits, self.mdp.r.shape).ravel(), laws)
        counts = sp.csr_array((drawn[rows, lane], P.indices, P.indptr), shape=P.shape, copy=True)
        counts.eliminate_zeros()
        return self.estimate(counts, rng.binomial(counts.data, self.p_high[_rows(counts)]))

    def rolled_out(self, rng: Rng, behaviour: Array, n_steps: int) -> Log:
        """One trajectory of ``n_steps`` steps from state 0 under ``(S, A)`` probabilities."""
        path = np.empty((n_steps, 3), dtype=np.int64)
        laws = self.mdp.transitions.toarray().cumsum(axis=1), behaviour.cumsum(axis=1)
        _walk(rng.random((n_steps, 3)), *laws, self.p_high, path)
        return Log(self, path)


@dataclass(frozen=True, eq=False)
class Log:
    """One trajectory: ``(n, 3)`` pair, next state, and whether the higher reward was earned."""

    field: Field
    path: Ints

    def cut(self, n: int) -> EstimatedMDP:
        """What the first ``n`` rows say."""
        S = self.field.mdp.n_states
        pair, s_next, high = self.path[:n].T
        cell, size = pair * S + s_next, self.field.mdp.r.size * S
        counts = np.bincount(cell, minlength=size)
        n_high = np.bincount(cell[high == 1], minlength=size)[counts > 0]
        return self.field.estimate(counts.reshape(-1, S), n_high, counts_fixed=False)

    def best_looking(self, policy: Ints, w: Array, n_least: int) -> int:
        r"""The row at which an adversary cuts the log: where the residual certificate is smallest.

        It watches :math:`\max (\hat y + rad) - \min_s (\hat y - rad)(s, \pi(s))` after each row, with the
        means of :math:`r + \gamma w(s')` and a radius for all times.
        """
        pair, y, radius = self._watched(w)
        base, played = np.repeat(w, self.field.mdp.n_actions), self._played(policy)
        return _best_looking(pair, y, base, played, radius, n_least)

    def furthest_from_truth(self, policy: Ints, w: Array, n_least: int) -> int:
        """The row at which an adversary who knows the network cuts the log: where it flatters most.

        Where, in units of the radius, some mean is furthest below the truth, or a mean of the policy's
        furthest above it.
        """
        pair, y, radius = self._watched(w)
        mdp = self.field.mdp
        truth = mdp.r.ravel() + mdp.gamma * (mdp.transitions @ w)
        return _furthest(pair, y, truth, self._played(policy), radius, n_least)

    def _played(self, policy: Ints) -> Ints:
        return np.arange(self.field.mdp.n_states) * self.field.mdp.n_actions + policy

    def _watched(self, w: Array) -> tuple[Ints, Array, Array]:
        """Pairs, ``r + gamma w(s')`` of each row, and the radius of a mean after so many visits."""
        mdp, (low, high) = self.field.mdp, self.field.reward_range
        pair, s_next, won = self.path.T
        r = np.where(won == 1, high, low) if self.field.ends else mdp.r.ravel()[pair]
        widest = high - low + mdp.gamma * float(w.max() - w.min())
        visits = np.arange(len(pair) + 1)
        radius = hoeffding_radius(visits, widest, 0.02, fixed=False)
        return pair.copy(), r + mdp.gamma * w[s_next], np.minimum(radius, widest)


def _rows(matrix: sp.csr_array) -> Ints:
    """The row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


@njit(cache=True)
def _walk(u: Any, next_law: Any, behaviour: Any, p_high: Any, path: Any) -> None:
    s, A = 0, behaviour.shape[1]
    for t in range(len(path)):
        a = min(np.searchsorted(behaviour[s], u[t, 0], side="right"), A - 1)
        pair = s * A + a
        last = next_law.shape[1] - 1
        s = min(np.searchsorted(next_law[pair], u[t, 1], side="right"), last)
        path[t, 0], path[t, 1], path[t, 2] = pair, s, u[t, 2] < p_high[pair]


@njit(cache=True)
def _best_looking(pair: Any, y: Any, base: Any, played: Any, radius: Any, n_least: int) -> int:
    n, total = np.zeros(len(base), np.int64), np.zeros(len(base))
    high, low = np.full(len(base), radius[0]), np.full(len(base), -radius[0])
    best, cut = np.inf, len(pair)
    for t in range(len(pair)):
        x = pair[t]
        n[x] += 1
        total[x] += y[t]
        mean = total[x] / n[x] - base[x]
        high[x], low[x] = mean + radius[n[x]], mean - radius[n[x]]
        if t + 1 >= n_least:
            looks = high.max() - low[played].min()
            if looks < best:
                best, cut = looks, t + 1
    return cut


@njit(cache=True)
def _furthest(pair: Any, y: Any, truth: Any, played: Any, radius: Any, n_least: int) -> int:
    n, total, wrong = np.zeros(len(truth), np.int64), np.zeros(len(truth)), np.zeros(len(truth))
    policys = np.zeros(len(truth), np.bool_)
    policys[played] = True
    most, cut = -np.inf, len(pair)
    for t in range(len(pair)):
        x = pair[t]
        n[x] += 1
        total[x] += y[t]
        below = (truth[x] - total[x] / n[x]) / radius[n[x]]
        wrong[x] = max(below, -below) if policys[x] else below
        if t + 1 >= n_least and wrong.max() > most:
            most, cut = wrong.max(), t + 1
    return cut
