"""Optimal transport between finite distributions; it knows nothing of MDPs."""

from ._pool import TransportPool
from ._rows import wasserstein_rows
from ._wasserstein import Transport, wasserstein

__all__ = ["Transport", "TransportPool", "wasserstein", "wasserstein_rows"]
