r"""What the deployed policy is worth on the real network, from trajectories of another policy.

The value wanted is :math:`V = E \sum_t \gamma^t r_t` under the policy :math:`\pi`, from the states in which
the logged episodes begin. With ratios :math:`w_t = \pi(a_t | s_t) / b(a_t | s_t)` to the behaviour ``b`` that
was logged, and a baseline ``q`` with :math:`v(s) = \sum_a \pi(a | s) q(s, a)`, go back through an episode of
``T`` steps from :math:`Y_T = 0`:

.. math:: Y_t = v(s_t) + w_t (r_t + \gamma Y_{t+1} - q(s_t, a_t)).

:math:`E Y_0 = E \sum_{t < T} \gamma^t r_t` for every ``q``. With ``q = 0`` it is *per-decision importance
sampling* (Precup, Sutton and Singh), with the twin's ``q`` of the policy it is *doubly robust* (Jiang and
Li): the better the twin, the less it varies. If the policy is deterministic and has acted itself, all ratios
are 1, :math:`v(s_t) = q(s_t, a_t)`, and both are the plain return: on-policy the twin has nothing to add.

*The interval* is for V itself, needs no bound on the ratios, and holds for any number of episodes.

1. Measure rewards from the low end of their range: ``r - low >= 0``. What comes after step ``T`` is then
   worth at least 0, and so is what comes after an action to which the behaviour gave no chance. Leave both
   out: with :math:`v(s) = \sum_{a: b(a | s) > 0} \pi(a | s) q(s, a)`,

   .. math:: X_t = v(s_t) + w_t (r_t - low + \gamma X_{t+1} - q(s_t, a_t)), \quad
             E X_0 \le V - low / (1 - \gamma).

   Proof: by induction :math:`E[X_t | past, s_t] = \sum_{a: b > 0} \pi(a | s_t) E[r - low + \gamma X_{t+1}]`,
   whatever ``q`` is, and that is at most the value to go.
2. ``X_0`` is never below :math:`-L_0`, with :math:`L_T = 0` and

   .. math:: L_t = \max_{s, a} \big(w(s, a) (q_t(s, a) + \gamma L_{t+1}) - v_t(s)\big)^+,

   which is 0 without a baseline. So for every ``m`` at or above the mean of ``X_0``,

   .. math:: K(m) = \prod_i (1 + \lambda_i (X_i - m)), \quad 0 \le \lambda_i \le \tfrac34 / (m + L_0),

   over the episodes, is a nonnegative supermartingale if :math:`\lambda_i` depends on those before alone. The
   mean of several such ``K(m)``, one for each of the baselines :math:`q\, 1[t < k]`, ``k = 0, 1, 2, 4, ...``,
   is one too, and exceeds :math:`2 / \alpha` with probability at most :math:`\alpha / 2` (Ville). The lower
   end is the least ``m`` that is not refuted so. Heavy tails above only make it smaller.
3. The upper end is the lower end for ``high - r``: what the policy falls short of.

References:
    Precup, Sutton and Singh, ICML 2000; Jiang and Li, ICML 2016; Thomas, Theocharous and Ghavamzadeh,
    *High confidence off-policy evaluation*, AAAI 2015; Karampatziakis, Mineiro and Ramdas, *Off-policy
    confidence sequences*, ICML 2021, for rewards from both ends; Waudby-Smith and Ramdas, JRSS B 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import IncompatibleModels, InvalidParameter
from ..logs import Transitions
from ..mdp import FiniteMDP, horizon, policy_probabilities
from ._bound import Array

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LARGEST_STAKE = 0.75
"""No bet can lose more than this share of the money."""

N_HALVINGS = 60


@dataclass(frozen=True, kw_only=True)
class OffPolicyValue:
    """What a policy is worth on the real network: two estimates, and one interval.

    Attributes:
        value, standard_error: the doubly robust estimate of the first ``n_steps`` steps, discounted; it
            is unbiased if the behaviour gave a chance to all that the policy does [reward units].
        plain_value, plain_standard_error: per-decision importance sampling, which needs no twin. Both
            errors are too small to be trusted where large ratios are rare.
        lower, upper: ends of the interval for all steps without end [reward units].
        confidence: the probability with which it holds.
        n_episodes, n_steps: episodes, and the steps of each that were looked at.
        largest_weight: the largest product of ratios that was met.
        assumptions: what the interval rests on, in sentences.
    """

    value: float
    standard_error: float
    plain_value: float
    plain_standard_error: float
    lower: float
    upper: float
    confidence: float
    n_episodes: int
    n_steps: int
    largest_weight: float
    assumptions: tuple[str, ...]


def off_policy_value(
    transitions: Transitions,
    twin: FiniteMDP,
    *,
    policy: ArrayLike,
    behaviour: ArrayLike | None,
    reward_range: tuple[float, float],
    n_steps: int | None = None,
    confidence: float = 0.95,
) -> OffPolicyValue:
    """The value of ``policy`` on the real network, from trajectories of ``behaviour``.

    Args:
        transitions: with episodes; each from its first step on, its rows in order or with ``t``.
        twin: gives states, actions and discount, and the baseline. It need not be right.
        policy: ``(S,)`` actions or ``(S, A)`` probabilities: the policy to be deployed.
        behaviour: the policy that acted in the log, in the same form; ``None`` to take its frequencies
            there, which makes the interval an approximation (see ``assumptions``).
        reward_range: ``(low, high)`` in which every reward lies [reward units]. It must hold 0 if
            episodes terminate: nothing is earned after that.
        n_steps: steps to look at, chosen without regard to the rewards; by default as many as the
            shortest episode has that did not terminate.
        confidence: probability with which the interval holds the value.

    Raises:
        InvalidParameter: there are no episodes, or one that did not terminate has less than ``n_steps``
            steps; a reward is out of range; an action was taken that ``behaviour`` never takes; an option
            is out of its range.
        InvalidPolicy: ``policy`` or ``behaviour`` is no policy of the twin.
        IncompatibleModels: the log has states or actions that the twin does not have.
    """
    low, high = (float(x) for x in reward_range)
    if not (-np.inf < low <= high < np.inf):
        raise InvalidParameter(f"reward_range must be finite, low <= high; got {(low, high)}")
    if not 0 < confidence < 1:
        raise InvalidParameter(f"confidence must lie in (0, 1); got {confidence}")
    log = _Episodes.of(transitions, twin, n_steps)
    log.require_rewards(low, high)
    pi = policy_probabilities(twin, policy)
    b = (
        log.frequencies(twin.r.shape)
        if behaviour is None
        else policy_probabilities(twin, behaviour)
    )
    log.require_possible(b)
    weighed = _Weighed(log, pi, b, twin)

    def least_mean(r: Array, believed: Array, idle: float) -> float:
        """A lower confidence bound of the value, where rewards ``r`` lie in ``[0, high - low]``."""
        looked = [weighed.back(r, believed, idle, k) for k in _baselines(log.n_steps)]
        return _lower_end(looked, (high - low) * H, (1 - confidence) / 2)

    H, twins = horizon(twin.gamma), np.clip(twin.r, low, high)
    doubly_robust, _ = weighed.back(log.r, twin.r, 0.0, log.n_steps)
    plain, _ = weighed.back(log.r, twin.r, 0.0, 0)
    return OffPolicyValue(
        value=float(doubly_robust.mean()),
        standard_error=_standard_error(doubly_robust),
        plain_value=float(plain.mean()),
        plain_standard_error=_standard_error(plain),
        lower=low * H + least_mean(log.r - low, twins - low, -low),
        upper=high * H - least_mean(high - log.r, high - twins, high),
        confidence=confidence,
        n_episodes=len(log.r),
        n_steps=log.n_steps,
        largest_weight=float(weighed.products.max()),
        assumptions=tuple(_assumptions(log, pi, b, behaviour is None, (low, high))),
    )


def _standard_error(x: Array) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else np.inf


def _baselines(n_steps: int) -> list[int]:
    """Numbers of first steps in which the baseline is used."""
    return [0, *(2**j for j in range(n_steps.bit_length()) if 2**j < n_steps), n_steps]


def _assumptions(
    log: _Episodes, pi: Array, b: Array, estimated: bool, reward_range: tuple[float, float]
) -> Iterator[str]:
    yield "The episodes are independent of each other, and begin as those of the policy will."
    if estimated:
        yield (
            "The behaviour in the log is not known: its frequencies there took its place, so that the "
            "interval is an approximation."
        )
    else:
        yield "The actions of the log were drawn with the probabilities that were given."
    yield f"Every reward lies in [{reward_range[0]:g}, {reward_range[1]:g}]."
    if not log.ended.all():
        yield "No episode was cut because of what happened in it."
    missing = int(((b == 0) & (pi > 0)).any(axis=1).sum())
    if missing:
        yield (
            f"In {missing} states the policy does what the log never tried: the interval takes the least "
            "and the most that may follow, but the estimate leaves it out and is biased."
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Episodes:
    """``n`` episodes of ``T`` steps each, and which of these were taken.

    Attributes:
        s, a, r: ``(n, T)``.
        taken: ``(n, T)``; what follows a terminated episode was not.
        ended: ``(n,)`` whether it terminated.
    """

    s: Ints
    a: Ints
    r: Array
    taken: Flags
    ended: Flags

    @property
    def n_steps(self) -> int:
        return int(self.r.shape[1])

    @classmethod
    def of(cls, rows: Transitions, twin: FiniteMDP, n_steps: int | None) -> _Episodes:
        columns = rows.arrays
        if "episode" not in columns:
            raise InvalidParameter("off-policy estimates need the episode of each transition")
        if not len(columns["episode"]):
            raise InvalidParameter("there are no episodes")
        _, which = np.unique(columns["episode"], return_inverse=True)
        order = (
            np.lexsort((columns["t"], which))
            if "t" in columns
            else np.argsort(which, kind="stable")
        )
        which = which[order]
        first = np.flatnonzero(np.diff(which, prepend=-1))
        length = np.diff(first, append=len(which))
        step = np.arange(len(which)) - np.repeat(first, length)
        terminated = columns.get("terminated", np.zeros(len(which)))[order].astype(bool)
        ended = terminated[first + length - 1]
        T = int(length[~ended].min() if not ended.all() else length.max())
        if n_steps is not None:
            if not 1 <= n_steps <= (T if not ended.all() else n_steps):
                raise InvalidParameter(
                    f"n_steps must lie in 1..{T}, the shortest episode that did not terminate; "
                    f"got {n_steps}"
                )
            T = n_steps
        inside = step < T

        def padded(column: NDArray[Any], kind: type) -> NDArray[Any]:
            array: NDArray[Any] = np.zeros((len(first), T), dtype=kind)
            array[which[inside], step[inside]] = column[order][inside]
            return array

        for name, n in (("state", twin.n_states), ("action", twin.n_actions)):
            outside = (columns[name] < 0) | (columns[name] >= n)
            if outside.any():
                raise IncompatibleModels(
                    f"the twin has {n} {name}s; the log has {name} {columns[name][np.argmax(outside)]}"
                )
        return cls(
            s=padded(columns["state"], np.int64),
            a=padded(columns["action"], np.int64),
            r=padded(columns["reward"], np.float64),
            taken=np.arange(T) < length[:, None],
            ended=ended,
        )

    def frequencies(self, shape: tuple[int, ...]) -> Array:
        """``(S, A)`` how often each action was taken; in states never met, all alike."""
        counts = np.zeros(shape)
        np.add.at(counts, (self.s[self.taken], self.a[self.taken]), 1)
        n = counts.sum(axis=1, keepdims=True)
        return np.asarray(np.where(n > 0, counts / np.maximum(n, 1), 1 / shape[1]))

    def require_rewards(self, low: float, high: float) -> None:
        """Refuses rewards outside of their range; 0 is one where an episode terminated."""
        wrong = self.taken & ~((self.r >= low) & (self.r <= high))
        if wrong.any():
            raise InvalidParameter(
                f"rewards must lie in [{low:g}, {high:g}]; got {self.r[wrong][0]:g}"
            )
        if self.ended.any() and not low <= 0 <= high:
            raise InvalidParameter(
                f"reward_range must hold 0, which is earned after an episode has terminated; "
                f"got {(low, high)}"
            )

    def require_possible(self, b: Array) -> None:
        """Refuses a behaviour that takes an action of the log with probability 0."""
        wrong = self.taken & (b[self.s, self.a] == 0)
        if wrong.any():
            s, a = self.s[wrong][0], self.a[wrong][0]
            raise InvalidParameter(
                f"behaviour[{s}, {a}] must be positive: the log has action {a} in state {s}"
            )


class _Weighed:
    """Episodes of ``b`` as they would count for ``pi``."""

    def __init__(self, log: _Episodes, pi: Array, b: Array, twin: FiniteMDP) -> None:
        self._log, self._twin = log, twin
        self._pi = np.where(b > 0, pi, 0.0)
        self._b = b
        self._played = self._pi > 0
        self._ratio = np.divide(self._pi, b, out=np.zeros_like(pi), where=self._played)
        w = np.where(log.taken, self._ratio[log.s, log.a], 1.0)
        self.products = np.cumprod(w, axis=1)

    def back(self, r: Array, believed: Array, idle: float, k: int) -> tuple[Array, float]:
        """``(n,)`` the estimate ``X_0`` of each episode, and what none can be below.

        Args:
            r: ``(n, T)`` rewards.
            believed: ``(S, A)`` the twin's.
            idle: what a step is worth after an episode has terminated.
            k: steps in which the baseline is used.
        """
        log, gamma = self._log, self._twin.gamma
        n, T = r.shape
        x, q, most_below = np.zeros(n), np.zeros_like(self._pi), 0.0
        for t in reversed(range(T)):
            onwards = (self._pi * q).sum(axis=1)
            q = believed + gamma * (self._twin.transitions @ onwards).reshape(q.shape)
            baseline = q if t < k else np.zeros_like(q)
            v = (self._pi * baseline).sum(axis=1)
            s, a = log.s[:, t], log.a[:, t]
            step = v[s] + self._ratio[s, a] * (r[:, t] + gamma * x - baseline[s, a])
            x = np.where(log.taken[:, t], step, idle * (1 - gamma ** (T - t)) / (1 - gamma))
            with np.errstate(over="ignore"):  # then nothing is known of how low an episode may be
                below = self._ratio * (baseline + gamma * min(most_below, 1e300)) - v[:, None]
            most_below = max(float(below.max()), 0.0)
        return x, -most_below


def _lower_end(looked: Sequence[tuple[Array, float]], most: float, delta: float) -> float:
    """A lower confidence bound of the mean that all of these have, or less, and that is in ``[0, most]``.

    The stakes would be the best ones if the variance were that of the episodes before; every factor
    ``1 + min(stake, 3/4 / (m - least)) (x - m)`` falls in ``m``, hence the bisection.
    """
    if most == 0:
        return 0.0
    stakes = [_stakes(x, most, delta) for x, _ in looked]

    def refuted(m: float) -> bool:
        log_money = [
            np.log1p(np.minimum(stake, LARGEST_STAKE / (m - least)) * (x - m)).sum()
            for stake, (x, least) in zip(stakes, looked)
        ]
        return bool(np.logaddexp.reduce(log_money) >= np.log(len(looked) / delta))

    low, high = 0.0, most
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return max(low - 1e-12 * most, 0.0)


def _stakes(x: Array, most: float, delta: float) -> Array:
    """For each episode, from those before it and one that is made up."""
    n = np.arange(1, len(x) + 1)
    mean = (most / 2 + _earlier(x)) / n
    variance = ((most / 4) ** 2 + _earlier((x - mean) ** 2)) / n
    return np.asarray(np.sqrt(2 * np.log(1 / delta) / (len(x) * variance)))


def _earlier(x: Array) -> Array:
    """The sums of all entries before each."""
    return np.asarray(np.cumsum(np.append(0.0, x[:-1])))
