"""Finite Markov decision processes: models, policies, planners and file formats."""

from ._bellman import bellman_operator, bellman_q, greedy_policy, horizon
from ._empirical import EmpiricalModel
from ._evaluation import chain_value
from ._factored import FactoredMDP
from ._file import read_mdp, read_model, write_mdp
from ._gymnasium import from_gymnasium
from ._model import UNIT_ROUNDOFF, FiniteMDP, require_comparable
from ._npz import read_archive, write_archive
from ._numbers import numbers_within
from ._planning import Solution, policy_iteration, solve, value_iteration
from ._policy import Policy, induced_chain, policy_probabilities
from ._policy_error import Ties, greedy_actions, policy_error
from ._quantecon import DiscreteDPArrays, from_quantecon, to_quantecon
from ._ragged import ModelFile
from ._regret import evaluate, regret

__all__ = [
    "UNIT_ROUNDOFF",
    "DiscreteDPArrays",
    "EmpiricalModel",
    "FactoredMDP",
    "FiniteMDP",
    "ModelFile",
    "Policy",
    "Solution",
    "Ties",
    "bellman_operator",
    "bellman_q",
    "chain_value",
    "evaluate",
    "from_gymnasium",
    "from_quantecon",
    "greedy_actions",
    "greedy_policy",
    "horizon",
    "induced_chain",
    "numbers_within",
    "policy_error",
    "policy_iteration",
    "policy_probabilities",
    "read_archive",
    "read_mdp",
    "read_model",
    "regret",
    "require_comparable",
    "solve",
    "to_quantecon",
    "value_iteration",
    "write_archive",
    "write_mdp",
]
