"""Transition logs to counts, and counts to an estimated MDP with confidence sets."""

from ._estimated_mdp import EstimatedMDP, Provenance, Source

__all__ = ["EstimatedMDP", "Provenance", "Source"]
