r"""Model-ensemble trust-region policy optimisation: a policy that learns in imagination.

Rounds of four steps:

1. the policy of the moment acts in the real environment, and what happens is remembered;
2. ``K`` networks learn from the memory what comes next: for every variable of the observation a
   categorical law, and the reward; they differ in where they start and in what they are shown when;
3. TRPO improves the policy on imagined steps from remembered states on; each of these steps is taken in
   a network drawn at random, so that no single model's errors can be exploited;
4. every few updates the policy is tried in each model separately. When fewer than 70 % of the models show
   an improvement since the last trial, the round is over.

Only the first of the four counts as steps of the environment. Imagined rewards are standardised by mean and
standard deviation of the first round's, which in a continuing task leaves every policy's rank as it is.

Source: Kurutach, Clavera, Duan, Tamar and Abbeel, *Model-ensemble trust-region policy optimization*,
2018, algorithm 2. TRPO is that of sb3-contrib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from ..errors import InvalidParameter
from ._deep import (
    Array,
    Counts,
    DeepOptions,
    DeepRun,
    FiniteEnv,
    Predicts,
    deep_run,
    likeliest_actions,
    require_positive,
)
from ._result import LearningResult

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv
    from torch import Tensor

ENOUGH = 0.7
"""The share of models that must show an improvement for another update."""

BATCH, N_HIDDEN = 256, 64
"""Transitions that a model is shown at once, and units of each of its two hidden layers."""


def me_trpo(
    env: str | Callable[..., Any],
    *,
    rng: np.random.Generator,
    n_envs: int = 8,
    n_steps_per_round: int = 2500,
    n_models: int = 5,
    n_model_updates: int = 300,
    model_learning_rate: float = 3e-3,
    n_imagined: int = 16,
    imagined_horizon: int = 30,
    n_updates_per_trial: int = 5,
    max_trials: int = 3,
    trust_region: float = 0.01,
    learning_rate: float = 3e-3,
    **options: Unpack[DeepOptions],
) -> LearningResult:
    """The likeliest actions of the policy that ME-TRPO learns, imagined steps not counted.

    The same ``rng`` gives the same policy on the same machine.

    Args:
        env, n_envs: as for :func:`ppo`.
        n_steps_per_round: real steps between two rounds of learning.
        n_models: ``K``.
        n_model_updates: gradient steps of every model per round, with Adam.
        model_learning_rate: of these.
        n_imagined, imagined_horizon: imagined trajectories per model and update of the policy, and their
            length.
        n_updates_per_trial: updates of the policy between two trials in the models.
        max_trials: the round is over after so many in any case.
        trust_region: largest mean KL divergence between two policies in a row.
        learning_rate: of the value function that TRPO keeps beside the policy.
        options: see :class:`DeepOptions`.

    Raises:
        MissingExtra: when sb3-contrib is not installed.
        InvalidParameter: when a count is below 1, the environment is no :class:`FiniteEnv`, or its
            observations are not ``MultiDiscrete``.
    """
    require_positive(
        n_envs=n_envs,
        n_steps_per_round=n_steps_per_round,
        n_models=n_models,
        n_model_updates=n_model_updates,
        n_imagined=n_imagined,
        imagined_horizon=imagined_horizon,
        n_updates_per_trial=n_updates_per_trial,
        max_trials=max_trials,
    )
    with deep_run("me_trpo", env, n_envs, rng, **options) as run:
        import torch
        from sb3_contrib import TRPO

        levels = getattr(run.envs.observation_space, "nvec", None)
        if levels is None:
            raise InvalidParameter(
                f"me_trpo needs MultiDiscrete observations; got {run.envs.observation_space}"
            )
        torch.manual_seed(run.seed)
        models = Ensemble(levels, run.finite.n_actions, n_models, model_learning_rate)
        dream = _imagined_envs(run, models, n_imagined, rng)
        agent = TRPO(
            "MlpPolicy",
            dream,
            gamma=run.finite.gamma,
            learning_rate=learning_rate,
            n_steps=imagined_horizon,
            batch_size=n_models * imagined_horizon,
            n_critic_updates=2,
            cg_max_steps=8,
            sub_sampling_factor=2,
            target_kl=trust_region,
            seed=run.seed,
            device="cpu",
        )
        read_out = partial(likeliest_actions, agent, run.finite)
        seen, memory = run.envs.reset(), list[Transitions]()
        while run.n_steps_left:
            n_steps = min(n_steps_per_round, run.n_steps_left)
            happened, seen = experience(run, agent, seen, n_steps)
            memory.append(happened)
            known = joined(memory)
            models.fit(known, n_model_updates, rng)
            dream.starts = known.seen
            trial = partial(
                returns_in_each_model,
                models,
                run.finite,
                known.seen[rng.integers(len(known.seen), size=dream.num_envs)],
                horizon=imagined_horizon,
                seed=int(rng.integers(2**31)),
            )
            before = trial(agent)
            for _ in range(max_trials):
                for _ in range(n_updates_per_trial):
                    agent.learn(dream.num_envs * imagined_horizon)
                after = trial(agent)
                if not enough_improve(before, after):
                    break
                before = after
            run.updated(read_out)
        return run.result(read_out())


class Transitions(NamedTuple):
    """What happened: ``n`` steps, each with the observations before and after it.

    Attributes:
        seen: ``(n, V)`` observations.
        action: ``(n,)`` action indices.
        reward: ``(n,)`` rewards.
        seen_next: ``(n, V)`` observations one step later.
    """

    seen: Counts
    action: Counts
    reward: Array
    seen_next: Counts


def joined(parts: Sequence[Transitions]) -> Transitions:
    """The steps of all parts, one behind the other."""
    return Transitions(*(np.concatenate(column) for column in zip(*parts)))


def experience(
    run: DeepRun, agent: Predicts, seen: Counts, n_steps: int
) -> tuple[Transitions, Counts]:
    """What happens in ``n_steps`` real steps, rounded up, and what is seen after them."""
    happened = []
    for _ in range(-(-n_steps // len(seen))):
        action, _ = agent.predict(seen, deterministic=False)
        following, reward, over, infos = run.envs.step(action)
        run.earned(reward.tolist())
        seen_next = following.copy()
        for i in np.flatnonzero(over):  # what follows is the beginning of the next episode
            seen_next[i] = infos[i]["terminal_observation"]
        happened.append(Transitions(seen, run.finite.action_index(action), reward, seen_next))
        seen = following
    return joined(happened), seen


class Ensemble:
    """``K`` networks that say what comes next, trained and asked side by side.

    Each has two hidden layers. Its input are the observation and the action, one-hot; its output, for
    every variable of the observation a categorical law, and the standardised reward.

    Args:
        levels: ``(V,)`` values of each variable of the observation.
        n_actions: ``A``.
        n_models: ``K``.
        learning_rate: of Adam.
    """

    def __init__(self, levels: Counts, n_actions: int, n_models: int, learning_rate: float) -> None:
        import torch

        self.n_models = n_models
        self.scale: tuple[float, float] | None = None
        self._sizes = np.array([*levels, n_actions])
        impossible = np.arange(max(levels)) >= np.asarray(levels)[:, None]
        self._mask = torch.zeros(impossible.shape).masked_fill(torch.tensor(impossible), -torch.inf)
        widths = (int(self._sizes.sum()), N_HIDDEN, N_HIDDEN, impossible.size + 1)
        self._layers = []
        for n_in, n_out in pairwise(widths):
            weight = (2 * torch.rand(n_models, n_in, n_out) - 1) / n_in**0.5
            self._layers.append(
                (weight.requires_grad_(), torch.zeros(n_models, 1, n_out, requires_grad=True))
            )
        parameters = [tensor for layer in self._layers for tensor in layer]
        self._optimizer = torch.optim.Adam(parameters, lr=learning_rate)

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(K, n, V, L)`` log-probabilities and ``(K, n)`` rewards; each model has ``(n, ...)`` inputs."""
        import torch

        for depth, (weight, bias) in enumerate(self._layers):
            x = torch.baddbmm(bias, x.relu() if depth else x, weight)
        logits = x[..., :-1].unflatten(-1, self._mask.shape) + self._mask
        return logits.log_softmax(dim=-1), x[..., -1]

    def inputs(self, seen: Counts, action: Counts) -> Tensor:
        """``(n, ...)`` observations and actions as the networks want them."""
        import torch

        x = np.zeros((len(seen), self._sizes.sum()), dtype=np.float32)
        starts = np.cumsum(self._sizes) - self._sizes
        np.put_along_axis(x, starts + np.column_stack([seen, action]), 1, axis=1)
        return torch.from_numpy(x)

    def fit(self, known: Transitions, n_updates: int, rng: np.random.Generator) -> None:
        """Trains every model, each on batches of its own, to tell the next observation and the reward."""
        import torch

        if self.scale is None:
            self.scale = float(known.reward.mean()), float(known.reward.std()) or 1.0
        mean, deviation = self.scale
        x = self.inputs(known.seen, known.action)
        reward = torch.tensor((known.reward - mean) / deviation, dtype=torch.float32)
        seen_next = torch.tensor(known.seen_next, dtype=torch.int64)[..., None]
        for _ in range(n_updates):
            batch = torch.from_numpy(rng.integers(len(x), size=(self.n_models, BATCH)))
            law, expected = self.predict(x[batch])
            surprise = -law.gather(-1, seen_next[batch]).sum(dim=(2, 3))
            loss = (surprise + (expected - reward[batch]) ** 2).mean(dim=1).sum()
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()

    def step(
        self, seen: Counts, action: Counts, order: Counts, rng: np.random.Generator
    ) -> tuple[Counts, Array]:
        """What comes next in ``n`` places, and the rewards; ``order`` says which model is asked where.

        Args:
            order: ``(n,)`` a permutation: the first model is asked for the first ``n / K`` places in it, the
                next for as many, and so on.
        """
        import torch

        shape = (self.n_models, len(order) // self.n_models)
        with torch.no_grad():
            law, expected = self.predict(self.inputs(seen, action)[order].unflatten(0, shape))
        cumulative = law.exp().cumsum(dim=-1).flatten(0, 1).double().numpy()
        u = rng.random((*seen.shape, 1)) * cumulative[..., -1:]
        seen_next, reward = np.empty_like(seen), np.empty(len(seen))
        seen_next[order] = (cumulative <= u).sum(axis=-1)
        reward[order] = expected.flatten().double().numpy()
        return seen_next, reward


def returns_in_each_model(
    models: Ensemble,
    finite: FiniteEnv,
    starts: Counts,
    agent: Predicts,
    *,
    horizon: int,
    seed: int,
) -> Array:
    """``(K,)`` mean discounted return of the policy in each model, from its share of ``starts``.

    Both the models' and the policy's draws follow from ``seed``, so that two policies are compared
    by what differs in them.
    """
    import torch

    rng, seen, order = np.random.default_rng(seed), starts, np.arange(len(starts))
    total = np.zeros(len(starts))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for t in range(horizon):
            action, _ = agent.predict(seen, deterministic=False)
            seen, reward = models.step(seen, finite.action_index(action), order, rng)
            total += finite.gamma**t * reward
    return np.asarray(total.reshape(models.n_models, -1).mean(axis=1))


def enough_improve(before: Array, after: Array) -> bool:
    """Whether at least 70 % of the models find the policy better than it was."""
    return bool(np.mean(after > before) >= ENOUGH)


def _imagined_envs(run: DeepRun, models: Ensemble, n: int, rng: np.random.Generator) -> VecEnv:
    """``K n`` environments whose every step is taken in a model drawn at random, for TRPO.

    Their attribute ``starts (m, V)`` holds the observations that they are reset to; no episode ends.
    """
    from stable_baselines3.common.vec_env import VecEnv

    class Imagined(VecEnv):  # type: ignore[misc]
        starts: Counts
        seen: Counts

        def reset(self) -> Counts:
            self.seen = self.starts[rng.integers(len(self.starts), size=self.num_envs)]
            return self.seen

        def step_async(self, actions: Counts) -> None:
            self.actions = run.finite.action_index(actions)

        def step_wait(self) -> tuple[Counts, Array, Any, list[dict[str, Any]]]:
            order = rng.permutation(self.num_envs)
            self.seen, reward = models.step(self.seen, self.actions, order, rng)
            return self.seen, reward, np.zeros(self.num_envs, dtype=bool), [{}] * self.num_envs

        def close(self) -> None:
            """Nothing is open."""

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * self.num_envs

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            raise NotImplementedError

        def env_method(self, *args: Any, **kwargs: Any) -> list[Any]:
            raise NotImplementedError

        def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
            return [False] * self.num_envs

    real = run.envs
    return Imagined(models.n_models * n, real.observation_space, real.action_space)
