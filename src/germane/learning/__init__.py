"""Learners: tabular ones on models and discrete environments, deep ones on Gymnasium environments."""

from ._a3c import a3c
from ._average_policy_error import average_policy_error
from ._averaged_dqn import averaged_dqn
from ._certainty_equivalence import certainty_equivalence
from ._deep import DeepOptions, FiniteEnv
from ._environment import DiscreteEnv, Environment
from ._esql import esql
from ._me_trpo import me_trpo
from ._pooled_certainty_equivalence import pooled_certainty_equivalence
from ._ppo import ppo
from ._q_learning import q_learning
from ._result import Checkpoint, LearningResult
from ._schedule import Schedule
from ._structural_certainty_equivalence import structural_certainty_equivalence
from ._training import Training, TrainingOptions, TrainingState

__all__ = [
    "Checkpoint",
    "DeepOptions",
    "DiscreteEnv",
    "Environment",
    "FiniteEnv",
    "LearningResult",
    "Schedule",
    "Training",
    "TrainingOptions",
    "TrainingState",
    "a3c",
    "average_policy_error",
    "averaged_dqn",
    "certainty_equivalence",
    "esql",
    "me_trpo",
    "pooled_certainty_equivalence",
    "ppo",
    "q_learning",
    "structural_certainty_equivalence",
]
