"""Learners: tabular ones on models and discrete environments, deep ones on Gymnasium environments."""

from ._a3c import a3c
from ._average_policy_error import average_policy_error
from ._averaged_dqn import averaged_dqn
from ._certainty_equivalence import certainty_equivalence
from ._collect import Experience, collect
from ._deep import DeepOptions, FiniteEnv
from ._double_q_learning import double_q_learning
from ._ensemble_bootstrapped_q_learning import ensemble_bootstrapped_q_learning
from ._ensemble_graph import ensemble_graph
from ._ensemble_link import ensemble_link
from ._environment import DiscreteEnv, Environment
from ._esql import esql
from ._expected_sarsa_lambda import expected_sarsa_lambda
from ._maxmin_q_learning import maxmin_q_learning
from ._me_trpo import me_trpo
from ._multi_timescale import multi_timescale
from ._pooled_certainty_equivalence import pooled_certainty_equivalence
from ._ppo import ppo
from ._psr import psr
from ._q_learning import q_learning
from ._result import Checkpoint, LearningResult
from ._schedule import Schedule
from ._speedy_q_learning import speedy_q_learning
from ._structural_certainty_equivalence import structural_certainty_equivalence
from ._training import Training, TrainingOptions, TrainingState

__all__ = [
    "Checkpoint",
    "DeepOptions",
    "DiscreteEnv",
    "Environment",
    "Experience",
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
    "collect",
    "double_q_learning",
    "ensemble_bootstrapped_q_learning",
    "ensemble_graph",
    "ensemble_link",
    "esql",
    "expected_sarsa_lambda",
    "maxmin_q_learning",
    "me_trpo",
    "multi_timescale",
    "pooled_certainty_equivalence",
    "ppo",
    "psr",
    "q_learning",
    "speedy_q_learning",
    "structural_certainty_equivalence",
]
