r"""Learning a model: samples are counted, and what is planned on them is planned anew from time to time.

Model-based learners differ in the model that they make of the counts. What they share is here: how samples
are taken, what is known of a pair that was never tried, and how one plans with a model that is only a map.

**Rewards** are the mean rewards ``r[s, a]``: seen at the first visit of a pair, and then known.

**Untried pairs.** A pair of which nothing is known is taken for one that stays where it is and earns the
worst reward seen so far, for ever. No value is lower, so that no plan goes there of its own will; and a
state without any tried action, whose policy is then its first action, is worth that much.

**Behaviour** is epsilon-greedy along trajectories, as in all tabular learners, towards the plan of the
moment: it is made anew whenever the number of samples has doubled. Or, with ``generative``, the pairs are
tried in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..cousins import ProductChain
from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP, greedy_actions
from ..sampling import Stream, compiled, new_stream
from ._environment import explore, start, step, tables
from ._result import LearningResult
from ._schedule import Schedule, schedule_value
from ._training import Learner, Plan, Training, train

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ACCURACY = 1e-12
"""Error of a planned value in the model at hand, as a share of the largest value possible."""


class Samples(NamedTuple):
    """What the samples say.

    Attributes:
        counts: ``(S * A, S)`` transitions, row ``s * A + a``; memory is that of those that occurred.
        n_visits: ``(S, A)`` samples of each pair.
        r: ``(S, A)`` rewards, where they are known; elsewhere the worst one that is.
        known: ``(S, A)`` pairs whose reward is known.
        gamma: discount factor.
    """

    counts: sp.csr_array
    n_visits: Ints
    r: Array
    known: NDArray[np.bool_]
    gamma: float

    @property
    def frequencies(self) -> sp.csr_array:
        """``(S * A, S)`` the estimate of ``P`` by counts; rows of untried pairs are empty."""
        P = self.counts.copy()
        P.data /= np.repeat(np.maximum(self.n_visits.ravel(), 1), np.diff(P.indptr))
        return P


NextValues = Callable[[Array], Array]
"""From values ``(S,)`` to the mean value ``(S, A)`` of the next state."""

Planner = Callable[[Samples, Array], Array]
"""From samples and a guess of the values ``(S,)`` to the action values ``(S, A)`` of a plan."""


def learn_model(
    mdp: FiniteMDP | FactoredMDP,
    planner: Planner,
    training: Training,
    rng: np.random.Generator,
    *,
    generative: bool,
    known_rewards: bool = False,
) -> LearningResult:
    """What ``planner`` makes of the samples, checkpoint by checkpoint.

    Raises:
        InvalidParameter: ``mdp`` is no model, or a step size is given, which no model-based learner has.
    """
    if not isinstance(mdp, FiniteMDP | FactoredMDP):
        raise InvalidParameter(f"mdp must be a finite or factored MDP; got {type(mdp).__name__}")
    if training.step_size is not None:
        raise InvalidParameter("step_size must be left out: counts are averaged with equal weights")
    S, A = mdp.r.shape
    env, plan = tables(mdp), training.plan(mdp.gamma)
    transitions = np.zeros(training.stops(S * A)[-1], dtype=np.int64)
    greedy, at = np.zeros(S, dtype=np.int64), np.zeros(2, dtype=np.int64)
    n_visits, stream = np.zeros((S, A), dtype=np.int64), new_stream(rng)
    counts, q, n_planned = sp.csr_array((S * A, S)), np.zeros((S, A)), 0

    def action_values() -> Array:
        nonlocal counts, q, n_planned
        if at[1] > n_planned:
            pair, s_next = np.divmod(transitions[n_planned : at[1]], S)
            counts = counts + sp.csr_array((np.ones(len(pair)), (pair, s_next)), (S * A, S))
            known = (n_visits > 0) | known_rewards
            r = np.where(known, mdp.r, mdp.r[known].min())
            q = planner(Samples(counts, n_visits, r, known, mdp.gamma), q.max(axis=1))
            n_planned = int(at[1])
        return q

    follows_plan = not generative and plan.epsilon != Schedule(1.0)

    def advance(n: int) -> float:
        earned, end = 0.0, at[1] + n
        while at[1] < end:
            doubled = training.trajectory << int(at[1] // training.trajectory).bit_length()
            stop = min(end, doubled) if follows_plan else end
            earned += gather(
                env, plan, generative, greedy, n_visits, transitions, at, stream, stop - at[1]
            )
            if follows_plan and stop == doubled:
                greedy[:] = greedy_actions(action_values()).argmax(axis=1)
        return earned

    learner = Learner(
        arrays={
            "transitions": transitions,
            "greedy": greedy,
            "n_visits": n_visits,
            "at": at,
            "numbers": stream,
        },
        advance=advance,
        q=action_values,
    )
    return train(learner, (S, A), training)


@compiled
def gather(
    env: Any,
    plan: Plan,
    generative: bool,
    greedy: Ints,
    n_visits: Ints,
    transitions: Ints,
    at: Ints,
    stream: Stream,
    n: int,
) -> float:
    """Notes ``n`` more transitions as ``(s * A + a) * S + s_next``; ``at``: the state, the number so far."""
    n_states, n_actions = n_visits.shape
    s, earned = at[0], 0.0
    for t in range(at[1], at[1] + n):
        if generative:
            s, a = t // n_actions % n_states, t % n_actions
        else:
            if t % plan.trajectory == 0:
                s = start(env, stream)
            a = explore(greedy[s], n_actions, schedule_value(plan.epsilon, t), stream)
        r, s_next, _, _ = step(env, s, a, stream)
        transitions[t] = (s * n_actions + a) * n_states + s_next
        n_visits[s, a] += 1
        earned += r
        s = s_next
    at[0], at[1] = s, at[1] + n
    return earned


def next_values(mdp: FiniteMDP | FactoredMDP) -> NextValues:
    """``v -> (S, A)``, the mean value of the next state; a product is not formed."""
    if isinstance(mdp, FiniteMDP):
        P, shape = mdp.transitions, mdp.r.shape
        return lambda v: np.asarray(P @ v).reshape(shape)
    laws, law_of = np.unique(mdp.index, axis=0, return_inverse=True)
    chains = [ProductChain(tuple(mdp.kernels[k] for k in row)) for row in laws]
    return lambda v: np.stack([chain @ v for chain in chains], axis=1)[:, law_of.reshape(-1)]


def planned(
    next_values: NextValues,
    usable: NDArray[np.bool_],
    samples: Samples,
    v: Array,
) -> Array:
    r"""``(S, A)`` action values at the fixed point of :math:`v = \max_a \{ r_a + \gamma \hat P_a v \}`.

    Value iteration from ``v`` on. What sweeps add to all states alike is added at once (MacQueen's bounds),
    so that they are needed only until the *differences* between states have settled; no more are made than a
    contraction by ``gamma`` would need.

    Args:
        next_values: ``v -> (S, A)``, the mean value of the next state; weights of ``v`` sum to one.
        usable: ``(S, A)`` pairs of which something is known.
    """
    gamma, reach = samples.gamma, samples.gamma / (1 - samples.gamma)
    r = np.where(usable, samples.r, samples.r.min())

    def q_of(v: Array) -> Array:
        return np.asarray(r + gamma * np.where(usable, next_values(v), v[:, None]))

    tol = ACCURACY * max(float(np.abs(r).max()), 1e-300) / (1 - gamma)
    for _ in range(2 + (ceil(log(ACCURACY * (1 - gamma)) / log(gamma)) if gamma > 0 else 0)):
        applied = q_of(v).max(axis=1)
        low, high = (applied - v).min(), (applied - v).max()
        v = applied + reach * (low + high) / 2
        if reach * (high - low) / 2 <= tol:
            break
    return q_of(v)
