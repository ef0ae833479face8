"""Learners: tabular Q-learning on a finite MDP, PPO on a Gymnasium environment."""

from ._deep import FiniteEnv
from ._ppo import ppo
from ._q_learning import q_learning
from ._result import Checkpoint, LearningResult

__all__ = ["Checkpoint", "FiniteEnv", "LearningResult", "ppo", "q_learning"]
