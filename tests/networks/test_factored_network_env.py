"""The Gymnasium environment of the factored networks against their exact models."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.stats import chisquare

from germane.errors import InvalidParameter
from germane.networks import (
    MimoInterference,
    MimoMobile,
    MisoEnergyHarvesting,
    MisoInterference,
)

KINDS = (MisoInterference, MisoEnergyHarvesting, MimoInterference, MimoMobile)
IDS = [f"germane/{kind.__name__}-v0" for kind in KINDS]


def made(id_or_kind, **kwargs):
    name = id_or_kind if isinstance(id_or_kind, str) else f"germane/{id_or_kind.__name__}-v0"
    return gymnasium.make(name, **kwargs)


@pytest.mark.parametrize("kwargs", [{}, {"size": "tiny"}, {"size": "large"}])
@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_accepts_the_environment_made_by_id(name, kwargs):
    check_env(made(name, **kwargs).unwrapped)


@pytest.mark.parametrize("name", IDS)
def test_stable_baselines3s_checker_accepts_the_environment_made_by_id(name):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(made(name))


@pytest.mark.parametrize("kind", KINDS)
def test_the_frequencies_of_the_environment_are_the_row_of_its_model(kind):
    # Chi-square on the next state, from three pairs each, expected counts below 5 pooled. The seed
    # is fixed; a true model fails for one seed in 300.
    n_samples = 2000
    network = kind.small()
    mdp = network.mdp()
    env = made(kind)
    env.reset(seed=5)
    rng = np.random.default_rng(5)
    for s, a in rng.integers((mdp.n_states, mdp.n_actions), size=(3, 2)).tolist():
        counts, total = np.zeros(mdp.n_states), 0.0
        for _ in range(n_samples):
            env.reset(options={"state": s})
            _, reward, _, _, info = env.step(a)
            counts[info["state"]] += 1
            total += reward
        row = mdp.transitions[[s * mdp.n_actions + a]].toarray().ravel()
        expected = n_samples * row
        assert counts[expected == 0].sum() == 0
        rare = expected < 5
        pooled = [np.append(c[~rare], c[rare].sum()) for c in (counts, expected)]
        keep = pooled[1] > 0
        assert chisquare(pooled[0][keep], pooled[1][keep]).pvalue > 1e-3
        # the mean reward, within four standard deviations
        rewards = network.reward(s, a, np.arange(mdp.n_states))
        deviation = np.sqrt(row @ (rewards - mdp.r[s, a]) ** 2 / n_samples)
        assert total / n_samples == pytest.approx(mdp.r[s, a], abs=4 * deviation + 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_along_a_trajectory_observation_state_and_reward_belong_together(kind):
    network = kind.small()
    mdp = network.mdp()
    env = made(kind)
    env.action_space.seed(3)
    observation, info = env.reset(seed=3)
    for _ in range(200):
        s, a = info["state"], int(env.action_space.sample())
        assert (env.unwrapped.observation_of(s) == observation).all()
        assert int(env.unwrapped.action_index(a)) == a
        observation, reward, terminated, _, info = env.step(a)
        assert reward == network.reward(s, a, info["state"])
        assert mdp.transitions[[s * mdp.n_actions + a], [info["state"]]] > 0
        assert not terminated


@pytest.mark.parametrize("name", IDS)
def test_the_same_seed_gives_the_same_episode_and_another_seed_another(name):
    def episode(seed):
        env = made(name)
        return [env.reset(seed=seed)[1]["state"], *(env.step(0)[4]["state"] for _ in range(50))]

    assert episode(1) == episode(1)
    assert episode(1) != episode(2)


def test_an_episode_is_cut_by_the_time_limit_and_never_terminates():
    env = made(MisoInterference, max_episode_steps=5)
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]


def test_the_text_rendering_is_the_label_of_the_state():
    env = made(MimoMobile, size="tiny", render_mode="ansi")
    env.reset(seed=0, options={"state": 5})
    assert env.render() == MimoMobile.tiny().label(5)
    assert made(MimoMobile).unwrapped.render() is None


def test_a_size_too_large_for_a_model_runs_as_a_sampler():
    network = MisoInterference(
        queue_places=9,
        arrival_probability=(0.5,) * 4,
        worsen_probability=(0.5,) * 4,
        improve_probability=(0.5,) * 4,
    )
    env = made(MisoInterference, network=network)
    _, info = env.reset(seed=0)
    for _ in range(20):
        info = env.step(network.n_actions - 1)[4]
    assert 0 <= info["state"] < 160_000


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": "tiny", "network": MisoInterference()}, "a size or a network, not both"),
        ({"size": "huge"}, "size must be one of tiny"),
        ({"network": MimoMobile()}, "network must be a MisoInterference; got a MimoMobile"),
    ],
)
def test_what_does_not_belong_to_the_id_is_refused(kwargs, message):
    with pytest.raises(InvalidParameter, match=message):
        made(MisoInterference, **kwargs)


def test_with_random_starts_episodes_begin_anywhere_but_where_told():
    env = gymnasium.make("germane/MisoInterference-v0", size="tiny", random_starts=True)
    starts = {env.reset(seed=seed)[1]["state"] for seed in range(200)}
    assert starts == set(range(16))
    assert env.reset(options={"state": 5})[1]["state"] == 5
