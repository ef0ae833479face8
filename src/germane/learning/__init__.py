"""Learners: tabular ones on models and discrete environments, deep ones on Gymnasium environments."""

from ._average_policy_error import average_policy_error
from ._deep import FiniteEnv
from ._environment import DiscreteEnv, Environment
from ._esql import esql
from ._ppo import ppo
from ._q_learning import q_learning
from ._result import Checkpoint, LearningResult
from ._schedule import Schedule
from ._training import Training, TrainingOptions, TrainingState

__all__ = [
    "Checkpoint",
    "DiscreteEnv",
    "Environment",
    "FiniteEnv",
    "LearningResult",
    "Schedule",
    "Training",
    "TrainingOptions",
    "TrainingState",
    "average_policy_error",
    "esql",
    "ppo",
    "q_learning",
]
