r"""Tabular Q-learning on one trajectory of a finite MDP.

At step ``t`` the learner is in ``s``, takes ``a``, earns ``r[s, a]`` and lands in ``s_next``; then

.. math:: q(s, a) \leftarrow q(s, a) + \alpha_n \big(r + \gamma \max_b q(s', b) - q(s, a)\big)

with the step size ``alpha_n = 1 / (1 + (1 - gamma) n)`` after ``n`` earlier visits of ``(s, a)``:
``sum alpha = inf`` and ``sum alpha**2 < inf``, so ``q`` converges to ``q*`` with probability one as
long as every pair is visited for ever (Watkins and Dayan, 1992). Behaviour sees to that: it is
``epsilon``-greedy, and now and then the simulator restarts in a uniformly random state. The rescaled
step size is the one with which the error after ``T`` visits does not depend on ``exp(1 / (1 -
gamma))``, as it does for ``1 / n`` (Wainwright, *Stochastic approximation with cone-contractive
operators*, 2019). The first visit has ``alpha = 1``: on a deterministic chain, one sweep against the
direction of travel is exact.

There is no stopping rule: it takes ``n_steps`` steps.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import FiniteMDP
from ._result import Checkpoint, LearningResult

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

compiled = njit(nogil=True, cache=True, error_model="numpy")


def q_learning(
    mdp: FiniteMDP,
    *,
    n_steps: int,
    rng: np.random.Generator,
    epsilon: float = 0.3,
    restart: float = 0.1,
    n_checkpoints: int = 100,
    progress: Callable[[Checkpoint], object] | None = None,
) -> LearningResult:
    """The greedy policy of the ``q`` that Q-learning reaches in ``n_steps`` steps of ``mdp``.

    Starts in state 0 with ``q = 0``; of equal values the action with the lowest index counts as
    greedy. The same ``rng`` gives the same table, bit for bit.

    Args:
        n_steps: environment steps; one update each.
        epsilon: probability of a uniformly random action.
        restart: probability, before each step, of a jump to a uniformly random state.
        n_checkpoints: how often ``history`` is written and ``progress`` is called.
        progress: called with each checkpoint; may raise to stop.

    Raises:
        InvalidParameter: naming the option that is out of range.

    >>> walk = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> q_learning(walk, n_steps=100, rng=np.random.default_rng(0)).q.ravel().tolist()
    [1.0, 0.0]
    """
    _positive("n_steps", n_steps)
    _positive("n_checkpoints", n_checkpoints)
    _probability("epsilon", epsilon)
    _probability("restart", restart)
    started = perf_counter()
    q, n_visits = np.zeros(mdp.r.shape), np.zeros(mdp.r.shape, dtype=np.int64)
    rows = mdp.transitions
    s, history = 0, list[Checkpoint]()
    stops = np.linspace(0, n_steps, min(n_checkpoints, n_steps) + 1).astype(np.int64)
    for start, stop in zip(stops[:-1].tolist(), stops[1:].tolist()):
        u = rng.random((stop - start, 3))
        s, earned = walk(
            q, n_visits, s, u, epsilon, restart,
            rows.indptr, rows.indices, rows.data, mdp.r, mdp.gamma,
        )  # fmt: skip
        history.append(Checkpoint(stop, earned / (stop - start)))
        if progress is not None:
            progress(history[-1])
    seconds = perf_counter() - started
    return LearningResult(q=q, policy=q.argmax(axis=1), history=tuple(history), seconds=seconds)


@compiled
def update(q: Array, n_visits: Counts, s: int, a: int, r: float, s_next: int, gamma: float) -> None:
    """One Q-learning step towards ``r + gamma max_b q[s_next, b]``, in place."""
    alpha = 1 / (1 + (1 - gamma) * n_visits[s, a])
    q[s, a] += alpha * (r + gamma * q[s_next].max() - q[s, a])
    n_visits[s, a] += 1


@compiled
def walk(
    q: Array,
    n_visits: Counts,
    s: int,
    u: Array,
    epsilon: float,
    restart: float,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    probabilities: Array,
    r: Array,
    gamma: float,
) -> tuple[int, float]:
    """Updates along a trajectory from ``s``; ``u (n_steps, 3)`` are its uniform random numbers.

    A number below a probability is, divided by it, uniform again: it picks the state or action.
    """
    n_states, n_actions = q.shape
    earned = 0.0
    for t in range(len(u)):
        if u[t, 0] < restart:
            s = min(int(u[t, 0] / restart * n_states), n_states - 1)
        a = q[s].argmax()
        if u[t, 1] < epsilon:
            a = min(int(u[t, 1] / epsilon * n_actions), n_actions - 1)
        row = s * n_actions + a
        k, last = indptr[row], indptr[row + 1] - 1
        rest = u[t, 2] - probabilities[k]
        while rest >= 0 and k < last:
            k += 1
            rest -= probabilities[k]
        update(q, n_visits, s, a, r[s, a], indices[k], gamma)
        earned += r[s, a]
        s = indices[k]
    return s, earned


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise InvalidParameter(f"{name} must be at least 1; got {value}")


def _probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidParameter(f"{name} must be a probability; got {value}")
