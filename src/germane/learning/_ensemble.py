r"""Ensembles of Q-learners in a network and its cousins: what ESQL and its predecessors share.

``K`` Q-learners run side by side, the first in the original, the others in its cousins. After each
iteration ``t`` every learner is weighted by how far it is from the first, on average over the states, and
the tables are mixed:

.. math::
    D_t^{(n)} &= \frac1{|S|} \sum_s d\big(Q_t^{(n)}(s, \cdot), Q_t^{(1)}(s, \cdot)\big) , \qquad
    w_t^{(n)} = \frac{e^{-D_t^{(n)}}}{\sum_m e^{-D_t^{(m)}}} \\
    Q^{it}_t &= u_t Q^{it}_{t-1} + (1 - u_t) \sum_n w_t^{(n)} Q_t^{(n)} .

What differs is ``d``: whether the greedy actions of a state differ, or how much the rows do
(:class:`Measure`).

**What is not computed.** Rows are compared where one has changed, not in every state. And the mixture is
never formed on the way: with :math:`A_t^{(n)} = u_t A_{t-1}^{(n)} + (1 - u_t) w_t^{(n)}` and
:math:`U_t = \prod_{i \le t} u_i`,

.. math:: Q^{it}_t = U_t B_t + \sum_n A_t^{(n)} Q_t^{(n)} ,

where ``B`` changes only where a table does: an update of :math:`Q^{(n)}(s, a)` from ``x`` to ``y`` adds
:math:`A_{t-1}^{(n)} (x - y) / U_{t-1}` to :math:`B(s, a)`. Both cost the same for every sample, however
many states there are, and neither is an approximation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ..cousins import Aggregation, Chain, colink, cousin, power
from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ..sampling import INLINED, Stream, compiled, inlined, new_stream
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
from ._measure import Measure, compare_actions, compare_rows
from ._q_table import QTable, update, value
from ._result import LearningResult
from ._schedule import Schedule, schedule_value, valid_schedule
from ._training import Learner, Plan, Training, train

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Groups = NDArray[np.int64] | None
"""``(S,)`` the row of each state in a table; ``None`` where every state has its own."""

SMALLEST_DECAY = 1e-100
"""Below this the product of the ratios goes into the table ``B`` and starts again from one."""

SMALLEST_RATIO = 1e-8
"""``u_t`` below which the last change of the mixture is lost in rounding."""

INNOVATION = Schedule(1.0, rate=0.001)
"""``1 - u_t`` of the ensembles before ESQL, by iteration."""


class Mixing(NamedTuple):
    """How the tables are mixed.

    Attributes:
        measure: how far two rows are apart.
        ratio: ``u_t`` by iteration; or, where it is ``rising``, ``1 - u_t``.
        rising: whether ``ratio`` is of ``1 - u_t``.
        per_iteration: samples of each learner between two mixtures.
    """

    measure: Measure
    ratio: Schedule
    rising: bool
    per_iteration: int

    @classmethod
    def checked(
        cls,
        measure: Measure,
        training: Training,
        samples_per_iteration: int | None,
        *,
        update_ratio: float | Schedule | None = None,
        innovation: float | Schedule = 0.0,
    ) -> Mixing:
        """Options that are within their ranges; ``innovation`` is ``1 - u_t`` where no ratio is given."""
        n = training.trajectory if samples_per_iteration is None else samples_per_iteration
        if n < 1:
            raise InvalidParameter(f"samples_per_iteration must be at least 1; got {n}")
        if update_ratio is None:
            return cls(measure, valid_schedule("innovation", innovation), True, n)
        return cls(measure, valid_schedule("update_ratio", update_ratio), False, n)


def learn_together(
    environment: Environment,
    envs: tuple[Tables | DiscreteEnv, ...],
    mixing: Mixing,
    training: Training,
    rng: np.random.Generator,
    *,
    fading: float | None = None,
    aggregation: Aggregation | None = None,
) -> LearningResult:
    """The greedy policy of the mixture; with ``fading``, of :meth:`Together.faded`.

    States of a group of the ``aggregation`` share a row of every table.
    """
    S, A = environment.n_states, environment.n_actions
    group = np.arange(S) if aggregation is None else aggregation.group
    if len(group) != S:
        raise InvalidParameter(f"aggregation must have {S} states; got {len(group)}")
    shape = (int(group.max()) + 1, A)
    together = Together.begin(len(envs), shape, mixing.measure, rng)
    plan, run = training.plan(environment.gamma), runner(walk_together, envs[0])
    row = None if aggregation is None else group

    def q() -> Array:
        table = together.mixture() if fading is None else together.faded(fading)
        return np.asarray(table[group])

    learner = Learner(
        arrays=together._asdict(),
        advance=lambda n: run(envs, plan, mixing, together, row, n),
        q=q,
        change=lambda: together.change(mixing),
        weights=lambda: together.weights.tolist(),
        members=lambda: together.q[:, group],
        unit=mixing.per_iteration,
    )
    return train(learner, (S, A), training)


class Together(NamedTuple):
    """What ``K`` learners know.

    Attributes:
        q: ``(K, S, A)`` their tables, with a row for each state or group; the first is the original's.
        n_visits: ``(K, S, A)``.
        greedy: ``(K, S)`` the first of the actions of largest value.
        others: ``(K, S)`` see :class:`QTable`.
        apart: ``(K,)`` the sum over states of how far each learner is from the first; whole numbers,
            and exact, where greedy actions are compared.
        apart_in: ``(K, S)`` the same state by state, where rows are compared.
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
    others: Array
    apart: Array
    apart_in: Array
    weights: Array
    mass: Array
    rest: Array
    decay: Array
    at: Counts
    numbers: Stream

    @classmethod
    def begin(
        cls, K: int, shape: tuple[int, int], measure: Measure, rng: np.random.Generator
    ) -> Together:
        """Empty tables."""
        return cls(
            q=np.zeros((K, *shape)),
            n_visits=np.zeros((K, *shape), dtype=np.int64),
            greedy=np.zeros((K, shape[0]), dtype=np.int64),
            others=np.zeros((K, shape[0])),
            apart=np.zeros(K),
            apart_in=np.zeros((K, shape[0] if measure != Measure.ACTIONS else 0)),
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
        r"""``(S, A)`` :math:`\tilde Q`: the mixture for ``kappa`` visits, else the original."""
        m = self.n_visits[0].min(axis=1, keepdims=True)
        return np.asarray((m * self.q[0] + kappa * self.mixture()) / (m + kappa))

    def change(self, mixing: Mixing) -> float:
        r"""``max |Q^it_t - Q^it_(t-1)|`` of the last iteration.

        With :math:`y_t = \sum_n w_t^{(n)} Q_t^{(n)}`,

        .. math:: Q^{it}_t - Q^{it}_{t-1} = \tfrac{1 - u_t}{u_t} (y_t - Q^{it}_t) ,

        with an error of rounding over ``u_t``; NaN where that is all there would be.
        """
        u = ratio_after(mixing, self.at[-1])
        if u < SMALLEST_RATIO:
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
    elif isinstance(model, FactoredMDP) and chain is power:
        cousins = [tables(product_power(model, n)) for n in orders[1:]]
    else:
        model = model.flat() if isinstance(model, FactoredMDP) else model
        cousins = [tables(cousin(model, n, chain=chain)) for n in orders[1:]]
        original = original.flat() if isinstance(original, FactoredMDP) else original
    if isinstance(model, FactoredMDP) and isinstance(original, FiniteMDP):
        raise InvalidParameter("a factored model needs a factored original; give model.flat()")
    return (sampled(original), *cousins)


def product_power(mdp: FactoredMDP, n: int) -> FactoredMDP:
    """The cousin whose chains are ``P_a ** n``: the product of the powers of its kernels."""
    return replace(mdp, kernels=tuple(np.linalg.matrix_power(K, n) for K in mdp.kernels))


@compiled
def walk_together(
    envs: tuple[Any, ...], plan: Plan, mixing: Mixing, now: Together, group: Groups, n: int
) -> float:
    """``n`` samples of each environment, in place: lines 2 to 14 of Algorithm 1."""
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
            now.at[k], reward = learn_in(envs[k], plan, mixing.measure, now, group, k, t, stop)
            earned += reward if k == 0 else 0.0
        t = stop
        if t % mixing.per_iteration == 0:
            weigh(mixing, now, t)
    now.at[K] = t
    return earned


def learn_in(env: Any, *rest: Any) -> Any:
    """:func:`follow`, compiled for models and interpreted for a live environment."""
    return runner(follow, env)(env, *rest)


@overload(learn_in, jit_options=INLINED)
def _compiled_learn_in(env: Any, *rest: Any) -> Any:
    def in_model(env: Any, *rest: Any) -> Any:
        return follow(env, *rest)

    return in_model


@compiled
def follow(
    env: Any, plan: Plan, measure: Measure, now: Together, group: Groups, k: int, t: int, stop: int
) -> tuple[int, float]:
    """Member ``k`` learns from sample ``t`` to ``stop``: lines 6 to 8. Its state, and what was earned."""
    s, earned, outdated = now.at[k], 0.0, now.mass[k] / now.decay[0]
    table, n_visits = QTable(now.q[k], now.greedy[k], now.others[k]), now.n_visits[k]
    for i in range(t, stop):
        x = row_of(group, s)
        best = table.greedy[x]
        a = explore(best, table.q.shape[1], schedule_value(plan.epsilon, i), now.numbers)
        r, s_next, discount, over = step(env, s, a, now.numbers)
        before = table.q[x, a]
        update(plan, table, n_visits, x, a, r + discount * value(table, row_of(group, s_next)))
        now.rest[x, a] += outdated * (before - table.q[x, a])
        if measure != Measure.ACTIONS:
            compare_rows(measure, now.q, now.apart, now.apart_in, k, x)
        elif table.greedy[x] != best:
            compare_actions(now.greedy, now.apart, k, x, best)
        earned += r
        s = start(env, now.numbers) if over else s_next
    return s, earned


@inlined
def row_of(group: Groups, s: int) -> int:
    """The row of a state; decided when it is compiled."""
    if group is None:
        return s
    return int(group[s])


@inlined
def ratio_after(mixing: Mixing, t: int) -> float:
    """``u`` of the iteration that ends after ``t`` samples."""
    u = schedule_value(mixing.ratio, t // mixing.per_iteration - 1)
    return 1 - u if mixing.rising else u


@inlined
def weigh(mixing: Mixing, now: Together, t: int) -> None:
    """Lines 10 and 11 after ``t`` samples: the weights, and the mixture by its parts."""
    total = 0.0
    for k in range(len(now.weights)):
        now.weights[k] = np.exp(-now.apart[k] / now.greedy.shape[1])
        total += now.weights[k]
    u = ratio_after(mixing, t)
    for k in range(len(now.weights)):
        now.weights[k] /= total
        now.mass[k] = u * now.mass[k] + (1 - u) * now.weights[k]
    now.decay[0] *= u
    if now.decay[0] < SMALLEST_DECAY:
        for x in range(now.rest.shape[0]):
            for a in range(now.rest.shape[1]):
                now.rest[x, a] *= now.decay[0]
        now.decay[0] = 1.0
