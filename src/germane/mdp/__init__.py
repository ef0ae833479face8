"""Finite Markov decision processes: models, policies, planners and file formats."""

from ._bellman import bellman_operator, bellman_q, greedy_policy
from ._model import FiniteMDP, require_comparable
from ._planning import Solution, policy_iteration, solve, value_iteration
from ._policy import Policy, induced_chain, policy_probabilities
from ._regret import evaluate, regret

__all__ = [
    "FiniteMDP",
    "Policy",
    "Solution",
    "bellman_operator",
    "bellman_q",
    "evaluate",
    "greedy_policy",
    "induced_chain",
    "policy_iteration",
    "policy_probabilities",
    "regret",
    "require_comparable",
    "solve",
    "value_iteration",
]
