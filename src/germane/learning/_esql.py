r"""Ensemble synthetic Q-learning: Q-learners in a network and its cousins, mixed by how much they agree.

Algorithm 1 of the paper, with rewards instead of costs. ``K`` Q-learners run side by side, the first in the
original, the others in its cousins. After each iteration ``t`` every learner is weighted by the share of
states in which its greedy action is that of the first, and the tables are mixed:

.. math::
    \hat w_t^{(n)} &= \frac1{|S|} \sum_s 1\{ \pi_t^{(n)}(s) = \pi_t^{(1)}(s) \}, \qquad
    w_t^{(n)} = \frac{e^{\hat w_t^{(n)}}}{\sum_m e^{\hat w_t^{(m)}}} \\
    Q^{it}_t &= u_t Q^{it}_{t-1} + (1 - u_t) \sum_n w_t^{(n)} Q_t^{(n)} .

The random weights of its line 1 multiply empty tables and are left out.

**Fading cousins.** The mixture tends to :math:`\sum_n w_\infty^{(n)} Q^{(n)*}`, not to :math:`Q^*`: however long it
learns, a floor of error is left. With a number :math:`\kappa` the cousins count for :math:`\kappa` visits,

.. math:: \tilde Q_t(s, \cdot) = \frac{m_t(s) Q^{(1)}_t(s, \cdot) + \kappa Q^{it}_t(s, \cdot)}{m_t(s) + \kappa},
    \qquad m_t(s) = \min_a n^{(1)}_t(s, a) ,

and fade as the state becomes known in the original: ESQL at first, Q-learning in the end.

*Theorem.* If :math:`Q^{(1)}_t \to Q^*` (almost surely, as Q-learning does when every pair is visited for ever),
then :math:`\tilde Q_t \to Q^*`, with

.. math:: \| \tilde Q_t - Q^* \|_\infty \le \| Q^{(1)}_t - Q^* \|_\infty
    + \frac{\kappa}{\kappa + \min_s m_t(s)} \cdot \frac{\max r^+ + \max r^-}{1 - \gamma} ,

and the greedy policy is optimal from some time on, whichever optimal action it takes. *Proof.*
:math:`\tilde Q - Q^* = (Q^{(1)} - Q^*) + \frac{\kappa}{m + \kappa} (Q^{it} - Q^{(1)})`; all tables start at zero and
are moved by convex steps towards :math:`r + \gamma \max Q`, so they lie between
:math:`-\max r^- / (1 - \gamma)` and :math:`\max r^+ / (1 - \gamma)`, and so do their mixtures, whose weights sum to at
most one. No floor is left for any cousins, whatever they are. One number for all actions of a state keeps their
order where tables have different levels: weights pair by pair were worse.

**What is not computed.** The policies are compared where a greedy action has changed, not in every state.
And the mixture is never formed on the way: with :math:`A_t^{(n)} = u_t A_{t-1}^{(n)} + (1 - u_t) w_t^{(n)}` and
:math:`U_t = \prod_{i \le t} u_i`,

.. math:: Q^{it}_t = U_t B_t + \sum_n A_t^{(n)} Q_t^{(n)} ,

where ``B`` changes only where a table does: an update of :math:`Q^{(n)}(s, a)` from ``x`` to ``y`` adds
:math:`A_{t-1}^{(n)} (x - y) / U_{t-1}` to :math:`B(s, a)`. Both cost a few instructions a sample, however
many states there are, and neither is an approximation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Unpack

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.typing import NDArray

from ..cousins import Chain, colink, cousin
from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ._environment import (
    DiscreteEnv,
    Environment,
    Tables,
    explore,
    runner,
    sampled,
    start,
    step,
    tables,
)
from ._q_learning import update
from ._result import LearningResult
from ._schedule import Schedule, schedule_value, valid_schedule
from ._stream import Stream, new_stream
from ._training import Learner, Plan, Training, TrainingOptions, train

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SMALLEST_DECAY = 1e-100
"""Below this the product of the ratios goes into the table ``B`` and starts again from one."""

compiled = njit(nogil=True, cache=True, error_model="numpy")
inlined = njit(nogil=True, error_model="numpy")  # not cached: else callers cannot inline it


def esql(
    environment: Environment,
    *,
    rng: np.random.Generator,
    orders: Iterable[int] = (1, 2, 3, 4, 5),
    update_ratio: float | Schedule = 0.5,
    fading: float | None = None,
    samples_per_iteration: int | None = None,
    model: FiniteMDP | FactoredMDP | None = None,
    chain: Chain = colink,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    r"""The greedy policy of the mixture of Q-learners in a network and in its cousins.

    All share the rewards of the original. Trajectories of all ``K`` start in one random state; samples of
    cousins are synthetic, and history counts those of the original only.

    **Where it ends.** Without fading ``q`` tends to :math:`\sum_n w_\infty^{(n)} Q^{(n)*}`:
    :func:`germane.cousins.limit_policy_error` tells the error that is left, before anything is learned. With
    fading it tends to :math:`Q^*`. An ensemble of one is Q-learning: its member is that of
    :func:`q_learning`, bit for bit.

    Args:
        environment: the original: a finite or factored MDP, or a :class:`DiscreteEnv` with a ``model``.
        orders: of the cousins; 1 is the original and comes first.
        update_ratio: ``u_t`` in ``[0, 1]``, by iteration.
        fading: ``kappa > 0``, visits that the cousins count for; by default they do not fade, as in the paper.
            50 suited all networks that were tried.
        samples_per_iteration: of each member, between two mixtures; by default a trajectory.
        model: of what the cousins are made, such as an estimate; by default the original itself.
        chain: how the chain of a cousin is made. A factored network's are co-links, never formed.
        options: see :class:`Training`; checkpoints and the end are rounded up to whole iterations.

    Raises:
        InvalidParameter: naming the option that is out of its range.
        TooLarge: a cousin of a finite MDP is too large to be formed.

    References:
        Bozkus and Mitra, arXiv 2402.08022, Algorithm 1 and Propositions 1 to 5.

    >>> from germane.mdp import FiniteMDP
    >>> walk = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    >>> result = esql(walk, orders=(1, 2), n_steps=400, rng=np.random.default_rng(0))
    >>> [round(w, 3) for w in result.history[-1].weights]
    [0.5, 0.5]
    """
    training = Training(**options)
    per_iteration = training.trajectory if samples_per_iteration is None else samples_per_iteration
    if per_iteration < 1:
        raise InvalidParameter(f"samples_per_iteration must be at least 1; got {per_iteration}")
    if fading is not None and not 0 < fading < np.inf:
        raise InvalidParameter(f"fading must be positive and finite; got {fading}")
    mixing = Mixing(
        valid_schedule("update_ratio", update_ratio),
        per_iteration,
    )
    envs = environments(environment, environment if model is None else model, tuple(orders), chain)
    shape = (environment.n_states, environment.n_actions)
    together = Together.begin(len(envs), shape, rng)
    plan, run = training.plan(environment.gamma), runner(walk_together, envs[0])
    learner = Learner(
        arrays=together._asdict(),
        advance=lambda n: run(envs, plan, mixing, together, n),
        q=together.mixture if fading is None else lambda: together.faded(fading),
        change=lambda: together.change(mixing),
        weights=lambda: together.weights.tolist(),
        members=lambda: together.q,
        unit=per_iteration,
    )
    return train(learner, shape, training)


class Mixing(NamedTuple):
    """How the tables are mixed: ``u`` by iteration, and samples per iteration."""

    ratio: Schedule
    per_iteration: int


class Together(NamedTuple):
    """What ``K`` learners know.

    Attributes:
        q: ``(K, S, A)`` their tables; the first is the original's.
        n_visits: ``(K, S, A)``.
        greedy: ``(K, S)`` the first of the actions of largest value.
        agreeing: ``(K,)`` states in which the greedy action is that of the first learner.
        weights: ``(K,)`` of the last mixture.
        mass: ``(K,)`` the numbers ``A``.
        rest: ``(S, A)`` the table ``B``.
        decay: ``(1,)`` the number ``U``.
        at: ``(K + 1,)`` the state of each learner, and the number of samples before.
        numbers: the stream of random numbers.
    """

    q: Array
    n_visits: Counts
    greedy: Counts
    agreeing: Counts
    weights: Array
    mass: Array
    rest: Array
    decay: Array
    at: Counts
    numbers: Stream

    @classmethod
    def begin(cls, K: int, shape: tuple[int, int], rng: np.random.Generator) -> Together:
        """Empty tables."""
        return cls(
            q=np.zeros((K, *shape)),
            n_visits=np.zeros((K, *shape), dtype=np.int64),
            greedy=np.zeros((K, shape[0]), dtype=np.int64),
            agreeing=np.full(K, shape[0], dtype=np.int64),
            weights=np.full(K, 1 / K),
            mass=np.zeros(K),
            rest=np.zeros(shape),
            decay=np.ones(1),
            at=np.zeros(K + 1, dtype=np.int64),
            numbers=new_stream(rng),
        )

    def mixture(self) -> Array:
        """``(S, A)`` :math:`Q^{it}`."""
        return np.asarray(self.decay[0] * self.rest + np.tensordot(self.mass, self.q, axes=1))

    def faded(self, kappa: float) -> Array:
        r"""``(S, A)`` :math:`\tilde Q`: the mixture for ``kappa`` visits, the original for those there were."""
        m = self.n_visits[0].min(axis=1, keepdims=True)
        return np.asarray((m * self.q[0] + kappa * self.mixture()) / (m + kappa))

    def change(self, mixing: Mixing) -> float:
        r"""``max |Q^it_t - Q^it_(t-1)|`` of the last iteration: with :math:`y_t = \sum_n w_t^{(n)} Q_t^{(n)}`

        .. math:: Q^{it}_t - Q^{it}_{t-1} = \tfrac{1 - u_t}{u_t} (y_t - Q^{it}_t) .
        """
        u = schedule_value(mixing.ratio, self.at[-1] // mixing.per_iteration - 1)
        if u == 0:
            return np.nan
        y = np.tensordot(self.weights, self.q, axes=1)
        return float((1 - u) / u * np.abs(y - self.mixture()).max())


def environments(
    original: Environment, model: Environment, orders: tuple[int, ...], chain: Chain
) -> tuple[Tables | DiscreteEnv, ...]:
    """The original and its cousins, to sample from: all of one kind, as compiled code asks."""
    if not orders or orders[0] != 1 or len(set(orders)) < len(orders) or min(orders) < 1:
        raise InvalidParameter(f"orders must be different, 1 first; got {orders}")
    if isinstance(model, DiscreteEnv):
        if orders != (1,):
            raise InvalidParameter("cousins are made of a model; give one, such as an estimate")
        return (model,)
    if (model.n_states, model.n_actions) != (original.n_states, original.n_actions):
        raise InvalidParameter(
            f"model must have {original.n_states} states and {original.n_actions} actions, as the "
            f"original; got {model.n_states} and {model.n_actions}"
        )
    if isinstance(model, FactoredMDP) and chain is colink:
        cousins = [tables(model, n) for n in orders[1:]]
    else:
        model = model.flat() if isinstance(model, FactoredMDP) else model
        cousins = [tables(cousin(model, n, chain=chain)) for n in orders[1:]]
        original = original.flat() if isinstance(original, FactoredMDP) else original
    if isinstance(model, FactoredMDP) and isinstance(original, FiniteMDP):
        raise InvalidParameter("a factored model needs a factored original; give model.flat()")
    return (sampled(original), *cousins)


@compiled
def walk_together(
    envs: tuple[Any, ...], plan: Plan, mixing: Mixing, now: Together, n: int
) -> float:
    """Lines 2 to 14 of Algorithm 1 for ``n`` samples of each environment, in place."""
    K, earned = len(envs), 0.0
    t, end = now.at[K], now.at[K] + n
    while t < end:
        if t % plan.trajectory == 0:
            now.at[:K] = start(envs[0], now.numbers)
        stop = min(
            end,
            (t // plan.trajectory + 1) * plan.trajectory,
            (t // mixing.per_iteration + 1) * mixing.per_iteration,
        )
        for k in range(K):
            now.at[k], reward = learn_in(
                envs[k], plan, now.q[k], now.n_visits[k], now.greedy[k], now.rest,
                now.mass[k] / now.decay[0], now.greedy, now.agreeing, now.numbers, k, now.at[k], t, stop,
            )  # fmt: skip
            earned += reward if k == 0 else 0.0
        t = stop
        if t % mixing.per_iteration == 0:
            weigh(mixing, now, t)
    now.at[K] = t
    return earned


def learn_in(env: Any, *rest: Any) -> Any:
    """:func:`follow`, compiled for models and interpreted for a live environment."""
    return runner(follow, env)(env, *rest)


@overload(learn_in)
def _compiled_learn_in(env: Any, *rest: Any) -> Any:
    def in_model(env: Any, *rest: Any) -> Any:
        return follow(env, *rest)

    return in_model


@compiled
def follow(
    env: Any,
    plan: Plan,
    q: Array,
    n_visits: Counts,
    greedy: Counts,
    rest: Array,
    outdated: float,
    greedy_of: Counts,
    agreeing: Counts,
    stream: Stream,
    k: int,
    s: int,
    t: int,
    stop: int,
) -> tuple[int, float]:
    """Member ``k`` learns from sample ``t`` to ``stop``, from state ``s`` on: lines 6 to 8."""
    earned = 0.0
    for i in range(t, stop):
        a = explore(greedy[s], q.shape[1], schedule_value(plan.epsilon, i), stream)
        r, s_next, discount, over = step(env, s, a, stream)
        target = r + discount * q[s_next, greedy[s_next]]
        before, best = q[s, a], greedy[s]
        update(plan, q, n_visits, greedy, s, a, target)
        rest[s, a] += outdated * (before - q[s, a])
        if greedy[s] != best:
            for m in range(1, len(agreeing)):  # state s is compared anew
                if m == k:
                    agreeing[m] += int(greedy[s] == greedy_of[0, s]) - int(best == greedy_of[0, s])
                elif k == 0:
                    agreeing[m] += int(greedy_of[m, s] == greedy[s]) - int(greedy_of[m, s] == best)
        earned += r
        s = start(env, stream) if over else s_next
    return s, earned


@inlined
def weigh(mixing: Mixing, now: Together, t: int) -> None:
    """Lines 10 and 11 after ``t`` samples: the weights, and the mixture by its parts."""
    now.weights[:] = np.exp(now.agreeing / now.greedy.shape[1])
    now.weights[:] /= now.weights.sum()
    u = schedule_value(mixing.ratio, t // mixing.per_iteration - 1)
    now.mass[:] = u * now.mass + (1 - u) * now.weights
    now.decay[0] *= u
    if now.decay[0] < SMALLEST_DECAY:
        now.rest[:] *= now.decay[0]
        now.decay[0] = 1.0
