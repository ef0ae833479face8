"""Regret bounds for a policy trained in a digital twin, and the certificate they make."""

from ._bound import Bound
from ._box_moving import moving_box
from ._box_rungs import BoxComparison, parameter_box, robust_box
from ._box_search import BoxSearch
from ._calibrate import Calibration, calibrate
from ._certificate import Certificate, Driver, Sampling
from ._certify import certify
from ._comparison import Comparison
from ._exact import exact
from ._l0_trivial import trivial
from ._l1_theorem1_tv import theorem1_tv
from ._l1b_kept_mass import kept_mass
from ._l1c_two_sided import two_sided_simulation
from ._l2_value_span import value_span, value_span_signed
from ._l3_theorem1 import theorem1, theorem1_gap_aware, theorem1_one_step
from ._l3p_on_policy import on_policy_metric
from ._l3t_twin_metric import twin_metric
from ._l4_value_mismatch import bellman_residual, calibrated_residual, value_mismatch
from ._l5_resolvent import real_sweeps, residual_gap_aware, residual_resolvent
from ._l6_robust import robust_set
from ._network import Network
from ._off_policy import OffPolicyValue, off_policy_value
from ._parameter_box import BoxedNetwork, Hull, ParameterBox
from ._regret_interval import RegretInterval, regret_interval
from ._repair import Repair, repair_advice
from ._s1_magnitudes import sampled_theorem1_tv, sampled_value_span
from ._s3_sampled_residual import sampled_residual
from ._s8_robust import sampled_robust, sampled_value_aware
from ._s9_sampled_gaps import sampled_gaps
from ._sample_plan import SamplePlan, sample_plan
from ._sampled_comparison import Ledger, SampledComparison
from ._spot_check import SpotCheck, spot_check
from ._verify import Verdict, verify
from ._watch import Alarm, Departure, Watch

__all__ = [
    "Alarm",
    "Bound",
    "BoxComparison",
    "BoxSearch",
    "BoxedNetwork",
    "Calibration",
    "Certificate",
    "Comparison",
    "Departure",
    "Driver",
    "Hull",
    "Ledger",
    "Network",
    "OffPolicyValue",
    "ParameterBox",
    "RegretInterval",
    "Repair",
    "SamplePlan",
    "SampledComparison",
    "Sampling",
    "SpotCheck",
    "Verdict",
    "Watch",
    "bellman_residual",
    "calibrate",
    "calibrated_residual",
    "certify",
    "exact",
    "kept_mass",
    "moving_box",
    "off_policy_value",
    "on_policy_metric",
    "parameter_box",
    "real_sweeps",
    "regret_interval",
    "repair_advice",
    "residual_gap_aware",
    "residual_resolvent",
    "robust_box",
    "robust_set",
    "sample_plan",
    "sampled_gaps",
    "sampled_residual",
    "sampled_robust",
    "sampled_theorem1_tv",
    "sampled_value_aware",
    "sampled_value_span",
    "spot_check",
    "theorem1",
    "theorem1_gap_aware",
    "theorem1_one_step",
    "theorem1_tv",
    "trivial",
    "twin_metric",
    "two_sided_simulation",
    "value_mismatch",
    "value_span",
    "value_span_signed",
    "verify",
]
