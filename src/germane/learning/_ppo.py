"""Proximal policy optimisation, by Stable-Baselines3, read out on every finite state.

The network is trained on observations; certificates speak of the states of a finite MDP. So the
environment says how the two belong together (:class:`FiniteEnv`), and the trained network is asked
once for every state. PPO has no guarantee and no stopping rule: it takes ``n_steps_total`` steps.

Source: Schulman et al., *Proximal policy optimization algorithms*, 2017; the learner of Section VII
of the digital-twin bisimulation paper.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter, MissingExtra
from ..mdp import Policy
from ._result import Checkpoint, LearningResult

if TYPE_CHECKING:
    from stable_baselines3 import PPO

Counts = NDArray[np.int64]

BATCH = 4096
"""States that go through the network at once when the policy is read out."""


class FiniteEnv(Protocol):
    """What ``env.unwrapped`` must know of its finite model, beside being a Gymnasium environment.

    Its action space is ``Discrete`` or ``MultiDiscrete``.
    """

    @property
    def n_states(self) -> int:
        """``S`` of the finite model."""

    @property
    def n_actions(self) -> int:
        """``A`` of the finite model."""

    @property
    def gamma(self) -> float:
        """Discount factor of the finite model."""

    def observation_of(self, s: Counts) -> Counts:
        """``(n, ...)`` observations of ``(n,)`` states."""

    def action_index(self, action: Counts) -> Counts:
        """``(n,)`` action indices of ``(n, ...)`` actions of the environment."""


def ppo(
    env: str | Callable[[], Any],
    *,
    n_steps_total: int,
    rng: np.random.Generator,
    n_envs: int = 8,
    env_kwargs: Mapping[str, Any] | None = None,
    stochastic: bool = False,
    learning_rate: float = 1e-3,
    n_steps_per_update: int = 128,
    n_epochs: int = 10,
    n_minibatches: int = 4,
    entropy_weight: float = 0.01,
    progress: Callable[[Checkpoint], object] | None = None,
) -> LearningResult:
    """The policy that PPO learns in about ``n_steps_total`` steps of ``n_envs`` environments.

    Runs on one CPU thread; the same ``rng`` gives the same policy on the same machine. Torch's
    thread count and every global random state are put back afterwards.

    Args:
        env: a Gymnasium id, or a function that makes an environment; either way ``env.unwrapped``
            is a :class:`FiniteEnv`. An environment made by id is asked not to render.
        n_steps_total: environment steps, over all environments; rounded up to whole updates of
            ``n_envs * n_steps_per_update``.
        env_kwargs: passed on when an environment is made.
        stochastic: the ``(S, A)`` probabilities of the network instead of its ``(S,)`` likeliest
            actions.
        learning_rate, n_steps_per_update, n_epochs, n_minibatches, entropy_weight: of PPO; the
            defaults suit tasks of a few thousand states and some ten thousand steps.
        progress: called with a checkpoint after each round of experience; may raise to stop.

    Raises:
        MissingExtra: when Stable-Baselines3 is not installed.
        InvalidParameter: when ``n_steps_total`` or ``n_envs`` is below 1, or the environment is no
            :class:`FiniteEnv`.
    """
    for name, value in (("n_steps_total", n_steps_total), ("n_envs", n_envs)):
        if value < 1:
            raise InvalidParameter(f"{name} must be at least 1; got {value}")
    try:
        from stable_baselines3 import PPO
        from stable_baselines3.common.env_util import make_vec_env
    except ImportError:
        raise MissingExtra("learning.ppo", "rl") from None
    started = perf_counter()
    seed = int(rng.integers(2**31))
    kwargs = dict(env_kwargs or {})
    if isinstance(env, str):
        kwargs.setdefault("render_mode", None)  # else Stable-Baselines3 asks for pictures
    with _one_torch_thread(), _global_random_states_put_back():
        envs = make_vec_env(env, n_envs=n_envs, seed=seed, env_kwargs=kwargs)
        try:
            finite = _finite_env(envs.envs[0].unwrapped)
            model = PPO(
                "MlpPolicy",
                envs,
                gamma=finite.gamma,
                learning_rate=learning_rate,
                n_steps=n_steps_per_update,
                n_epochs=n_epochs,
                batch_size=max(1, n_envs * n_steps_per_update // n_minibatches),
                ent_coef=entropy_weight,
                seed=seed,
                device="cpu",
            )
            history = _train(model, n_steps_total, progress)
            policy = (_probabilities if stochastic else _likeliest_actions)(model, finite)
        finally:
            envs.close()
    return LearningResult(policy=policy, history=history, seconds=perf_counter() - started)


def _finite_env(env: Any) -> FiniteEnv:
    needed = ("n_states", "n_actions", "gamma", "observation_of", "action_index")
    missing = [name for name in needed if not hasattr(env, name)]
    if missing:
        raise InvalidParameter(
            f"{type(env).__name__} must be a FiniteEnv, with {', '.join(needed)}; "
            f"it has no {', '.join(missing)}"
        )
    finite: FiniteEnv = env
    return finite


def _train(
    model: PPO, n_steps_total: int, progress: Callable[[Checkpoint], object] | None
) -> tuple[Checkpoint, ...]:
    """Trains in place; one checkpoint per round of experience."""
    history: list[Checkpoint] = []
    rewards: list[float] = []

    def record(scope: dict[str, Any], _: dict[str, Any]) -> bool:
        """Called by Stable-Baselines3 after each step, with the local variables of its loop."""
        rewards.append(float(scope["rewards"].mean()))
        if len(rewards) == model.n_steps:
            history.append(Checkpoint(int(model.num_timesteps), sum(rewards) / len(rewards)))
            rewards.clear()
            if progress is not None:
                progress(history[-1])
        return True

    model.learn(n_steps_total, callback=record)
    return tuple(history)


def _likeliest_actions(model: PPO, finite: FiniteEnv) -> Policy:
    """``(S,)`` the action that the network finds likeliest in each state."""
    return np.concatenate(
        [
            finite.action_index(model.predict(finite.observation_of(s), deterministic=True)[0])
            for s in _batches(finite.n_states)
        ]
    ).astype(np.int64)


def _probabilities(model: PPO, finite: FiniteEnv) -> Policy:
    """``(S, A)`` the network's probabilities: a product over the components of the action."""
    import torch

    pi = np.zeros((finite.n_states, finite.n_actions))
    space = model.action_space
    shape = tuple(space.nvec) if hasattr(space, "nvec") else (space.n,)
    actions = np.indices(shape).reshape(len(shape), -1).T  # (A, components)
    columns = finite.action_index(actions if len(shape) > 1 else actions[:, 0])
    for s in _batches(finite.n_states):
        with torch.no_grad():
            observation, _ = model.policy.obs_to_tensor(finite.observation_of(s))
            law = model.policy.get_distribution(observation).distribution
        parts = [part.probs.double().numpy() for part in (law if isinstance(law, list) else [law])]
        joint = np.prod([part[:, actions[:, i]] for i, part in enumerate(parts)], axis=0)
        pi[np.ix_(s, columns)] = joint
    return np.asarray(pi / pi.sum(axis=1, keepdims=True))


def _batches(n_states: int) -> Iterator[Counts]:
    for start in range(0, n_states, BATCH):
        yield np.arange(start, min(start + BATCH, n_states))


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Small networks train faster on one thread, and leave the other cores to other work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _global_random_states_put_back() -> Iterator[None]:
    """Stable-Baselines3 seeds the global generators; they belong to the caller."""
    import torch

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])
