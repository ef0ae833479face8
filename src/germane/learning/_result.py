"""What every learner returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mdp import Policy


class Checkpoint(NamedTuple):
    """How far a learner was, and how it did since the checkpoint before.

    Attributes:
        n_steps: environment steps so far.
        mean_reward: mean reward per step since the last checkpoint, *exploration included*.
    """

    n_steps: int
    mean_reward: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LearningResult:
    """A learned policy over the finite states, and how it came about.

    Attributes:
        policy: ``(S,)`` action indices, or ``(S, A)`` probabilities.
        history: checkpoints, in order; the last one is the end of training.
        seconds: wall-clock time of training [s].
        q: ``(S, A)`` learned action values; ``None`` where the learner keeps none.
    """

    policy: Policy
    history: tuple[Checkpoint, ...]
    seconds: float
    q: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("policy", "q"):
            given = getattr(self, name)
            if given is not None:
                array = np.array(given)
                array.flags.writeable = False
                object.__setattr__(self, name, array)
