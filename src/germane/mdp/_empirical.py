"""What the theory calls an empirical model: distributions that are frequencies of samples."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ._model import FiniteMDP


class EmpiricalModel(Protocol):
    """A model known from samples only, such as :class:`germane.EstimatedMDP`.

    Attributes:
        mdp: the point estimate; at a pair without a sample it says nothing about the network.
        unvisited: ``(n, 2)`` those pairs ``(s, a)``.
    """

    @property
    def mdp(self) -> FiniteMDP: ...

    @property
    def unvisited(self) -> NDArray[np.int64]: ...
