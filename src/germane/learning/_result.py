"""What every learner returns."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mdp import Policy


class Checkpoint(NamedTuple):
    """How far a learner was, and how it did since the checkpoint before.

    Attributes:
        n_steps: samples of the original environment so far.
        mean_reward: mean reward per sample since the last checkpoint, *exploration included*.
        seconds: wall-clock time of learning so far, checkpoints left out [s].
        policy_error: share of states in which the policy of the moment is not optimal; ``nan`` where the
            optimum was not given.
        value_error: ``max |q - q*|``; ``nan`` where the optimum was not given or no table is kept.
        change: ``max |q - q_before|`` of the last iteration; ``nan`` where the learner has none.
        weights: of an ensemble's members, at this moment.
    """

    n_steps: int
    mean_reward: float
    seconds: float = nan
    policy_error: float = nan
    value_error: float = nan
    change: float = nan
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class LearningResult:
    """A learned policy over the finite states, and how it came about.

    Attributes:
        policy: ``(S,)`` action indices, or ``(S, A)`` probabilities.
        history: checkpoints, in order; the last one is the end of training.
        seconds: wall-clock time of training [s].
        q: ``(S, A)`` learned action values; ``None`` where the learner keeps none.
        members: ``(K, S, A)`` the tables of an ensemble; ``None`` where there is none.
    """

    policy: Policy
    history: tuple[Checkpoint, ...]
    seconds: float
    q: NDArray[np.float64] | None = None
    members: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("policy", "q", "members"):
            given = getattr(self, name)
            if given is not None:
                array = np.array(given)
                array.flags.writeable = False
                object.__setattr__(self, name, array)
