r"""What a watch looks at: functions of a transition, and where the certificate's set keeps their means.

For every function ``g(s, a, r, s')`` and every pair, ``low <= E[g | s, a] <= high`` in every model of the
set that the certificate was issued for: a point where it was issued for a model, the confidence sets of
the log where it was issued for one. The functions are

* *look-ahead*, :math:`r + \gamma V'(s')` at the twin's value: what the residual rungs rest on;
* *reward*, :math:`r`;
* *next reward*, :math:`\sum_a \pi(s', a) R(s', a)`: what the policy is about to earn;
* *likeness* to a model ``Q``, :math:`2 Q / (Q + P)` at the transition: what tells it best from ``P``, the
  real model or, where only a log is known, the twin. ``Q`` is each model that the watch is told to look
  out for, and the twin of a real model: what it is wrong about is likely to be what is uncertain.

Which functions are chosen decides how soon a change is seen, never how often an alarm is false.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import FiniteMDP, require_comparable
from ._best_row import best_in_kl_ball
from ._bound import Array
from ._box_rungs import BoxComparison
from ._comparison import Comparison
from ._sampled_comparison import SampledComparison

SMALLEST_SPREAD = 1 / 8
"""A pair is taken to vary by no less than this share of what pairs vary on average."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WatchedMeans:
    """``K`` functions of a transition over ``J = S * A`` pairs; pair ``s * A + a``.

    Attributes:
        names: of the functions.
        of_reward: ``(K,)`` the factor of the reward in each function.
        of_state: ``(k, S)`` the rest of the first ``k`` functions: of the next state alone.
        of_entry: ``(K - k, nnz)`` the others, on the pattern; 1 beside it.
        indptr, indices: CSR pattern ``(J, S)`` of transitions.
        possible: ``(nnz,)`` whether some model of the set makes each of them.
        closed: whether no model of the set makes any other.
        low, high: ``(K, J)`` where the set keeps the conditional means, rounding included.
        least, most: ``(K, J)`` where it keeps the functions themselves.
        spread: ``(K, J)`` about their standard deviations: a matter of power alone.
        reward_range: where the set keeps every reward.
    """

    names: tuple[str, ...]
    of_reward: Array
    of_state: Array
    of_entry: Array
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]
    possible: NDArray[np.bool_]
    closed: bool
    low: Array
    high: Array
    least: Array
    most: Array
    spread: Array
    reward_range: tuple[float, float]

    @property
    def rewarded(self) -> bool:
        """Whether rewards are looked at."""
        return self.reward_range[1] < np.inf

    def fingerprint(self) -> str:
        """SHA-256 over all of it."""
        digest = hashlib.sha256()
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            digest.update(
                value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            )
        return digest.hexdigest()


