"""Optimal transport between finite distributions; it knows nothing of MDPs."""

from ._pool import TransportPool, refuse_beyond_memory
from ._rows import wasserstein_rows
from ._wasserstein import Transport, wasserstein

__all__ = ["Transport", "TransportPool", "refuse_beyond_memory", "wasserstein", "wasserstein_rows"]
