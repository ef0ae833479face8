"""Proximal policy optimisation, by Stable-Baselines3, read out on every finite state.

PPO has no guarantee and no stopping rule: it takes ``n_steps_total`` steps.

Source: Schulman et al., *Proximal policy optimization algorithms*, 2017; the learner of Section VII
of the digital-twin bisimulation paper.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..mdp import Policy
from ._deep import (
    Array,
    Counts,
    DeepOptions,
    FiniteEnv,
    deep_run,
    for_every_state,
    likeliest_actions,
    require_positive,
)
from ._result import LearningResult

if TYPE_CHECKING:
    from stable_baselines3 import PPO


def ppo(
    env: str | Callable[..., Any],
    *,
    rng: np.random.Generator,
    n_envs: int = 8,
    stochastic: bool = False,
    learning_rate: float = 1e-3,
    n_steps_per_update: int = 128,
    n_epochs: int = 10,
    n_minibatches: int = 4,
    entropy_weight: float = 0.01,
    **options: Unpack[DeepOptions],
) -> LearningResult:
    """The policy that PPO learns in about ``n_steps_total`` steps of ``n_envs`` environments.

    Runs on one CPU thread; the same ``rng`` gives the same policy on the same machine. Torch's
    thread count and every global random state are put back afterwards.

    Args:
        env: a Gymnasium id, or a function that makes an environment; either way ``env.unwrapped``
            is a :class:`FiniteEnv`. An environment made by id is asked not to render.
        n_envs: copies of the environment, which take their steps together.
        stochastic: the ``(S, A)`` probabilities of the network instead of its ``(S,)`` likeliest
            actions.
        learning_rate, n_steps_per_update, n_epochs, n_minibatches, entropy_weight: of PPO; the
            defaults suit tasks of a few thousand states and some ten thousand steps.
        options: see :class:`DeepOptions`; ``n_steps_total`` is rounded up to whole updates of
            ``n_envs * n_steps_per_update``.

    Raises:
        MissingExtra: when Stable-Baselines3 is not installed.
        InvalidParameter: when a count is below 1, or the environment is no :class:`FiniteEnv`.
    """
    require_positive(
        n_envs=n_envs,
        n_steps_per_update=n_steps_per_update,
        n_epochs=n_epochs,
        n_minibatches=n_minibatches,
    )
    with deep_run("ppo", env, n_envs, rng, **options) as run:
        from stable_baselines3 import PPO

        model = PPO(
            "MlpPolicy",
            run.envs,
            gamma=run.finite.gamma,
            learning_rate=learning_rate,
            n_steps=n_steps_per_update,
            n_epochs=n_epochs,
            batch_size=max(1, n_envs * n_steps_per_update // n_minibatches),
            ent_coef=entropy_weight,
            seed=run.seed,
            device="cpu",
        )
        policy_of = _probabilities if stochastic else likeliest_actions
        read_out = partial(policy_of, model, run.finite)
        model.learn(run.n_steps_total, callback=run.callback(read_out))
        return run.result(read_out())


def _probabilities(model: PPO, finite: FiniteEnv) -> Policy:
    """``(S, A)`` the network's probabilities: a product over the components of the action."""
    import torch

    space = model.action_space
    shape = tuple(space.nvec) if hasattr(space, "nvec") else (space.n,)
    actions = np.indices(shape).reshape(len(shape), -1).T  # (A, components)

    def joint(seen: Counts) -> Array:
        with torch.no_grad():
            observation, _ = model.policy.obs_to_tensor(seen)
            law = model.policy.get_distribution(observation).distribution
        parts = [part.probs.double().numpy() for part in (law if isinstance(law, list) else [law])]
        columns = [part[:, actions[:, i]] for i, part in enumerate(parts)]
        return np.asarray(np.prod(columns, axis=0))

    pi = np.zeros((finite.n_states, finite.n_actions))
    index = finite.action_index(actions if len(shape) > 1 else actions[:, 0])
    pi[:, index] = for_every_state(finite, joint)
    return np.asarray(pi / pi.sum(axis=1, keepdims=True))
