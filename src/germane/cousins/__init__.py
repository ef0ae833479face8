"""Digital cousins: synthetic Markovian environments made of a network's own transitions.

The paper minimises costs; here, as everywhere in germane, rewards are maximised. With ``r = -cost`` each
argmin of the paper is an argmax and each minimum over actions a maximum; nothing else changes.
"""

from ._aggregate import Aggregation, aggregate_states
from ._bellman_error import bellman_error, select_orders
from ._colink import Chain, colink, power
from ._colink_sampler import ColinkSampler, ColinkTables, colink_step
from ._cousin import cousin
from ._estimate import (
    Untried,
    estimate_by_counts,
    estimate_by_structure,
    kernel_counts,
    kernel_frequencies,
)
from ._normalise import l1_rows, linear_rows, min_max_rows, softmax_rows
from ._optima import CousinOptima, cousin_optima, limit_policy_error, limit_weights
from ._product_chain import ProductChain
from ._projected_policy import projected_policy
from ._rank_by_distance import rank_by_distance
from ._search_orders import exhaustive_orders, greedy_orders
from ._similarity import (
    colink_similarity,
    one_step_similarity,
    two_step_similarity,
    wang_similarity,
)

__all__ = [
    "Aggregation",
    "Chain",
    "ColinkSampler",
    "ColinkTables",
    "CousinOptima",
    "ProductChain",
    "Untried",
    "aggregate_states",
    "bellman_error",
    "colink",
    "colink_similarity",
    "colink_step",
    "cousin",
    "cousin_optima",
    "estimate_by_counts",
    "estimate_by_structure",
    "exhaustive_orders",
    "greedy_orders",
    "kernel_counts",
    "kernel_frequencies",
    "l1_rows",
    "limit_policy_error",
    "limit_weights",
    "linear_rows",
    "min_max_rows",
    "one_step_similarity",
    "power",
    "projected_policy",
    "rank_by_distance",
    "select_orders",
    "softmax_rows",
    "two_step_similarity",
    "wang_similarity",
]
