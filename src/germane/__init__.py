"""germane: how much can a policy trained in a digital twin lose on the real network?

Every public name can be imported from here, but for those of ``germane.report``,
``germane.experiments`` and ``germane.sampling``, which read well only behind them. A part is loaded when
one of its names is first asked for, so that ``import germane`` and ``germane --help`` answer at once.

>>> import germane
>>> germane.FiniteMDP is germane.mdp.FiniteMDP
True
"""

from typing import TYPE_CHECKING

# The public names of each part: the one list of them, which the tests hold the parts to.
_PUBLIC = {
    "errors": """
        GermaneError IncompatibleModels InvalidDistribution InvalidModel InvalidParameter
        InvalidPolicy MalformedFile MissingExtra NotConverged TooLarge
    """,
    "mdp": """
        FactoredMDP FiniteMDP Policy Solution induced_chain policy_probabilities require_comparable
        UNIT_ROUNDOFF bellman_operator bellman_q greedy_policy horizon
        chain_value evaluate policy_iteration regret solve value_iteration
        DiscreteDPArrays ModelFile from_gymnasium from_quantecon read_mdp read_model to_quantecon
        read_archive write_archive write_mdp EmpiricalModel
        Ties greedy_actions policy_error numbers_within
    """,
    "sampling": """
        CELL INLINED AliasRows Stream alias_choice alias_rows below compiled cut fraction inlined new_stream
        random_bits row_choice
    """,
    "transport": "Transport TransportPool refuse_beyond_memory wasserstein wasserstein_rows",
    "metrics": """
        BisimulationMetric MetricWitness dt_bsm dt_bsm_tv largest_reward_difference metric_witness
        row_total_variation row_wasserstein total_variation
    """,
    "logs": """
        DuckDB Engine Spark Transitions estimate kpi_transitions ready_transitions sample
        EstimatedMDP Provenance Source holds_estimate read_estimate
        Codebook draft_codebook parse_codebook read_codebook shipped_codebooks
        RectangularSet bernstein_radius estimate_factors hoeffding_radius kl_radius
        kl_radius_any_time l1_radius mean_radius missing_mass
        one_sided_sample_size reward_sample_size theorem4_sample_size total_variation_slack
        uniform_sample_size value_aware_sample_size
    """,
    "networks": """
        NETWORKS AdmissionControl AdmissionControlEnv FactoredNetwork FactoredNetworkEnv
        MimoInterference MimoMobile MisoEnergyHarvesting MisoInterference NamedNetwork from_spec
    """,
    "cousins": """
        Chain ProductChain colink power
        colink_similarity one_step_similarity two_step_similarity wang_similarity
        l1_rows linear_rows min_max_rows softmax_rows
        cousin ColinkSampler ColinkTables colink_step
        CousinOptima cousin_optima limit_policy_error limit_weights
        bellman_error exhaustive_orders greedy_orders projected_policy rank_by_distance select_orders
        Aggregation aggregate_states
        Untried estimate_by_counts estimate_by_structure kernel_counts kernel_frequencies
    """,
    "certificates": """
        Alarm Bound BoxComparison BoxSearch BoxedNetwork Calibration Certificate Comparison Departure
        Driver Hull Ledger Network OffPolicyValue ParameterBox RegretInterval Repair
        SamplePlan SampledComparison Sampling SpotCheck Verdict Watch calibrate certify moving_box
        off_policy_value parameter_box regret_interval repair_advice robust_box spot_check verify
        bellman_residual calibrated_residual exact kept_mass on_policy_metric real_sweeps
        residual_gap_aware residual_resolvent robust_set theorem1 theorem1_gap_aware
        theorem1_one_step theorem1_tv trivial twin_metric two_sided_simulation value_mismatch
        value_span value_span_signed
        sample_plan sampled_gaps sampled_residual sampled_robust sampled_theorem1_tv sampled_value_aware
        sampled_value_span
    """,
    "learning": """
        Checkpoint DeepOptions DiscreteEnv Environment Experience FiniteEnv LearningResult Schedule
        Training TrainingOptions TrainingState a3c average_policy_error averaged_dqn certainty_equivalence
        collect
        double_q_learning ensemble_bootstrapped_q_learning ensemble_graph ensemble_link esql
        expected_sarsa_lambda maxmin_q_learning me_trpo multi_timescale pooled_certainty_equivalence
        ppo psr q_learning speedy_q_learning structural_certainty_equivalence
    """,
    "experiments": """
        EXPERIMENTS Analysis Claim Estimate Experiment Figure Job Layer LinearFit Row RowFile Seed
        bootstrap_estimate generator interquartile_mean read_rows run spawn
    """,
    "report": "SCHEMA figure render write",
}
_BEHIND_THEIR_PART = ("experiments", "report", "sampling")
_HOME = {
    name: part
    for part, names in _PUBLIC.items()
    if part not in _BEHIND_THEIR_PART
    for name in names.split()
}

if TYPE_CHECKING:  # what a type checker reads; at run time, __getattr__ below does the same
    from . import certificates as certificates
    from . import cousins as cousins
    from . import errors as errors
    from . import experiments as experiments
    from . import learning as learning
    from . import logs as logs
    from . import mdp as mdp
    from . import metrics as metrics
    from . import networks as networks
    from . import report as report
    from . import sampling as sampling
    from . import transport as transport
    from .certificates import *
    from .cousins import *
    from .errors import *
    from .learning import *
    from .logs import *
    from .mdp import *
    from .metrics import *
    from .networks import *
    from .transport import *

    __version__: str
else:
    __all__ = sorted(_HOME)

    def __getattr__(name):
        """The public name or the part ``name``, loaded now and kept.

        Raises:
            AttributeError: there is no such name.
        """
        from importlib import import_module, metadata

        if name == "__version__":
            value = metadata.version(__name__)
        elif name in _PUBLIC:
            value = import_module(f".{name}", __name__)
        elif name in _HOME:
            value = getattr(import_module(f".{_HOME[name]}", __name__), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__, *_PUBLIC, "__version__"})
