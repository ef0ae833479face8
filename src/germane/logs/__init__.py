"""Transition logs to counts, and counts to an estimated MDP with confidence sets."""

from ._balls import kl_radius, kl_radius_any_time, l1_radius
from ._codebook import Codebook
from ._codebook_file import parse_codebook, read_codebook, shipped_codebooks
from ._draft import draft_codebook
from ._duckdb import DuckDB
from ._engines import Engine
from ._estimate import estimate
from ._estimated_mdp import EstimatedMDP, Provenance, Source, holds_estimate, read_estimate
from ._factors import estimate_factors
from ._in_order import kpi_transitions, ready_transitions
from ._missing_mass import missing_mass
from ._radii import bernstein_radius, hoeffding_radius, mean_radius
from ._rectangular_set import RectangularSet
from ._sample_sizes import (
    one_sided_sample_size,
    reward_sample_size,
    theorem4_sample_size,
    total_variation_slack,
    uniform_sample_size,
    value_aware_sample_size,
)
from ._sources import Transitions, sample
from ._spark import Spark

__all__ = [
    "Codebook",
    "DuckDB",
    "Engine",
    "EstimatedMDP",
    "Provenance",
    "RectangularSet",
    "Source",
    "Spark",
    "Transitions",
    "bernstein_radius",
    "draft_codebook",
    "estimate",
    "estimate_factors",
    "hoeffding_radius",
    "holds_estimate",
    "kl_radius",
    "kl_radius_any_time",
    "kpi_transitions",
    "l1_radius",
    "mean_radius",
    "missing_mass",
    "one_sided_sample_size",
    "parse_codebook",
    "read_codebook",
    "read_estimate",
    "ready_transitions",
    "reward_sample_size",
    "sample",
    "shipped_codebooks",
    "theorem4_sample_size",
    "total_variation_slack",
    "uniform_sample_size",
    "value_aware_sample_size",
]
