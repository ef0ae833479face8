"""What all deep learners promise; needs the extra ``rl``."""

import random
import sys
from time import perf_counter, sleep

import gymnasium
import numpy as np
import pytest

from bandits import Bandit, Twofold, cut_short
from germane.errors import InvalidParameter, MissingExtra
from germane.learning import a3c, averaged_dqn, me_trpo, ppo

# each learner with options under which it learns the bandit in a second or less
LEARNERS = {
    "ppo": (ppo, 1024, {"n_envs": 4, "n_steps_per_update": 64}),
    "averaged_dqn": (
        averaged_dqn,
        1000,
        {"n_envs": 4, "target_interval": 100, "n_steps_before": 100, "learning_rate": 3e-3},
    ),
    "a3c": (a3c, 1000, {"n_workers": 4, "learning_rate": 3e-3}),
    "me_trpo": (
        me_trpo,
        256,
        {
            "n_envs": 4,
            "n_steps_per_round": 128,
            "n_imagined": 8,
            "imagined_horizon": 10,
            "n_model_updates": 50,
            "max_trials": 2,
        },
    ),
}

every_learner = pytest.mark.parametrize("name", LEARNERS)


def learn(name, env=Bandit, *, seed=0, share=1.0, **options):
    pytest.importorskip("stable_baselines3")
    learner, n_steps, own = LEARNERS[name]
    rng = np.random.default_rng(seed)
    return learner(env, **{"n_steps_total": int(share * n_steps), "rng": rng, **own, **options})


@every_learner
def test_the_action_of_each_state_is_found_in_truncated_episodes_too(name):
    result = learn(name, cut_short)
    assert result.policy.tolist() == [0, 1]
    assert result.policy.dtype == np.int64


@pytest.mark.parametrize("name", ["ppo", "a3c", "me_trpo"])
def test_a_composite_action_is_translated_by_the_environment(name):
    # best is (s, 1), whose index is 3 - (2 s + 1)
    assert learn(name, Twofold).policy.tolist() == [2, 0]


@every_learner
def test_the_same_generator_gives_the_same_policies_and_another_seed_others(name):
    """Policies all the way, judged by the mean rewards that they earn: those tell every action."""
    first, second, other = (learn(name, seed=seed, share=0.3).history for seed in (1, 1, 2))
    assert [c.mean_reward for c in first] == [c.mean_reward for c in second]
    assert [c.mean_reward for c in first] != [c.mean_reward for c in other]


@every_learner
def test_history_tells_the_steps_the_rewards_the_time_and_the_score(name):
    told = []
    scored = []

    def score(policy):
        scored.append(policy)
        sleep(0.1)
        np.random.seed(0), random.seed(0)  # noqa: NPY002
        return float(np.mean(policy != [0, 1]))

    started = perf_counter()
    result = learn(name, checkpoints=4, score=score, progress=told.append)
    elapsed = perf_counter() - started
    assert tuple(told) == result.history
    assert [c.policy_error for c in told] == [np.mean(policy != [0, 1]) for policy in scored]
    assert scored[-1].tolist() == result.policy.tolist()
    steps = [c.n_steps for c in told]
    assert len(steps) == (2 if name == "me_trpo" else 4)  # it has two rounds
    assert steps == sorted(set(steps))
    assert LEARNERS[name][1] <= steps[-1] < LEARNERS[name][1] + 4
    assert told[-1].mean_reward > told[0].mean_reward > 0.4
    seconds = [c.seconds for c in told]
    assert seconds[0] > 0
    assert seconds == sorted(seconds)
    assert seconds[-1] <= result.seconds <= elapsed - 0.1 * len(scored)

    (whole,) = learn(name, checkpoints=1).history  # the same run: scores disturb nothing
    mean_reward = np.average([c.mean_reward for c in told], weights=np.diff([0, *steps]))
    assert whole.mean_reward == pytest.approx(mean_reward, abs=1e-12)
    assert np.isnan(whole.policy_error)


@every_learner
def test_threads_and_global_random_states_are_put_back(name):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
        expected = random.random(), np.random.random(), float(torch.rand(1))  # noqa: NPY002
        random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
        learn(name, share=0.2)
        found = random.random(), np.random.random(), float(torch.rand(1))  # noqa: NPY002
        assert found == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@every_learner
def test_a_registered_network_is_trained_by_its_id(name):
    networks = pytest.importorskip("germane.networks")
    network = networks.MisoInterference.tiny()
    env_kwargs = {"network": network}
    result = learn(name, "germane/MisoInterference-v0", share=0.2, env_kwargs=env_kwargs)
    assert result.policy.shape == (network.n_states,)
    assert result.policy.max() < network.n_actions


@every_learner
def test_an_environment_without_a_finite_model_is_refused(name):
    with pytest.raises(InvalidParameter, match=r"CartPoleEnv must be a FiniteEnv.*no n_states"):
        learn(name, "CartPole-v1")


COUNTS = {
    "ppo": "n_envs n_steps_per_update n_epochs n_minibatches",
    "averaged_dqn": "n_envs n_targets target_interval buffer_size batch_size",
    "a3c": "n_workers n_steps_per_update",
    "me_trpo": "n_envs n_steps_per_round n_models n_model_updates n_imagined imagined_horizon "
    "n_updates_per_trial max_trials",
}


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (name, count)
        for name, own in COUNTS.items()
        for count in ["n_steps_total", "checkpoints", *own.split()]
    ],
)
def test_a_count_below_one_is_refused_by_name(name, count):
    with pytest.raises(InvalidParameter, match=f"{count} must be at least 1; got 0"):
        learn(name, **{count: 0})


@every_learner
def test_without_stable_baselines3_the_extra_to_install_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.env_util", None)
    learner, _, _ = LEARNERS[name]
    with pytest.raises(MissingExtra, match=rf"learning.{name} needs .*germane\[rl\]") as missing:
        learner(Bandit, rng=np.random.default_rng(0))
    assert missing.value.extra == "rl"


@pytest.mark.parametrize("name", ["averaged_dqn", "me_trpo"])
def test_spaces_that_a_learner_cannot_take_are_refused_in_a_line(name):
    class Continuous(Bandit):
        observation_space = gymnasium.spaces.Box(0, 1, (1,))

    env = {"averaged_dqn": Twofold, "me_trpo": Continuous}[name]
    needed = {"averaged_dqn": "a Discrete action space", "me_trpo": "MultiDiscrete observations"}
    with pytest.raises(InvalidParameter, match=f"{name} needs {needed[name]}; got "):
        learn(name, env)