def watched_means(
    c: Comparison,
    *,
    reward_range: tuple[float, float] | None = None,
    against: Mapping[str, FiniteMDP] | None = None,
) -> WatchedMeans:
    """The functions, and the intervals of their means over the set that ``c`` stands for.

    Args:
        c: two models, or a log and a twin; its policy says which reward is next.
        reward_range: for a model: where all rewards lie; ``None`` to leave rewards alone.
        against: models to look out for, by name.

    Raises:
        InvalidParameter: ``c`` is a box; a range is given for a log, or does not hold the mean rewards.
        IncompatibleModels: a model of ``against`` has other states, actions or discount.
    """
    if isinstance(c, BoxComparison):
        raise InvalidParameter("a watch needs a model or a log of the real network; got a box")
    alternatives = dict(against or {})
    for model in alternatives.values():
        require_comparable(c.real, model, same_states=True)
    if not isinstance(c, SampledComparison) and (c.twin.transitions != c.real.transitions).nnz:
        alternatives = {"the twin": c.twin} | alternatives
    lowest, highest = range_ = _reward_range(c, reward_range)
    names, factors, of_state = _own_functions(c, rewarded=highest < np.inf)
    of_reward = np.array(factors + [0.0] * len(alternatives))
    rows = _Rows.of(c, *alternatives.values())
    of_entry = np.array([rows.telling(model) for model in alternatives.values()])
    of_entry = of_entry.reshape(len(alternatives), rows.p.size)
    values = np.vstack([of_state[:, rows.indices], of_entry])
    least, most = rows.extremes(values)
    if not rows.closed:  # the next state may be one beside the pattern
        beside = np.vstack([of_state, np.ones((len(alternatives), c.v.size))])
        least = np.minimum(least, beside.min(axis=1, keepdims=True))
        most = np.maximum(most, beside.max(axis=1, keepdims=True))
    if isinstance(c, SampledComparison):
        own = _means_in_sets(c, of_reward, of_state)
        told = _means_in_balls(c, rows, of_entry, least[len(of_state) :], most[len(of_state) :])
        low, high = (np.vstack(ends) for ends in zip(own, told, strict=True))
    else:
        low = high = rows.mean(values) + of_reward[:, None] * c.real.r.ravel()
    slack = np.array([[c.slack(f)] for f in (*of_state, *np.full((len(alternatives), 1), 2.0))])
    rewarding = of_reward[:, None] > 0
    return WatchedMeans(
        names=(*names, *(f"likeness to {name}" for name in alternatives)),
        of_reward=of_reward,
        of_state=of_state,
        of_entry=of_entry,
        indptr=rows.indptr,
        indices=rows.indices,
        possible=rows.possible,
        closed=rows.closed,
        low=low - slack,
        high=high + slack,
        least=np.where(rewarding, least + lowest, least) - slack,
        most=np.where(rewarding, most + highest, most) + slack,
        spread=_spread(c, of_reward, rows, values, highest - lowest),
        reward_range=range_,
    )


def _reward_range(c: Comparison, given: tuple[float, float] | None) -> tuple[float, float]:
    """Where all rewards lie: everywhere, if that is not known."""
    if isinstance(c, SampledComparison):
        if given is not None:
            raise InvalidParameter("the log has a reward_range of its own: give none")
        return c.reward_range
    if given is None:
        return -np.inf, np.inf
    low, high = (float(x) for x in given)
    least, most = float(c.real.r.min()), float(c.real.r.max())
    if not (np.isfinite([low, high]).all() and low <= least and most <= high):
        raise InvalidParameter(
            f"reward_range must be finite and hold the mean rewards, [{least:g}, {most:g}]; "
            f"got {(low, high)}"
        )
    return low, high


def _own_functions(c: Comparison, *, rewarded: bool) -> tuple[list[str], list[float], Array]:
    """Names, factors of the reward, and ``(k, S)`` values of what depends on the next state alone."""
    known = c.twin if isinstance(c, SampledComparison) else c.real
    pi = np.eye(known.n_actions)[c.planned.policy] if c.pi is None else c.pi
    next_value, next_reward = c.gamma * c.v, (pi * known.r).sum(axis=1)
    if not rewarded:
        return ["next value", "next reward"], [0.0, 0.0], np.array([next_value, next_reward])
    of_state = np.array([next_value, np.zeros(len(next_value)), next_reward])
    return ["look-ahead", "reward", "next reward"], [1.0, 1.0, 0.0], of_state


