"""Finite Markov decision processes: models, policies, planners and file formats."""

from ._model import FiniteMDP
from ._policy import Policy, induced_chain, policy_probabilities

__all__ = ["FiniteMDP", "Policy", "induced_chain", "policy_probabilities"]
