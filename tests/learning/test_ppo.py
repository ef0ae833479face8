"""PPO on a finite environment; needs the extra ``rl``."""

import random
import sys

import gymnasium
import numpy as np
import pytest

from germane.errors import InvalidParameter, MissingExtra
from germane.learning import ppo

N_STEPS = 2048


class Bandit(gymnasium.Env):
    """Two states, seen as they are; the action that equals the state earns 1, then they swap."""

    n_states, n_actions, gamma = 2, 2, 0.5
    observation_space = gymnasium.spaces.MultiDiscrete([2])
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = 0
        return self.observation_of(0), {}

    def step(self, action):
        reward = float(action == self.state)
        self.state = 1 - self.state
        return self.observation_of(self.state), reward, False, False, {}

    def observation_of(self, s):
        return np.asarray(s)[..., None]

    def action_index(self, action):
        return np.asarray(action)


class Twofold(Bandit):
    """The same with the action as two components, numbered backwards: only (s, 1) earns."""

    n_actions = 4
    action_space = gymnasium.spaces.MultiDiscrete([2, 2])

    def step(self, action):
        return super().step(action[0] if action[1] == 1 else -1)

    def action_index(self, action):
        return 3 - np.asarray(action) @ [2, 1]


def learn(env=Bandit, *, seed=0, n_steps_total=N_STEPS, **options):
    pytest.importorskip("stable_baselines3")
    rng = np.random.default_rng(seed)
    return ppo(env, n_steps_total=n_steps_total, rng=rng, n_envs=4, **options)


def test_ppo_finds_the_action_of_each_state():
    result = learn()
    assert result.policy.tolist() == [0, 1]
    assert result.policy.dtype == np.int64
    assert result.q is None


def test_a_composite_action_is_translated_by_the_environment():
    # best is (s, 1), whose index is 3 - (2 s + 1)
    assert learn(Twofold, n_steps_total=2 * N_STEPS).policy.tolist() == [2, 0]


@pytest.mark.parametrize(("env", "n_actions"), [(Bandit, 2), (Twofold, 4)])
def test_the_stochastic_policy_is_a_distribution_with_the_same_favourite(env, n_actions):
    pi = learn(env, stochastic=True, n_steps_total=2 * N_STEPS).policy
    assert pi.shape == (2, n_actions)
    assert pi.sum(axis=1) == pytest.approx(1)
    assert (pi.argmax(axis=1) == learn(env, n_steps_total=2 * N_STEPS).policy).all()


def test_the_same_generator_gives_the_same_policy_and_another_seed_another():
    first, second, other = (
        learn(seed=seed, stochastic=True, n_steps_total=512) for seed in (1, 1, 2)
    )
    assert (first.policy == second.policy).all()
    assert first.history == second.history
    assert (first.policy != other.policy).any()


def test_history_and_progress_tell_the_steps_and_the_mean_reward():
    told = []
    result = learn(progress=told.append)
    assert tuple(told) == result.history
    assert [c.n_steps for c in told] == [512, 1024, 1536, 2048]
    assert told[0].mean_reward == pytest.approx(0.5, abs=0.15)  # untrained: a coin
    assert told[-1].mean_reward > told[0].mean_reward


def test_threads_and_global_random_states_are_put_back():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
        expected = random.random(), np.random.random(), float(torch.rand(1))  # noqa: NPY002
        random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
        learn(n_steps_total=256)
        found = random.random(), np.random.random(), float(torch.rand(1))  # noqa: NPY002
        assert found == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_registered_network_is_trained_by_its_id():
    networks = pytest.importorskip("germane.networks")
    network = networks.AdmissionControl.tiny()
    result = learn(
        "germane/AdmissionControl-v0", n_steps_total=512, env_kwargs={"network": network}
    )
    assert result.policy.shape == (network.n_states,)
    assert result.policy.max() < network.n_actions


def test_an_environment_without_a_finite_model_is_refused():
    with pytest.raises(InvalidParameter, match=r"CartPoleEnv must be a FiniteEnv.*no n_states"):
        learn("CartPole-v1")


@pytest.mark.parametrize("name", ["n_steps_total", "n_envs"])
def test_a_count_below_one_is_refused_by_name(name):
    options = {"n_steps_total": 10, "n_envs": 1} | {name: 0}
    with pytest.raises(InvalidParameter, match=f"{name} must be at least 1; got 0"):
        ppo(Bandit, rng=np.random.default_rng(0), **options)


def test_without_stable_baselines3_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(MissingExtra, match=r"learning.ppo needs .*germane\[rl\]") as missing:
        ppo(Bandit, n_steps_total=1, rng=np.random.default_rng(0))
    assert missing.value.extra == "rl"