@dataclass(frozen=True, eq=False, kw_only=True)
class _Rows:
    """All transitions that a model in sight makes, and the known law ``p`` on them."""

    keys: NDArray[np.int64]
    n_states: int
    n_pairs: int
    p: Array
    closed: bool

    @classmethod
    def of(cls, c: Comparison, *others: FiniteMDP) -> _Rows:
        sampled = isinstance(c, SampledComparison)
        known = (c.twin if sampled else c.real).transitions
        seen = [c.estimate.counts] if isinstance(c, SampledComparison) else []
        in_sight = [known, *seen, *(model.transitions for model in others)]
        keys = np.unique(np.concatenate([_keys(rows) for rows in in_sight]))
        return cls(
            keys=keys,
            n_states=known.shape[1],
            n_pairs=known.shape[0],
            p=_on(keys, known),
            closed=not isinstance(c, SampledComparison) or c.known_support,
        )

    @property
    def indptr(self) -> NDArray[np.int64]:
        return np.searchsorted(self.keys, np.arange(self.n_pairs + 1) * self.n_states)

    @property
    def indices(self) -> NDArray[np.int64]:
        return np.asarray(self.keys % self.n_states)

    @property
    def possible(self) -> NDArray[np.bool_]:
        return np.asarray(self.p > 0) if self.closed else np.ones(self.p.size, dtype=bool)

    def telling(self, model: FiniteMDP) -> Array:
        """``(nnz,)`` the function :math:`2 Q / (Q + P)` of the law ``Q`` of a model."""
        q = _on(self.keys, model.transitions)
        both = q + self.p
        return np.asarray(np.where(both > 0, 2 * q / np.where(both > 0, both, 1.0), 1.0))

    def mean(self, values: Array) -> Array:
        """``(K, J)`` means of ``(K, nnz)`` values under the known law."""
        return np.asarray(np.add.reduceat(self.p * values, self.indptr[:-1], axis=1))

    def extremes(self, values: Array) -> tuple[Array, Array]:
        """``(K, J)`` least and greatest of the values that are possible."""
        first = self.indptr[:-1]
        least = np.minimum.reduceat(np.where(self.possible, values, np.inf), first, axis=1)
        most = np.maximum.reduceat(np.where(self.possible, values, -np.inf), first, axis=1)
        return least, most


def _keys(rows: sp.csr_array) -> NDArray[np.int64]:
    row = np.repeat(np.arange(rows.shape[0], dtype=np.int64), np.diff(rows.indptr))
    return np.asarray(row * rows.shape[1] + rows.indices)


def _on(keys: NDArray[np.int64], rows: sp.csr_array) -> Array:
    values = np.zeros(len(keys))
    values[np.searchsorted(keys, _keys(rows))] = rows.data
    return values


def _means_in_sets(c: SampledComparison, of_reward: Array, of_state: Array) -> tuple[Array, Array]:
    """``(k, J)`` ends of the means of what depends on the reward and the next state alone."""
    low, high = (np.empty((len(of_state), c.twin.r.size)) for _ in range(2))
    for k, f in enumerate(of_state):
        low[k] = (of_reward[k] * c.reward_low - c.best(-f)).ravel()
        high[k] = (of_reward[k] * c.reward_high + c.best(f)).ravel()
    v = np.repeat(c.v, c.twin.n_actions)
    low[0] = np.maximum(low[0], c.residual_low.ravel() + v)
    high[0] = np.minimum(high[0], c.residual_high.ravel() + v)
    return low, high


def _means_in_balls(
    c: SampledComparison, rows: _Rows, of_entry: Array, least: Array, most: Array
) -> tuple[Array, Array]:
    """``(K - k, J)`` ends of the means of what depends on the whole transition."""
    seen = np.searchsorted(rows.keys, _keys(c.estimate.counts))
    entries = np.arange(len(seen))
    law = c.frequencies
    apart = sp.csr_array((law.data, entries, law.indptr), shape=(rows.n_pairs, max(len(seen), 1)))
    radius = c.kl.ravel()
    high = [best_in_kl_ball(apart, f[seen], radius, top) for f, top in zip(of_entry, most)]
    low = [-best_in_kl_ball(apart, -f[seen], radius, -top) for f, top in zip(of_entry, least)]
    shape = (len(of_entry), rows.n_pairs)
    return np.array(low).reshape(shape), np.array(high).reshape(shape)


def _spread(c: Comparison, of_reward: Array, rows: _Rows, values: Array, width: float) -> Array:
    """``(K, J)`` standard deviations under the known law, none much smaller than is common."""
    variance = rows.mean(values**2) - rows.mean(values) ** 2
    if isinstance(c, SampledComparison):
        noise = c.estimate.look_ahead(np.zeros(c.twin.n_states))[1].ravel()
        variance = variance + of_reward[:, None] * noise
    variance = np.maximum(variance, 0.0)
    common = np.sqrt(variance.mean(axis=1, keepdims=True))
    scale = np.where(of_reward > 0, width, np.ptp(values, axis=1))[:, None]
    common = np.where(common > 1e-6 * scale, common, np.where(scale > 0, scale, 1.0))
    return np.asarray(np.sqrt(variance + (SMALLEST_SPREAD * common) ** 2))
