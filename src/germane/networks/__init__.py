"""Wireless network models: exact finite MDPs where they fit, Gymnasium environments at any size.

Importing this part registers its environments with Gymnasium: ``germane/AdmissionControl-v0``,
``germane/MisoInterference-v0``, ``germane/MisoEnergyHarvesting-v0``, ``germane/MimoInterference-v0``
and ``germane/MimoMobile-v0``.
"""

from ._admission_control import AdmissionControl
from ._admission_control_env import AdmissionControlEnv
from ._factored_network import FactoredNetwork
from ._factored_network_env import FactoredNetworkEnv
from ._mimo_interference import MimoInterference
from ._mimo_mobile import MimoMobile
from ._miso_energy_harvesting import MisoEnergyHarvesting
from ._miso_interference import MisoInterference
from ._named_network import NamedNetwork
from ._registry import NETWORKS, from_spec

__all__ = [
    "NETWORKS",
    "AdmissionControl",
    "AdmissionControlEnv",
    "FactoredNetwork",
    "FactoredNetworkEnv",
    "MimoInterference",
    "MimoMobile",
    "MisoEnergyHarvesting",
    "MisoInterference",
    "NamedNetwork",
    "from_spec",
]
