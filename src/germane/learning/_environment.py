r"""What tabular learners sample from: one contract, compiled for models, interpreted for live ones.

A learner's loop calls two functions and knows nothing else of where its samples come from:

* ``start(env, stream)`` gives a state to begin a trajectory in, uniformly random where there is a model;
* ``step(env, s, a, stream)`` gives ``(r, s_next, discount, over)``: the reward, the next state, what its
  value counts (``gamma``, or 0 where the episode has terminated), and whether a trajectory must begin.

For a :class:`Tables` both are compiled: next states come from tables of aliases, at a cost that does not
depend on how many there are. The reward is the mean ``r[s, a]``, the same
in all environments that share it. For a :class:`DiscreteEnv` the same loop is run by Python.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ..cousins import ColinkSampler, ColinkTables, colink_step
from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ..sampling import (
    INLINED,
    AliasRows,
    Stream,
    alias_rows,
    below,
    compiled,
    cut,
    fraction,
    inlined,
    random_bits,
    row_choice,
)

Array = NDArray[np.float64]


class Tables(NamedTuple):
    """A model to sample from: the laws of next states, ``(S, A)`` rewards and the discount factor.

    The rows of a finite MDP are numbered ``s * A + a``.
    """

    chain: AliasRows | ColinkTables
    r: Array
    gamma: float


class DiscreteGymnasium(Protocol):
    """What is asked of a Gymnasium environment: discrete spaces, ``reset`` and ``step``."""

    @property
    def observation_space(self) -> Any:
        """A ``Discrete`` space."""

    @property
    def action_space(self) -> Any:
        """A ``Discrete`` space."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode."""

    def step(self, action: int) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes an action."""


@dataclass
class DiscreteEnv:
    """A Gymnasium environment with ``Discrete`` observations and actions, for tabular learners to act in.

    Its trajectories begin where its ``reset`` says, not in random states. Termination ends what is to be
    earned, truncation does not.

    Attributes:
        env: the environment.
        gamma: discount factor in ``[0, 1)``.

    Raises:
        InvalidParameter: a space is not ``Discrete`` from 0 on, or ``gamma`` is out of its range.
    """

    env: DiscreteGymnasium
    gamma: float
    _seeded: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        for name in ("observation_space", "action_space"):
            space = getattr(self.env, name)
            if not hasattr(space, "n") or getattr(space, "start", 0) != 0:
                raise InvalidParameter(f"{name} must be Discrete from 0 on; got {space}")
        if not 0 <= self.gamma < 1:
            raise InvalidParameter(f"gamma must lie in [0, 1); got {self.gamma}")

    @property
    def n_states(self) -> int:
        return int(self.env.observation_space.n)

    @property
    def n_actions(self) -> int:
        return int(self.env.action_space.n)

    def start(self, stream: Stream) -> int:
        """Resets the environment, the first time with a seed from the stream."""
        seed = None if self._seeded else below(2**31, stream)
        self._seeded = True
        return int(self.env.reset(seed=seed)[0])

    def step(self, a: int) -> tuple[float, int, float, bool]:
        """``(r, s_next, discount, over)``."""
        s_next, r, terminated, truncated, _ = self.env.step(int(a))
        return float(r), int(s_next), 0.0 if terminated else self.gamma, terminated or truncated


Environment = FiniteMDP | FactoredMDP | DiscreteEnv
"""What a tabular learner accepts."""


def tables(mdp: FiniteMDP | FactoredMDP, order: int = 1) -> Tables:
    """The model to sample from; of a factored one also its co-link cousin of ``order``."""
    if isinstance(mdp, FactoredMDP):
        return Tables(ColinkSampler(mdp, order).tables, mdp.r, mdp.gamma)
    P = mdp.transitions
    return Tables(alias_rows(P.indptr, P.indices, P.data), mdp.r, mdp.gamma)


def sampled(environment: Environment) -> Tables | DiscreteEnv:
    """What ``start`` and ``step`` accept."""
    return environment if isinstance(environment, DiscreteEnv) else tables(environment)


def runner(kernel: Any, env: object) -> Callable[..., Any]:
    """A compiled loop where ``env`` is a model, the same loop in Python where it is alive."""
    run: Callable[..., Any] = kernel.py_func if isinstance(env, DiscreteEnv) else kernel
    return run


def start(env: Any, stream: Stream) -> int:
    """A state to begin a trajectory in."""
    return env.start(stream) if isinstance(env, DiscreteEnv) else int(_start(env, stream))


def step(env: Any, s: int, a: int, stream: Stream) -> tuple[float, int, float, bool]:
    """``(r, s_next, discount, over)`` of action ``a`` in state ``s``."""
    found: tuple[float, int, float, bool]
    found = env.step(a) if isinstance(env, DiscreteEnv) else _step(env, s, a, stream)
    return found


@compiled
def _start(env: Tables, stream: Stream) -> int:
    return start(env, stream)


@compiled
def _step(env: Tables, s: int, a: int, stream: Stream) -> tuple[float, int, float, bool]:
    return step(env, s, a, stream)


@overload(start, jit_options=INLINED)
def _compiled_start(env: Any, stream: Any) -> Any:
    def anywhere(env: Any, stream: Any) -> Any:
        return below(env.r.shape[0], stream)

    return anywhere


@overload(step, jit_options=INLINED)
def _compiled_step(env: Any, s: Any, a: Any, stream: Any) -> Any:
    def by_rows(env: Any, s: Any, a: Any, stream: Any) -> Any:
        s_next = row_choice(env.chain, s * env.r.shape[1] + a, random_bits(stream))
        return env.r[s, a], s_next, env.gamma, False

    def by_colinks(env: Any, s: Any, a: Any, stream: Any) -> Any:
        return env.r[s, a], colink_step(env.chain, s, a, stream), env.gamma, False

    return by_rows if env.types[0].instance_class is AliasRows else by_colinks


@inlined
def explore(greedy: int, n_actions: int, epsilon: float, stream: Stream) -> int:
    """The greedy action, or with probability ``epsilon`` a uniformly random one.

    One number: its leading bits are the random action, what is left of them tells whether it is taken.
    """
    a, rest = cut(random_bits(stream), n_actions)
    return int(a) if fraction(rest) < epsilon else greedy
