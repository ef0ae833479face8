"""What the deep learners share: where they train, what they record, how they are read out.

A network is trained on observations; certificates speak of the states of a finite MDP. So the
environment says how the two belong together (:class:`FiniteEnv`), and the trained network is asked
once for every state. A deep learner has no guarantee and no stopping rule: it takes
``n_steps_total`` steps. It runs on one CPU thread, the same ``rng`` gives the same policy on the
same machine, and torch's thread count and every global random state are put back afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import nan
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter, MissingExtra
from ..mdp import Policy
from ._result import Checkpoint, LearningResult

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

BATCH = 4096
"""States that go through the network at once when it is read out."""


class FiniteEnv(Protocol):
    """What ``env.unwrapped`` must know of its finite model, beside being a Gymnasium environment.

    Its action space is ``Discrete`` or ``MultiDiscrete``. Its task is a continuing one, as the
    finite model's is: an episode may be truncated, but is never terminated.
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


class Predicts(Protocol):
    """A network, or what holds one, that Stable-Baselines3 can ask for an action."""

    def predict(self, observation: Counts, *, deterministic: bool) -> tuple[Counts, Any]:
        """The actions for a batch of observations, and a state that is of no use here."""


class DeepOptions(TypedDict, total=False):
    """The options that every deep learner takes.

    Attributes:
        n_steps_total: environment steps, over all copies of the environment; by default 20,000.
        env_kwargs: passed on when an environment is made.
        checkpoints: how often history is written, evenly, but after an update of the network only;
            by default 100 times.
        score: what the policy read out at a checkpoint is worth, kept as its ``policy_error``.
        progress: called with each checkpoint; may raise to stop.
    """

    n_steps_total: int
    env_kwargs: Mapping[str, Any] | None
    checkpoints: int
    score: Callable[[Policy], float] | None
    progress: Callable[[Checkpoint], object] | None


class DeepRun:
    """One run of a learner: the environments, the seed, and a checkpoint whenever one is due.

    Attributes:
        envs: the copies of the environment, as Stable-Baselines3 wants them.
        finite: what the first of them knows of its finite model.
        seed: drawn from ``rng``; with it all randomness of the run is given.
        n_steps_total: environment steps to take, over all copies.
        n_steps: those taken so far.
    """

    def __init__(
        self,
        envs: VecEnv,
        seed: int,
        n_steps_total: int,
        checkpoints: int,
        score: Callable[[Policy], float] | None,
        progress: Callable[[Checkpoint], object] | None,
    ) -> None:
        self.envs, self.finite, self.seed = envs, _finite_env(envs.envs[0].unwrapped), seed
        self.n_steps_total, self.n_steps = n_steps_total, 0
        self._checkpoints, self._score, self._progress = checkpoints, score, progress
        self._history: list[Checkpoint] = []
        self._rewards: list[float] = []
        self._n_due = 0
        self._started = perf_counter()

    @property
    def seconds(self) -> float:
        """Wall-clock time so far, checkpoints left out [s]."""
        return perf_counter() - self._started

    @property
    def n_steps_left(self) -> int:
        """Environment steps still to take."""
        return max(self.n_steps_total - self.n_steps, 0)

    def earned(self, rewards: Sequence[float]) -> None:
        """Takes note of as many environment steps as there are rewards."""
        self.n_steps += len(rewards)
        self._rewards += rewards

    def updated(self, read_out: Callable[[], Policy]) -> None:
        """To be called after each update of the network: writes a checkpoint when one is due.

        What is read out, scored and told leaves global random states as they were.
        """
        n_due = self.n_steps * self._checkpoints // self.n_steps_total
        if n_due == self._n_due:
            return
        seconds, mean_reward = self.seconds, float(np.mean(self._rewards))
        with _global_random_states_put_back():
            error = nan if self._score is None else float(self._score(read_out()))
            self._history.append(
                Checkpoint(self.n_steps, mean_reward, seconds=seconds, policy_error=error)
            )
            if self._progress is not None:
                self._progress(self._history[-1])
        self._n_due = n_due
        self._rewards.clear()
        self._started = perf_counter() - seconds

    def callback(self, read_out: Callable[[], Policy]) -> BaseCallback:
        """The same for a learner whose loop is that of Stable-Baselines3."""
        from stable_baselines3.common.callbacks import BaseCallback

        run = self

        class Record(BaseCallback):  # type: ignore[misc]
            def _on_step(self) -> bool:
                run.earned(self.locals["rewards"].tolist())
                return True

            def _on_rollout_start(self) -> None:  # and so after the update before
                run.updated(read_out)

            def _on_training_end(self) -> None:
                run.updated(read_out)

        return Record()

    def result(self, policy: Policy, q: Array | None = None) -> LearningResult:
        """What the learner returns."""
        history = tuple(self._history)
        return LearningResult(policy=policy, q=q, history=history, seconds=self.seconds)


@contextmanager
def deep_run(
    learner: str,
    env: str | Callable[..., Any],
    n_envs: int,
    rng: np.random.Generator,
    *,
    n_steps_total: int = 20_000,
    env_kwargs: Mapping[str, Any] | None = None,
    checkpoints: int = 100,
    score: Callable[[Policy], float] | None = None,
    progress: Callable[[Checkpoint], object] | None = None,
) -> Iterator[DeepRun]:
    """A run on ``n_envs`` copies of ``env``; closes them, and puts back what it changed, at the end.

    Raises:
        MissingExtra: when Stable-Baselines3 is not installed.
        InvalidParameter: when a count is below 1, or ``env.unwrapped`` is no :class:`FiniteEnv`.
    """
    require_positive(n_steps_total=n_steps_total, checkpoints=checkpoints)
    try:
        import sb3_contrib  # noqa: F401  named here so that the extra is whole or missing
        from stable_baselines3.common.env_util import make_vec_env
    except ImportError:
        raise MissingExtra(f"learning.{learner}", "rl") from None
    seed = int(rng.integers(2**31))
    kwargs = dict(env_kwargs or {})
    if isinstance(env, str):
        kwargs.setdefault("render_mode", None)  # else Stable-Baselines3 asks for pictures
    with _one_torch_thread(), _global_random_states_put_back():
        envs = make_vec_env(env, n_envs=n_envs, seed=seed, env_kwargs=kwargs)
        try:
            yield DeepRun(envs, seed, n_steps_total, checkpoints, score, progress)
        finally:
            envs.close()


def require_positive(**counts: int) -> None:
    """Raises :class:`InvalidParameter` for the first of ``counts`` that is below 1."""
    for name, value in counts.items():
        if value < 1:
            raise InvalidParameter(f"{name} must be at least 1; got {value}")


def for_every_state(finite: FiniteEnv, f: Callable[[Counts], NDArray[Any]]) -> NDArray[Any]:
    """``(S, ...)`` what ``f`` makes of the observations of all states, given in batches."""
    starts = range(0, finite.n_states, BATCH)
    batches = (np.arange(start, min(start + BATCH, finite.n_states)) for start in starts)
    return np.concatenate([f(finite.observation_of(s)) for s in batches])


def likeliest_actions(model: Predicts, finite: FiniteEnv) -> Policy:
    """``(S,)`` the action that the network finds likeliest, or best, in each state."""
    actions = for_every_state(finite, lambda seen: model.predict(seen, deterministic=True)[0])
    return finite.action_index(actions).astype(np.int64)


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
