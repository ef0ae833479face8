"""The Gymnasium environment of admission control against the exact model of the same network."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.stats import chisquare

from germane.errors import InvalidParameter
from germane.networks import AdmissionControl

ID = "germane/AdmissionControl-v0"

# every process in play: two queue places, patience and services of the order of the step
LIVELY = AdmissionControl(
    capacity=(4, 4, 4),
    queue_places=(2, 1, 1),
    arrival_rate_per_s=(0.08, 0.05, 0.06),
    mean_service_s=(15.0, 20.0, 10.0),
    timeout_s=(12.0, 30.0, 8.0),
)


def made(**kwargs):
    return gymnasium.make(ID, **kwargs)


@pytest.mark.parametrize("kwargs", [{}, {"size": "tiny"}, {"size": "paper"}, {"network": LIVELY}])
def test_gymnasiums_checker_accepts_the_environment_made_by_id(kwargs):
    check_env(made(**kwargs).unwrapped)


def test_stable_baselines3s_checker_accepts_the_environment_made_by_id():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(made(size="tiny"))


@pytest.mark.parametrize(
    ("queued", "ongoing", "admit"),
    [
        ([0, 0, 0], [0, 0, 0], [0, 0, 0]),
        ([2, 1, 1], [0, 0, 0], [2, 1, 1]),
        ([2, 1, 1], [1, 0, 1], [0, 0, 0]),
        ([1, 1, 0], [0, 1, 1], [0, 1, 0]),
        ([2, 0, 1], [1, 1, 0], [1, 0, 0]),
    ],
)
def test_the_frequencies_of_the_environment_are_the_row_of_its_model(queued, ongoing, admit):
    # Chi-square on the next state, expected counts below 5 pooled. The seed is fixed, so the test
    # is repeatable; a true model fails for one seed in 1000.
    n_samples = 4000
    mdp = LIVELY.mdp()
    s, a = int(LIVELY.encode(queued, ongoing)), int(LIVELY.action_index(admit))
    env = made(network=LIVELY)
    env.reset(seed=7)
    counts = np.zeros(mdp.n_states)
    for _ in range(n_samples):
        env.reset(options={"state": s})
        _, reward, _, _, info = env.step(np.array(admit))
        assert reward == mdp.r[s, a]
        counts[info["state"]] += 1
    expected = n_samples * mdp.transitions[[s * mdp.n_actions + a]].toarray().ravel()
    assert counts[expected == 0].sum() == 0
    rare = expected < 5
    pooled = [np.append(c[~rare], c[rare].sum()) for c in (counts, expected)]
    keep = pooled[1] > 0
    assert chisquare(pooled[0][keep], pooled[1][keep]).pvalue > 1e-3


def test_along_a_trajectory_observation_state_and_reward_belong_together():
    mdp = LIVELY.mdp()
    env = made(network=LIVELY)
    env.action_space.seed(3)
    observation, info = env.reset(seed=3)
    for _ in range(300):
        s, action = info["state"], env.action_space.sample()
        assert (env.unwrapped.observation_of(s) == observation).all()
        a = int(env.unwrapped.action_index(action))
        observation, reward, terminated, _, info = env.step(action)
        assert reward == mdp.r[s, a]
        assert mdp.transitions[[s * mdp.n_actions + a], [info["state"]]] > 0
        assert not terminated


def test_arrivals_that_find_the_queue_full_are_counted_as_lost():
    flood = AdmissionControl(arrival_rate_per_s=(100.0, 100.0, 100.0))
    env = made(network=flood)
    env.reset(seed=0)
    observation, _, _, _, info = env.step(np.zeros(3, dtype=int))
    assert observation[:3].tolist() == [1, 1, 1]
    assert (info["lost"] > 900).all()  # mean 1000 a step, standard deviation 32


def test_the_same_seed_gives_the_same_episode_and_another_seed_another():
    def episode(seed):
        env = made(size="small")
        observations = [env.reset(seed=seed)[0]]
        observations += [env.step(np.array([1, 0, 1]))[0] for _ in range(50)]
        return np.array(observations)

    assert (episode(1) == episode(1)).all()
    assert (episode(1) != episode(2)).any()


def test_an_episode_is_cut_by_the_time_limit_and_never_terminates():
    env = made(size="tiny", max_episode_steps=5)
    env.reset(seed=0)
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]


def test_the_text_rendering_is_the_label_of_the_state():
    env = made(size="tiny", render_mode="ansi")
    env.reset(seed=0, options={"state": 5})
    assert env.render() == AdmissionControl.tiny().label(5)


def test_the_size_too_large_for_a_model_runs_as_a_sampler():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = made(size="paper")
        env.reset(seed=0)
        total = sum(env.step(np.full(3, 5))[1] for _ in range(100))
    assert total > 0


def test_a_size_and_a_network_at_once_are_refused():
    with pytest.raises(InvalidParameter, match="a size or a network, not both"):
        made(size="tiny", network=LIVELY)
