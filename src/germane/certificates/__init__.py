"""Regret bounds for a policy trained in a digital twin, and the certificate they make."""

from ._bound import Bound
from ._certificate import Certificate, Driver
from ._certify import certify
from ._exact import exact
from ._theorem1 import theorem1
from ._theorem1_tv import theorem1_tv
from ._trivial import trivial

__all__ = [
    "Bound",
    "Certificate",
    "Driver",
    "certify",
    "exact",
    "theorem1",
    "theorem1_tv",
    "trivial",
]
