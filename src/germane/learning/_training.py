"""What all tabular learners share: how long they learn, how they explore, and what is recorded of it.

A learner is arrays that it changes in place and a compiled loop that does so. :func:`train` runs the loop
from checkpoint to checkpoint; between two of them the arrays and the history are all there is to know, so
that a run that was stopped goes on as if it had not been.

There is no stopping rule: learners take the samples that they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import policy_error
from ._result import Checkpoint, LearningResult
from ._schedule import Schedule, valid_schedule

Array = NDArray[np.float64]

SAMPLES_PER_PAIR = 100
"""Samples of each state-action pair, on average, where nothing is said."""


@dataclass
class TrainingState:
    """All that a learner knows at a checkpoint; a run that is given one goes on from there.

    Attributes:
        arrays: the learner's arrays, by name.
        history: the checkpoints so far; empty before the first.
    """

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    history: list[Checkpoint] = field(default_factory=list)


class TrainingOptions(TypedDict, total=False):
    """The options that every tabular learner takes: see :class:`Training`."""

    n_steps: int | None
    epsilon: float | Schedule
    trajectory: int
    step_size: float | Schedule | None
    checkpoints: int | Sequence[int]
    q_star: Array | None
    progress: Callable[[Checkpoint], object] | None
    state: TrainingState | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """How a tabular learner is trained: the same options, with the same meaning, for all of them.

    Attributes:
        n_steps: samples of the original environment; by default 100 for each state-action pair.
        epsilon: probability of a uniformly random action, by the number of samples so far.
        trajectory: samples between two jumps to a uniformly random state.
        step_size: ``alpha`` by the number of earlier visits of the pair; by default
            ``1 / (1 + (1 - gamma) n)``, whose error does not grow with ``exp(1 / (1 - gamma))``.
        checkpoints: how often history is written, evenly; or after which numbers of samples.
        q_star: ``(S, A)`` optimal action values, for the errors in the history; nothing learns from them.
        progress: called with each checkpoint; may raise to stop.
        state: filled at each checkpoint, and gone on from where it has one.

    Raises:
        InvalidParameter: naming the option that is out of its range.
    """

    n_steps: int | None = None
    epsilon: float | Schedule = 0.3
    trajectory: int = 40
    step_size: float | Schedule | None = None
    checkpoints: int | Sequence[int] = 100
    q_star: Array | None = None
    progress: Callable[[Checkpoint], object] | None = None
    state: TrainingState | None = None

    def __post_init__(self) -> None:
        for name in ("n_steps", "trajectory"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidParameter(f"{name} must be at least 1; got {value}")
        object.__setattr__(self, "epsilon", valid_schedule("epsilon", self.epsilon))
        if self.step_size is not None:
            object.__setattr__(self, "step_size", valid_schedule("step_size", self.step_size))
        if np.ndim(self.checkpoints) == 0 and np.min(self.checkpoints) < 1:
            raise InvalidParameter(f"checkpoints must be at least 1; got {self.checkpoints}")
        if np.ndim(self.checkpoints) == 1 and (np.diff([0, *np.ravel(self.checkpoints)]) < 1).any():
            raise InvalidParameter(f"checkpoints must increase from 1 on; got {self.checkpoints}")

    def stops(self, n_pairs: int, unit: int = 1) -> list[int]:
        """The numbers of samples, rounded up to multiples of ``unit``, after which there is a checkpoint."""
        n_steps = self.n_steps or SAMPLES_PER_PAIR * n_pairs
        if isinstance(self.checkpoints, int | np.integer):
            stops = np.linspace(0, n_steps, min(int(self.checkpoints), n_steps) + 1).astype(
                np.int64
            )[1:]
        else:
            stops = np.array(
                [*(n for n in self.checkpoints if n < n_steps), n_steps], dtype=np.int64
            )
        return [int(n) for n in np.unique(-(-stops // unit) * unit)]

    def plan(self, gamma: float) -> Plan:
        """What compiled loops read of it, for a discount factor."""
        alpha = Schedule(1.0, rate=1 - gamma) if self.step_size is None else self.step_size
        assert isinstance(alpha, Schedule)
        assert isinstance(self.epsilon, Schedule)
        return Plan(self.epsilon, alpha, self.trajectory)


class Plan(NamedTuple):
    """What compiled loops read: exploration by time, step sizes by visits, length of a trajectory."""

    epsilon: Schedule
    step_size: Schedule
    trajectory: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """A learner at work.

    Attributes:
        arrays: all that it knows, changed in place.
        advance: takes that many more samples of the original environment; returns the reward earned.
        q: ``(S, A)`` its action values at this moment.
        change: ``max |q - q_before|`` of its last iteration.
        weights: of its members.
        members: ``(K, S, A)`` their tables.
        unit: samples that belong together: it stops only at their multiples.
    """

    arrays: dict[str, NDArray[Any]]
    advance: Callable[[int], float]
    q: Callable[[], Array]
    change: Callable[[], float] = lambda: np.nan
    weights: Callable[[], Sequence[float]] = tuple
    members: Callable[[], Array | None] = lambda: None
    unit: int = 1


def train(learner: Learner, shape: tuple[int, int], training: Training) -> LearningResult:
    """What the learner has learned when its samples are used up.

    Raises:
        InvalidParameter: the state to go on from is another learner's, or ``q_star`` has another shape.
    """
    state = TrainingState() if training.state is None else training.state
    optimum = _checked_optimum(training.q_star, shape)
    if state.history:
        _restore(state, learner.arrays)
    seconds = state.history[-1].seconds if state.history else 0.0
    done = state.history[-1].n_steps if state.history else 0
    for stop in (stop for stop in training.stops(shape[0] * shape[1], learner.unit) if stop > done):
        began = perf_counter()
        earned = learner.advance(stop - done)
        q = learner.q()
        seconds += perf_counter() - began
        checkpoint = Checkpoint(
            n_steps=stop,
            mean_reward=earned / (stop - done),
            seconds=seconds,
            policy_error=policy_error(optimum, q.argmax(axis=1)) if optimum is not None else np.nan,
            value_error=float(np.abs(q - optimum).max()) if optimum is not None else np.nan,
            change=learner.change(),
            weights=tuple(map(float, learner.weights())),
        )
        done = stop
        state.arrays = learner.arrays
        state.history.append(checkpoint)
        if training.progress is not None:
            training.progress(checkpoint)
    q = learner.q()
    return LearningResult(
        policy=q.argmax(axis=1),
        history=tuple(state.history),
        seconds=seconds,
        q=q,
        members=learner.members(),
    )


def _checked_optimum(given: Array | None, shape: tuple[int, int]) -> Array | None:
    if given is None:
        return None
    q_star = np.asarray(given, dtype=np.float64)
    if q_star.shape != shape:
        raise InvalidParameter(f"q_star must have shape {shape}; got {q_star.shape}")
    return q_star


def _restore(state: TrainingState, arrays: dict[str, NDArray[Any]]) -> None:
    """Puts the learner where the state says."""
    for name, array in arrays.items():
        given = state.arrays.get(name)
        if given is None or given.shape != array.shape or given.dtype != array.dtype:
            raise InvalidParameter(
                f"the state to go on from must hold {name}, {array.dtype} of shape {array.shape}; got "
                + ("none" if given is None else f"{given.dtype} of shape {given.shape}")
            )
        array[...] = given
