r"""The watch over a certified network: an alarm once it has left the set that the certificate is for.

How evidence is gathered, and the theorem that false alarms are rare, are in ``_bets``; what is looked at is
in ``_watched_means``.

For a certificate from a log the set fails to hold the network with probability ``1 - confidence``; the
promise is about networks inside it. The transitions watched must not be those of the log.

*Power.* A mean that lies :math:`\tau` standard deviations outside of its interval lets the evidence grow by a
factor of about :math:`e^{\tau^2 / 2}` per transition. Nothing is promised about a change that leaves every
watched mean within its interval: such a one leaves the residual rungs as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import IncompatibleModels, InvalidParameter, MalformedFile
from ..mdp import FiniteMDP
from ._bets import IMPOSSIBLE, OUTSIDE, SIZES, Bets
from ._bound import Array
from ._comparison import Comparison
from ._watched_means import watched_means

Ints = NDArray[np.int64]

N_KEPT = 1024
"""Points of the evidence over time that are kept, at most."""

N_DEPARTURES = 10

BLOCK = 2**20
"""Transitions after which sums are taken afresh, so that their rounding does not pile up."""


@dataclass(frozen=True, kw_only=True)
class Departure:
    """What speaks against the certificate's set: one pair, or all of them together.

    Attributes:
        state, action: the pair; ``None`` for all pairs together.
        evidence: the e-value of this alone.
        function: what was most worth betting on, such as ``"look-ahead"`` (see ``_watched_means``).
        shift: the bet that gained most, in standard deviations of the function: positive if its mean is
            higher than the set allows, negative if it is lower.
        since: about how many transitions had been seen when the change came.
        n_visits: transitions of the pair, or of all pairs, so far.
    """

    state: int | None
    action: int | None
    evidence: float
    function: str
    shift: float
    since: int
    n_visits: int


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """The network has left the set that the certificate was issued for.

    Attributes:
        step: transitions seen when it was raised, the last one included.
        evidence: the e-value then, at least ``1 / alpha``; infinite if what was seen is ruled out.
        reason: in a sentence.
        departures: what contributed, most evidence first.
    """

    step: int
    evidence: float
    reason: str
    departures: tuple[Departure, ...]


class Watch:
    """A sequential test of whether a network is still in the set its certificate was issued for.

    Feed it transitions as they come; it raises one alarm at most. The probability that it ever does so
    while the network is in the set is at most ``alpha``, over all time.

    Args:
        comparison: what the certificate was issued for: two models, or a log and a twin
            (:class:`SampledComparison`).
        alpha: the largest probability of a false alarm, ever.
        reward_range: for two models: where all rewards of the real network lie [reward units]. A model
            knows their means alone, so without it rewards are not watched. A log has its own; a reward
            beyond it raises the alarm, since the certificate rules it out, even where the range was
            no more than what the log shows.
        against: models of what one fears, by name, such as the network with 20 % more arrivals. They
            sharpen the watch in these directions, both ways, and blunt it a little in others.

    Attributes:
        alarm: ``None`` as long as there is none.
        evidence: the e-value by now.
        n_transitions: transitions seen, up to the alarm.

    Raises:
        InvalidParameter: ``alpha`` is not in (0, 1); a box is given; the range does not hold the mean
            rewards, or is given for a log.
        IncompatibleModels: a model of ``against`` has other states, actions or discount.

    >>> real = FiniteMDP(np.full((2, 1, 2), 0.5), [[0.0], [1.0]], 0.9)
    >>> watch = Watch(Comparison(real=real, twin=real))
    >>> stuck = np.ones(60, dtype=int)
    >>> alarm = watch.update(stuck, 0 * stuck, None, stuck)
    >>> alarm.step, alarm.reason
    (17, "the mean next reward is higher than the certificate's set allows")
    """

    def __init__(
        self,
        comparison: Comparison,
        *,
        alpha: float = 0.05,
        reward_range: tuple[float, float] | None = None,
        against: Mapping[str, FiniteMDP] | None = None,
    ) -> None:
        if not 0 < alpha < 1:
            raise InvalidParameter(f"alpha must lie in (0, 1); got {alpha}")
        self.alpha = float(alpha)
        self.alarm: Alarm | None = None
        self.n_transitions = 0
        self._means = watched_means(comparison, reward_range=reward_range, against=against)
        self._bets = Bets(self._means)
        self._n_actions = comparison.real.n_actions
        self.evidence = 1.0
        self._peak = 1.0
        self._history = [(0, 1.0)]
        self._stride = 1

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value: the least ``alpha`` at which there would have been an alarm."""
        return min(1.0, 1 / self._peak)

    @property
    def history(self) -> Array:
        """``(n, 2)`` transitions seen and the evidence then, evenly spaced, and the present."""
        return np.array([*self._history, (self.n_transitions, self.evidence)])

    def update(
        self, s: ArrayLike, a: ArrayLike, r: ArrayLike | None, s_next: ArrayLike
    ) -> Alarm | None:
        """The alarm, if there is one by now, after these further transitions.

        Transitions after the alarm are left alone: certify again, and watch anew. About a microsecond
        a transition; one call for many is faster than many calls.

        Args:
            s, a, s_next: ``(n,)`` states, actions, next states, in the order in which they happened.
            r: ``(n,)`` rewards; ``None`` where rewards are not watched.

        Raises:
            InvalidParameter: lengths differ, a state or an action does not exist, a reward is missing or
                no number. Then nothing of the call is taken in.
        """
        pair, reward, after = self._checked(s, a, r, s_next)
        for i in range(0, len(pair), BLOCK):
            if self.alarm is None:
                block = slice(i, i + BLOCK)
                self._play(pair[block], reward[block], after[block])
        return self.alarm

    def departures(self) -> tuple[Departure, ...]:
        """What speaks against the set so far, most evidence first."""
        bets = self._bets
        evidence = bets.evidence()
        ranked = np.argsort(-evidence * bets.weights, kind="stable")[:N_DEPARTURES]
        return tuple(self._departure(int(at), float(evidence[at])) for at in ranked)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes what was seen to an ``.npz`` file for :meth:`resume`.

        Raises:
            OSError: the file cannot be written.
        """
        about = {
            "means": self._means.fingerprint(),
            "alpha": self.alpha,
            "alarm": None if self.alarm is None else asdict(self.alarm),
            "evidence": self.evidence,
            "peak": self._peak,
            "n_transitions": self.n_transitions,
            "history": self._history,
            "stride": self._stride,
        }
        with open(path, "wb") as file:
            np.savez_compressed(file, about=json.dumps(about), **self._bets.purses())

    def resume(self, path: str | PathLike[str]) -> Self:
        """This watch, as it was when :meth:`save` wrote the file.

        Raises:
            MalformedFile: the file is none that :meth:`save` wrote.
            IncompatibleModels: it is about another set, other functions or another ``alpha``.
            OSError: the file cannot be opened.
        """
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                purses = {name: archive[name] for name in archive.files}
            about = json.loads(str(purses.pop("about")))
            means, alpha, alarm = about["means"], about["alpha"], about["alarm"]
        except (ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise MalformedFile(path, None, f"not a saved watch: {error}") from None
        if (means, alpha) != (self._means.fingerprint(), self.alpha):
            raise IncompatibleModels(
                f"{path} was saved by a watch over another set, or another alpha"
            )
        self._bets.restore(**purses)
        self.alarm = alarm and Alarm(
            **{**alarm, "departures": tuple(Departure(**found) for found in alarm["departures"])}
        )
        self.evidence, self._peak = about["evidence"], about["peak"]
        self.n_transitions, self._stride = about["n_transitions"], about["stride"]
        self._history = [(n, evidence) for n, evidence in about["history"]]
        return self

    def _play(self, pair: Ints, r: Array, s_next: Ints) -> None:
        """Takes these in, or those up to the alarm."""
        enough = 1 / self.alpha
        course, why = self._bets.play(pair, r, s_next, n_before=self.n_transitions, enough=enough)
        self._keep(course)
        if why:
            last = len(course) - 1
            self.alarm = Alarm(
                step=self.n_transitions,
                evidence=self.evidence,
                reason=self._reason(why, int(pair[last]), float(r[last]), int(s_next[last])),
                departures=self.departures(),
            )

    def _keep(self, course: Array) -> None:
        steps = self.n_transitions + 1 + np.arange(len(course))
        kept = steps % self._stride == 0
        self._history += zip(steps[kept].tolist(), course[kept].tolist())
        while len(self._history) > N_KEPT:
            self._stride *= 2
            self._history = self._history[::2]
        self.n_transitions += len(course)
        self.evidence = float(course[-1])
        self._peak = max(self._peak, float(course.max()))

    def _departure(self, at: int, evidence: float) -> Departure:
        bets = self._bets
        best = np.unravel_index(np.argmax(bets.money[at]), bets.money.shape[1:])
        size, function, side = (int(i) for i in best)
        pooled = at == 0
        s, a = divmod(int(bets.pairs[at]), self._n_actions)
        return Departure(
            state=None if pooled else s,
            action=None if pooled else a,
            evidence=evidence,
            function=self._means.names[function],
            shift=float(SIZES[size]) * (1 - 2 * side),
            since=int(bets.since[at][best]),
            n_visits=int(bets.n_plays[at]),
        )

    def _reason(self, why: int, pair: int, r: float, s_next: int) -> str:
        s, a = divmod(pair, self._n_actions)
        if why == IMPOSSIBLE:
            return f"state {s}, action {a} led to state {s_next}, which the certificate rules out"
        if why == OUTSIDE:
            low, high = self._means.reward_range
            return (
                f"state {s}, action {a} earned {r:g}, and the certificate rules out rewards outside "
                f"[{low:g}, {high:g}]"
            )
        first = self.departures()[0]
        where = "" if first.state is None else f" in state {first.state}, action {first.action}"
        side = "higher" if first.shift > 0 else "lower"
        return f"the mean {first.function}{where} is {side} than the certificate's set allows"

    def _checked(
        self, s: ArrayLike, a: ArrayLike, r: ArrayLike | None, s_next: ArrayLike
    ) -> tuple[Ints, Array, Ints]:
        """Pairs, rewards and next states."""
        S = len(self._means.of_state[0])
        states = _indices("s", s, S)
        actions = _indices("a", a, self._n_actions)
        after = _indices("s_next", s_next, S)
        if r is None and self._means.rewarded:
            raise InvalidParameter("this watch looks at rewards: r must not be None")
        rewards = np.zeros(len(states)) if r is None else np.asarray(r, dtype=np.float64)
        lengths = [np.shape(x) for x in (states, actions, rewards, after)]
        if len(set(lengths)) > 1:
            raise InvalidParameter(f"s, a, r and s_next must be equally long; got shapes {lengths}")
        finite = np.isfinite(rewards)
        if not finite.all():
            i = int(np.argmin(finite))
            raise InvalidParameter(f"r[{i}] must be finite; got {rewards[i]}")
        return states * self._n_actions + actions, rewards, after


def _indices(name: str, given: ArrayLike, n: int) -> Ints:
    array = np.asarray(given)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InvalidParameter(
            f"{name} must be a sequence of whole numbers; got {array.dtype} of shape {array.shape}"
        )
    outside = (array < 0) | (array >= n)
    if outside.any():
        i = int(np.argmax(outside))
        raise InvalidParameter(f"{name}[{i}] must lie in 0..{n - 1}; got {array[i]}")
    return array.astype(np.int64)
