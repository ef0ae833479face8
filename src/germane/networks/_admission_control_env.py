"""The Gymnasium environment of admission control, sampled from the physics.

Arrivals, ends of services and expiries are drawn one by one from their Poisson and binomial laws;
the transition matrix of the exact model is never used. That the two agree is therefore a test of
both, and the environment also runs at sizes that have no exact model.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ._admission_control import AdmissionControl, Counts


class AdmissionControlEnv(gymnasium.Env[NDArray[np.int64], NDArray[np.int64]]):
    """A continuing task: an episode is never terminated, only truncated by the time limit.

    *Observation* ``(2 I,)``: queued requests of each slice, then ongoing services of each slice.
    *Action* ``(I,)``: requests of each slice to admit; what does not fit is not admitted. *Reward*:
    the profit of the admitted. ``info["state"]`` is the state index in ``network.mdp()``,
    ``info["admitted"]`` and ``info["lost"]`` count the last step's admissions and the arrivals that
    found their queue full.

    An episode starts in the empty network, or where ``reset(options={"state": s})`` says.

    ``n_states``, ``n_actions``, ``gamma``, :meth:`observation_of` and :meth:`action_index` tie the
    environment to its finite model; that is all that ``germane.learning.ppo`` asks for.

    Args:
        size: a name that :meth:`AdmissionControl.of_size` accepts; ``small`` when nothing is given.
        network: the network itself, instead of a size.
        render_mode: ``ansi`` lets :meth:`render` say the state in words.

    Raises:
        InvalidParameter: for an unknown size, or a size and a network at once.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own type

    def __init__(
        self,
        *,
        size: str | None = None,
        network: AdmissionControl | None = None,
        render_mode: str | None = None,
    ) -> None:
        if size is not None and network is not None:
            raise InvalidParameter(f"give a size or a network, not both; got size={size!r} as well")
        self.network = network or AdmissionControl.of_size(size or "small")
        places = np.array(self.network.queue_places, dtype=np.int64)
        services = np.array(self.network.max_services, dtype=np.int64)
        self.observation_space = gymnasium.spaces.MultiDiscrete(
            np.concatenate([places, services]) + 1
        )
        self.action_space = gymnasium.spaces.MultiDiscrete(places + 1)
        self.render_mode = render_mode
        self._places = places
        self._profit = np.array(self.network.profit)
        self._queued, self._ongoing = self.network.decode(0)

    @property
    def n_states(self) -> int:
        return self.network.n_states

    @property
    def n_actions(self) -> int:
        return self.network.n_actions

    @property
    def gamma(self) -> float:
        return self.network.gamma

    def observation_of(self, s: int | Counts) -> Counts:
        """``(..., 2 I)`` observation of states ``s``."""
        return np.concatenate(self.network.decode(s), axis=-1)

    def action_index(self, action: Counts) -> Counts:
        """``(...)`` action indices of ``(..., I)`` actions."""
        return self.network.action_index(action)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Counts, dict[str, Any]]:
        """Starts an episode in the empty network, or in state ``options["state"]``."""
        super().reset(seed=seed)
        self._queued, self._ongoing = self.network.decode((options or {}).get("state", 0))
        nothing = np.zeros_like(self._places)
        return self._observation(), self._info(admitted=nothing, lost=nothing)

    def step(self, action: Counts) -> tuple[Counts, float, bool, bool, dict[str, Any]]:
        """Admission, ends of services, expiries, arrivals: in this order."""
        network, rng = self.network, self.np_random
        admitted = network.admitted(self._queued, self._ongoing, action)
        refused, ongoing = self._queued - admitted, self._ongoing + admitted
        ongoing = ongoing - rng.binomial(ongoing, network.end_probability)
        waiting = refused - rng.binomial(refused, network.expiry_probability)
        offered = waiting + rng.poisson(network.mean_arrivals)
        self._queued, self._ongoing = np.minimum(offered, self._places), ongoing
        info = self._info(admitted=admitted, lost=offered - self._queued)
        return self._observation(), float(admitted @ self._profit), False, False, info

    def render(self) -> str | None:
        """The state in words, or nothing when ``render_mode`` is not ``ansi``."""
        if self.render_mode != "ansi":
            return None
        return self.network.label(int(self.network.encode(self._queued, self._ongoing)))

    def _observation(self) -> Counts:
        return np.concatenate([self._queued, self._ongoing])

    def _info(self, *, admitted: Counts, lost: Counts) -> dict[str, Any]:
        state = int(self.network.encode(self._queued, self._ongoing))
        return {"state": state, "admitted": admitted, "lost": lost}
