"""Samples of an environment, taken before anything is learned: what cousins are estimated from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..sampling import Stream, below, compiled, new_stream
from ._environment import Environment, runner, sampled, start, step
from ._training import Training

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class Experience(NamedTuple):
    """Samples, in their order.

    Attributes:
        s: ``(n,)`` states.
        a: ``(n,)`` actions taken there.
        r: ``(n,)`` rewards [reward units].
        s_next: ``(n,)`` states that they led to.
    """

    s: Ints
    a: Ints
    r: Array
    s_next: Ints


def collect(
    environment: Environment,
    *,
    rng: np.random.Generator,
    n_steps: int,
    trajectory: int = Training.trajectory,
) -> Experience:
    """Samples along trajectories of uniformly random actions, each from a uniformly random state.

    For :func:`germane.cousins.estimate_by_counts` and :func:`germane.cousins.estimate_by_structure`, of whose
    model the cousins of :func:`esql` can be made; rewards are those of the model that they are given. A live
    environment says itself where a trajectory begins and ends; nothing is tried where it ends.

    Args:
        environment: a finite or factored MDP, or a :class:`DiscreteEnv`.
        n_steps: how many samples.
        trajectory: samples between two jumps to another state.

    Raises:
        InvalidParameter: ``n_steps`` or ``trajectory`` is less than 1.

    References:
        Bozkus and Mitra, arXiv 2402.08022: lines 2 and 3 of Algorithm 1, before its first iteration.

    >>> from germane.mdp import FiniteMDP
    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.0]], 0.9)
    >>> collect(swap, n_steps=50, rng=np.random.default_rng(0)).s_next.tolist() == [1] * 50
    True
    """
    for name, given in (("n_steps", n_steps), ("trajectory", trajectory)):
        if given < 1:
            raise InvalidParameter(f"{name} must be at least 1; got {given}")
    env = sampled(environment)
    s, a, s_next = (np.empty(n_steps, dtype=np.int64) for _ in range(3))
    seen = Experience(s, a, np.empty(n_steps), s_next)
    runner(act_at_random, env)(env, environment.n_actions, trajectory, seen, new_stream(rng))
    return seen


@compiled
def act_at_random(
    env: Any, n_actions: int, trajectory: int, seen: Experience, stream: Stream
) -> None:
    """Fills ``seen`` with samples."""
    s = 0
    for t in range(len(seen.s)):
        if t % trajectory == 0:
            s = start(env, stream)
        a = below(n_actions, stream)
        r, s_next, _, over = step(env, s, a, stream)
        seen.s[t], seen.a[t], seen.r[t], seen.s_next[t] = s, a, r, s_next
        s = start(env, stream) if over else s_next
