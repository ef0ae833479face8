r"""Averaged DQN: deep Q-learning towards the mean of the last ``N`` target networks.

Every so many steps the network :math:`\theta_i` of the moment is set aside, and regression goes on towards

.. math:: r + \gamma \max_{a'} \bar Q_i(s', a'), \qquad
    \bar Q_i(s, a) = \frac{1}{N} \sum_{k=0}^{N-1} Q(s, a; \theta_{i-k}) ,

which divides the variance of the target's approximation error by ``N`` or more and so lessens the
overestimation that the maximum makes of it. ``N = 1`` is DQN. All else, replay and exploration among it,
is Stable-Baselines3's DQN.

Source: Anschel, Baram and Shimkin, *Averaged-DQN: variance reduction and stabilization for deep
reinforcement learning*, 2017, algorithm 2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..errors import InvalidParameter
from ._deep import (
    Array,
    Counts,
    DeepOptions,
    FiniteEnv,
    deep_run,
    for_every_state,
    require_positive,
)
from ._result import LearningResult

if TYPE_CHECKING:
    from stable_baselines3 import DQN


def averaged_dqn(
    env: str | Callable[..., Any],
    *,
    rng: np.random.Generator,
    n_envs: int = 8,
    n_targets: int = 5,
    target_interval: int = 200,
    learning_rate: float = 1e-3,
    buffer_size: int = 100_000,
    batch_size: int = 128,
    n_updates_per_round: int = 1,
    n_steps_before: int = 500,
    exploration_share: float = 0.5,
    exploration_final: float = 0.1,
    **options: Unpack[DeepOptions],
) -> LearningResult:
    """The greedy policy and the ``q`` that averaged DQN learns.

    ``q`` is what algorithm 2 of the source returns: the mean of the network and of the ``n_targets - 1``
    set aside last. The same ``rng`` gives the same table on the same machine.

    Args:
        env, n_envs: as for :func:`ppo`.
        n_targets: ``N``, how many networks the target is the mean of.
        target_interval: environment steps after which the network is set aside as the newest target;
            rounded down to rounds of ``n_envs``, but at least one.
        learning_rate, buffer_size, batch_size: of the regression, with Adam on replayed transitions.
        n_updates_per_round: gradient steps after each step of all environments.
        n_steps_before: steps, taken at random, before the first of them.
        exploration_share: the share of training in which the probability of a random action falls from
            one to ``exploration_final``.
        options: see :class:`DeepOptions`; ``n_steps_total`` is rounded up to rounds of ``n_envs``.

    Raises:
        MissingExtra: when Stable-Baselines3 is not installed.
        InvalidParameter: when a count is below 1, the environment is no :class:`FiniteEnv`, or its
            actions are not ``Discrete``.
    """
    require_positive(
        n_envs=n_envs,
        n_targets=n_targets,
        target_interval=target_interval,
        buffer_size=buffer_size,
        batch_size=batch_size,
    )
    with deep_run("averaged_dqn", env, n_envs, rng, **options) as run:
        if not hasattr(run.envs.action_space, "n"):
            raise InvalidParameter(
                f"averaged_dqn needs a Discrete action space; got {run.envs.action_space}"
            )
        model = _averaged_dqn_class()(
            "MlpPolicy",
            run.envs,
            n_targets=n_targets,
            gamma=run.finite.gamma,
            learning_rate=learning_rate,
            buffer_size=buffer_size,
            learning_starts=n_steps_before,
            batch_size=batch_size,
            train_freq=1,
            gradient_steps=n_updates_per_round,
            target_update_interval=max(target_interval, n_envs),
            exploration_fraction=exploration_share,
            exploration_final_eps=exploration_final,
            seed=run.seed,
            device="cpu",
        )

        def q() -> Array:
            return _action_values(model, run.finite)

        model.learn(run.n_steps_total, callback=run.callback(lambda: q().argmax(axis=1)))
        learned = q()
        return run.result(learned.argmax(axis=1), learned)


def _averaged_dqn_class() -> type[DQN]:
    """Stable-Baselines3's DQN with other targets; made here since torch is loaded when needed."""
    import torch
    from stable_baselines3 import DQN
    from stable_baselines3.dqn.policies import QNetwork

    class Mean(torch.nn.Module):  # type: ignore[misc]
        """The mean of what the last ``n`` of the networks say, or all of them while they are fewer."""

        def __init__(self, networks: Iterable[QNetwork], n: int) -> None:
            super().__init__()
            self.networks = deque(networks, maxlen=n)

        def forward(self, observations: Any) -> Any:
            newest = self.networks[-1]  # they differ in what comes after the features only
            features = newest.extract_features(observations, newest.features_extractor)
            return torch.stack([network.q_net(features) for network in self.networks]).mean(dim=0)

    class AveragedDQN(DQN):  # type: ignore[misc]
        q_net_target: Any

        def __init__(self, *args: Any, n_targets: int, **kwargs: Any) -> None:
            self.n_targets = n_targets
            super().__init__(*args, **kwargs)

        def _create_aliases(self) -> None:
            super()._create_aliases()
            self.q_net_target = Mean([self.q_net_target], self.n_targets)

        def _on_step(self) -> None:
            """Instead of overwriting the one target network, sets the network aside as the newest."""
            self._n_calls += 1
            if self._n_calls % (self.target_update_interval // self.n_envs) == 0:
                self.q_net_target.networks.append(deepcopy(self.q_net))
            self.exploration_rate = self.exploration_schedule(self._current_progress_remaining)

        def averaged(self, observations: Any) -> Any:
            """The mean of the network and of the ``n_targets - 1`` set aside last."""
            return Mean([*self.q_net_target.networks, self.q_net], self.n_targets)(observations)

    return AveragedDQN


def _action_values(model: DQN, finite: FiniteEnv) -> Array:
    """``(S, A)`` action values, averaged."""
    import torch

    def values(seen: Counts) -> Array:
        observations, _ = model.policy.obs_to_tensor(seen)
        with torch.no_grad():
            return np.asarray(model.averaged(observations).double().numpy())

    q = np.empty((finite.n_states, finite.n_actions))
    q[:, finite.action_index(np.arange(finite.n_actions))] = for_every_state(finite, values)
    return q
