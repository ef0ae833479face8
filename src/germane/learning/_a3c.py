r"""Asynchronous advantage actor-critic: workers that learn from parameters which have moved on meanwhile.

A worker copies the shared parameters, acts for ``n`` steps in its own environment, and then applies to the
*shared* ones the gradient that it found at its *own*: that of

.. math:: -\log \pi(a_t | s_t)\, (R_t - v(s_t)) + c_v\, (R_t - v(s_t))^2 - c_e\, H(\pi(\cdot | s_t)), \qquad
    R_t = \sum_{i=t}^{n-1} \gamma^{i - t} r_i + \gamma^{n - t} v(s_n) ,

averaged over its steps, with :math:`R_t - v(s_t)` held fixed in the first term.

Here the asynchrony is simulated in one process: which worker finishes next is drawn from ``rng``, so its
parameters are as stale as those of threads of equal speed would be, a geometric number of updates. It is the
algorithm exactly, without races, and therefore the same every time.

Source: Mnih et al., *Asynchronous methods for deep reinforcement learning*, 2016, algorithm S3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from ._deep import (
    Array,
    Counts,
    DeepOptions,
    deep_run,
    likeliest_actions,
    require_positive,
)
from ._result import LearningResult

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy
    from torch import Tensor


def a3c(
    env: str | Callable[..., Any],
    *,
    rng: np.random.Generator,
    n_workers: int = 8,
    n_steps_per_update: int = 10,
    learning_rate: float = 1e-3,
    value_weight: float = 0.5,
    entropy_weight: float = 0.1,
    max_gradient: float = 0.5,
    **options: Unpack[DeepOptions],
) -> LearningResult:
    """The likeliest actions of what A3C learns, with ``n_workers`` workers.

    The same ``rng`` gives the same policy on the same machine.

    Args:
        env: as for :func:`ppo`.
        n_workers: each has a copy of the environment, and of the parameters.
        n_steps_per_update: ``n``, what a worker does between two copies; fewer when its episode is
            truncated.
        learning_rate: of RMSprop, whose means of squares the workers share.
        value_weight, entropy_weight: :math:`c_v` and :math:`c_e`.
        max_gradient: gradients with a larger norm are scaled down to it.
        options: see :class:`DeepOptions`.

    Raises:
        MissingExtra: when Stable-Baselines3 is not installed.
        InvalidParameter: when a count is below 1, or the environment is no :class:`FiniteEnv`.
    """
    require_positive(n_workers=n_workers, n_steps_per_update=n_steps_per_update)
    with deep_run("a3c", env, n_workers, rng, **options) as run:
        import torch
        from stable_baselines3.common.policies import ActorCriticPolicy

        torch.manual_seed(run.seed)
        shared = ActorCriticPolicy(
            run.envs.observation_space,
            run.envs.action_space,
            lambda _: learning_rate,
            optimizer_class=torch.optim.RMSprop,
            optimizer_kwargs={"alpha": 0.99, "eps": 1e-5},
        )
        read_out = partial(likeliest_actions, shared, run.finite)
        workers = [
            Worker(*start, deepcopy(shared)) for start in zip(run.envs.envs, run.envs.reset())
        ]
        while run.n_steps_left:
            worker = workers[rng.integers(n_workers)]
            own = worker.policy
            taken = worker.act(min(n_steps_per_update, run.n_steps_left))
            returns = n_step_returns(taken.rewards, taken.value_ahead, run.finite.gamma)
            loss = actor_critic_loss(
                own, taken.seen, taken.actions, returns, value_weight, entropy_weight
            )
            for theirs, gradient in zip(
                shared.parameters(), torch.autograd.grad(loss, list(own.parameters()))
            ):
                theirs.grad = gradient
            torch.nn.utils.clip_grad_norm_(shared.parameters(), max_gradient)
            shared.optimizer.step()
            own.load_state_dict(shared.state_dict())
            run.earned(taken.rewards)
            run.updated(read_out)
        return run.result(read_out())


class Steps(NamedTuple):
    """``n`` steps in a row.

    Attributes:
        seen: ``(n, ...)`` observations, each before its step.
        actions: ``(n, ...)`` actions.
        rewards: ``(n,)`` rewards.
        value_ahead: what the worker thinks of the state that they lead to.
    """

    seen: Counts
    actions: Counts
    rewards: list[float]
    value_ahead: float


@dataclass
class Worker:
    """A copy of the environment, what is seen there, and a copy of the parameters."""

    env: Any
    seen: Counts
    policy: ActorCriticPolicy

    def act(self, n_steps: int) -> Steps:
        """The next ``n_steps``, or fewer when the episode is truncated; the next one is then begun."""
        observations, actions, rewards = [], [], list[float]()
        truncated = False
        while len(rewards) < n_steps and not truncated:
            observations.append(self.seen)
            actions.append(self.policy.predict(self.seen, deterministic=False)[0])
            self.seen, reward, _, truncated, _ = self.env.step(actions[-1])
            rewards.append(float(reward))
        ahead, _ = self.policy.obs_to_tensor(self.seen)
        value_ahead = self.policy.predict_values(ahead).item()
        if truncated:
            self.seen, _ = self.env.reset()
        return Steps(np.stack(observations), np.stack(actions), rewards, value_ahead)


def n_step_returns(rewards: Sequence[float], value_ahead: float, gamma: float) -> Array:
    r"""``(n,)`` returns :math:`R_t = r_t + \gamma R_{t+1}` of consecutive steps, ``R_n = value_ahead``."""
    returns = np.empty(len(rewards))
    following = value_ahead
    for t in reversed(range(len(rewards))):
        following = returns[t] = rewards[t] + gamma * following
    return returns


def actor_critic_loss(
    policy: ActorCriticPolicy,
    seen: Counts,
    actions: Counts,
    returns: Array,
    value_weight: float,
    entropy_weight: float,
) -> Tensor:
    """The mean over steps of the loss above, whose gradient a worker sends."""
    import torch

    observations, _ = policy.obs_to_tensor(seen)
    value, log_probability, entropy = policy.evaluate_actions(observations, torch.tensor(actions))
    advantage = torch.tensor(returns, dtype=torch.float32) - value.flatten()
    loss = -log_probability * advantage.detach() + value_weight * advantage**2
    return (loss - entropy_weight * entropy).mean()
