"""The Gymnasium environment of every network whose parts move independently."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ._factored_network import Counts, FactoredNetwork
from ._registry import FACTORED_NETWORKS


class FactoredNetworkEnv(gymnasium.Env[NDArray[np.int64], np.int64]):
    """A continuing task: an episode is never terminated, only truncated by the time limit.

    *Observation* ``(V,)``: the state variables of the network, as its ``decode`` gives them. *Action*:
    the action's number, whose meaning ``network.decisions`` and ``network.action_label`` tell.
    *Reward*: that of the transition; its mean is the model's ``r[s, a]``. ``info["state"]`` is the
    state number in ``network.mdp()``.

    Next states are drawn part by part, so that the environment runs at sizes whose model fills no
    memory. An episode starts in state 0, in a uniformly random state with ``random_starts``, or where
    ``reset(options={"state": s})`` says.

    ``n_states``, ``n_actions``, ``gamma``, :meth:`observation_of` and :meth:`action_index` tie the
    environment to its finite model.

    Args:
        kind: the network's name on the command line; the environment's id sets it.
        size: a name that the network's ``of_size`` accepts; ``small`` when nothing is given.
        network: the network itself, instead of a size.
        random_starts: whether episodes start anywhere.
        render_mode: ``ansi`` lets :meth:`render` say the state in words.

    Raises:
        InvalidParameter: for an unknown size, a size and a network at once, or a network of another
            kind.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own type

    def __init__(
        self,
        kind: str,
        *,
        size: str | None = None,
        network: FactoredNetwork | None = None,
        random_starts: bool = False,
        render_mode: str | None = None,
    ) -> None:
        if size is not None and network is not None:
            raise InvalidParameter(f"give a size or a network, not both; got size={size!r} as well")
        made_of = FACTORED_NETWORKS[kind]
        self.network = network or made_of.of_size(size or "small")
        if not isinstance(self.network, made_of):
            raise InvalidParameter(
                f"network must be a {made_of.__name__}; got a {type(self.network).__name__}"
            )
        self.observation_space = gymnasium.spaces.MultiDiscrete(np.array(self.network.levels))
        self.action_space = gymnasium.spaces.Discrete(self.network.n_actions)
        self.render_mode = render_mode
        self.random_starts = random_starts
        self._chain = self.network.factored()
        self._s = 0

    @property
    def n_states(self) -> int:
        return self.network.n_states

    @property
    def n_actions(self) -> int:
        return self.network.n_actions

    @property
    def gamma(self) -> float:
        return self.network.gamma

    def observation_of(self, s: ArrayLike) -> Counts:
        """``(..., V)`` observation of states ``s``."""
        return self.network.decode(s)

    def action_index(self, action: ArrayLike) -> Counts:
        """``(...)`` action numbers of actions: they are the same."""
        return np.asarray(action, dtype=np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Counts, dict[str, Any]]:
        """Starts an episode in ``options["state"]``, or else as the environment was told to."""
        super().reset(seed=seed)
        self._s = int(self.np_random.integers(self.n_states)) if self.random_starts else 0
        self._s = (options or {}).get("state", self._s)
        return self.observation_of(self._s), {"state": self._s}

    def step(self, action: np.int64) -> tuple[Counts, float, bool, bool, dict[str, Any]]:
        """One slot: every part moves."""
        s, self._s = self._s, int(self._chain.draw(self._s, action, self.np_random))
        reward = float(self.network.reward(s, action, self._s))
        return self.observation_of(self._s), reward, False, False, {"state": self._s}

    def render(self) -> str | None:
        """The state in words, or nothing when ``render_mode`` is not ``ansi``."""
        return self.network.label(self._s) if self.render_mode == "ansi" else None
