"""PPO on a finite environment, beside what ``test_deep.py`` asks; needs the extra ``rl``."""

import numpy as np
import pytest

from bandits import Bandit, Twofold
from germane.learning import ppo


def learn(env=Bandit, *, seed=0, n_steps_total=2048, **options):
    pytest.importorskip("stable_baselines3")
    rng = np.random.default_rng(seed)
    return ppo(env, n_steps_total=n_steps_total, rng=rng, n_envs=4, **options)


@pytest.mark.parametrize(("env", "n_actions"), [(Bandit, 2), (Twofold, 4)])
def test_the_stochastic_policy_is_a_distribution_with_the_same_favourite(env, n_actions):
    pi = learn(env, stochastic=True, n_steps_total=1024).policy
    assert pi.shape == (2, n_actions)
    assert pi.sum(axis=1) == pytest.approx(1)
    assert (pi.argmax(axis=1) == learn(env, n_steps_total=1024).policy).all()


def test_the_same_generator_gives_the_same_probabilities_bit_for_bit():
    first, second, other = (
        learn(seed=seed, stochastic=True, n_steps_total=512) for seed in (1, 1, 2)
    )
    assert (first.policy == second.policy).all()
    assert (first.policy != other.policy).any()
    assert first.q is None


def test_there_is_a_checkpoint_after_every_update_at_most():
    history = learn().history
    assert [c.n_steps for c in history] == [512, 1024, 1536, 2048]
    assert history[0].mean_reward == pytest.approx(0.5, abs=0.15)  # untrained: a coin
