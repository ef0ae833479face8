"""Wireless network models: exact finite MDPs where they fit, Gymnasium environments at any size.

Importing this part registers its environments with Gymnasium: ``germane/AdmissionControl-v0``.
"""

from ._admission_control import AdmissionControl
from ._admission_control_env import AdmissionControlEnv
from ._registry import NETWORKS, from_spec

__all__ = ["NETWORKS", "AdmissionControl", "AdmissionControlEnv", "from_spec"]
