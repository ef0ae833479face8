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
        self, counts: Ints, n_high: Ints | None = None, *, counts_fixed: bool = True
    ) -> EstimatedMDP:
        """What a log says: ``(S * A, S)`` transitions, and how many of them earned the higher reward."""
        stored = sp.csr_array(counts)
        rows = np.repeat(np.arange(len(counts)), np.diff(stored.indptr))
        if n_high is None or self.ends is None:
            r = self.mdp.r.ravel()[rows]
            sums = [stored.data * r**k for k in (1, 2)]
        else:
            low, high = self.ends
            n = n_high[rows, stored.indices]
            sums = [low**k * (stored.data - n) + high**k * n for k in (1, 2)]
        total = int(counts.sum())
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
        n = np.broadcast_to(n_visits, self.mdp.r.shape).ravel()
        counts = rng.multinomial(n, self.mdp.transitions.toarray())
        return self.estimate(counts, rng.binomial(counts, self.p_high[:, None]))

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
        counts = np.bincount(cell, minlength=size).reshape(-1, S)
        n_high = np.bincount(cell[high == 1], minlength=size).reshape(-1, S)
        return self.field.estimate(counts, n_high, counts_fixed=False)

    def best_looking(self, policy: Ints, w: Array, n_least: int, *, fixed: bool = False) -> int:
        r"""The row at which an adversary cuts the log: where the residual certificate is smallest.

        It watches :math:`\max (\hat y + rad) - \min_s (\hat y - rad)(s, \pi(s))` after each row, with the
        means of :math:`r + \gamma w(s')` and radii for all times, or for ``fixed`` counts.
        """
        mdp, (low, high) = self.field.mdp, self.field.reward_range
        values = np.array([low, high]) if self.field.ends else np.zeros(2)
        plain = np.zeros(mdp.r.size) if self.field.ends else mdp.r.ravel()
        y = plain[self.path[:, 0]] + values[self.path[:, 2]] + mdp.gamma * w[self.path[:, 1]]
        widest = high - low + mdp.gamma * (w.max() - w.min())
        visits = np.arange(len(self.path) + 1)
        radius = hoeffding_radius(visits, widest, 0.02, fixed=fixed)
        base = np.repeat(w, mdp.n_actions)
        played = np.arange(mdp.n_states) * mdp.n_actions + policy
        return _best_looking(self.path[:, 0], y, base, played, np.minimum(radius, widest), n_least)


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
