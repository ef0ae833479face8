"""The demonstration: a sliced network, a twin that is wrong about it, and a policy trained there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..certificates import regret_interval
from ..learning import q_learning
from ..mdp import solve, write_mdp
from ..networks import AdmissionControl
from ..report.numbers import signed_percent, up, whole
from ._inputs import Model
from ._record import Units

TITLE = "Admission control in a sliced network, trained in its digital twin"
UNITS = Units(
    name="profit units", meaning="One profit unit is what one admitted mMTC request earns."
)
ERRORS: dict[str, Any] = {"arrival_rate": -0.15, "mean_service": -0.15, "profit": (0.2, 0.2, -0.2)}
"""What the twin has wrong, relative to the real network; profits slice by slice."""

N_STEPS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
"""Lengths of the training runs; the longest gives the policy."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """The real network and its twin."""

    real: Model
    twin: Model

    @classmethod
    def of_size(cls, size: str, *, say: Callable[[str], object]) -> Scene:
        """Both models of that size, announced."""
        network = AdmissionControl.of_size(size)
        believed = network.perturbed(**ERRORS)
        real = Model(name=f"admission-control?size={size}", mdp=network.mdp(), network=network)
        say(
            f"Real network: admission control of {', '.join(network.slices)}; "
            f"{real.mdp.n_states} states, {real.mdp.n_actions} actions."
        )
        arrivals, services = (
            signed_percent(ERRORS[name]) for name in ("arrival_rate", "mean_service")
        )
        profits = ", ".join(signed_percent(error) for error in ERRORS["profit"])
        say(f"Digital twin: arrivals {arrivals}, service times {services}, profits {profits}.")
        spec = f"{real.name}&arrival_rate=-0.15&mean_service=-0.15&profit=+0.2,+0.2,-0.2"
        return cls(real=real, twin=Model(name=spec, mdp=believed.mdp(), network=believed))

    def write(self, out: Path, policy: NDArray[Any]) -> None:
        """Both models and the policy, for ``germane certify``."""
        write_mdp(self.real.mdp, out / "real.npz")
        write_mdp(self.twin.mdp, out / "twin.npz")
        np.save(out / "policy.npy", policy)


@dataclass(frozen=True, eq=False, kw_only=True)
class Trained:
    """A policy and how it came about."""

    policy: NDArray[Any]
    checkpoints: list[dict[str, float]]

    @property
    def n_steps(self) -> int:
        """Training steps."""
        return int(self.checkpoints[-1]["n_steps"])

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"Q-learning in the twin, {whole(self.n_steps)} steps"

    def record(self) -> dict[str, Any]:
        """For the report: the loss after so many steps, in the twin and on the real network."""
        return {"name": self.name, "checkpoints": self.checkpoints}


def train(scene: Scene, *, seed: int, say: Callable[[str], object]) -> Trained:
    """Plans and learns in the twin.

    The learner starts again for each length with the same random numbers: a shorter run is the
    beginning of a longer one, so together they are one training curve.
    """
    real, twin = scene.real.mdp, scene.twin.mdp
    planned = solve(twin).policy
    say(
        f"Planned in the twin: loses {up(regret_interval(real, planned).upper)} on the real network."
    )
    checkpoints = []
    for n_steps in N_STEPS:
        policy = q_learning(twin, n_steps=n_steps, rng=np.random.default_rng(seed)).policy
        checkpoints.append(
            {
                "n_steps": n_steps,
                "loss_in_twin": regret_interval(twin, policy).upper,
                "loss_on_real": regret_interval(real, policy).upper,
            }
        )
    last = checkpoints[-1]
    say(
        f"Trained in the twin: Q-learning, {whole(N_STEPS[-1])} steps; loses "
        f"{up(last['loss_in_twin'])} in the twin, {up(last['loss_on_real'])} on the real network."
    )
    return Trained(policy=np.asarray(policy), checkpoints=checkpoints)
