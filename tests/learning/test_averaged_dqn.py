"""Averaged DQN beside what ``test_deep.py`` asks; needs the extra ``rl``."""

import numpy as np
import pytest

from bandits import Backwards, Bandit
from germane.learning import averaged_dqn

pytest.importorskip("stable_baselines3")


def learn(env=Bandit, *, seed=0, **options):
    options = {"n_steps_total": 1000, "n_envs": 4, "n_steps_before": 100, **options}
    return averaged_dqn(env, rng=np.random.default_rng(seed), **options)


def model(n_targets, **options):
    """The learner itself, on the bandit, with two replayed transitions and nothing learned."""
    from stable_baselines3.common.env_util import make_vec_env

    from germane.learning._averaged_dqn import _averaged_dqn_class

    envs = make_vec_env(Bandit, n_envs=1, seed=0)
    learner = _averaged_dqn_class()
    made = learner("MlpPolicy", envs, n_targets=n_targets, gamma=0.5, seed=0, **options)
    for s, a, r in ((0, 1, -3.0), (1, 0, 2.0)):
        seen, seen_next = np.array([[s]]), np.array([[1 - s]])
        made.replay_buffer.add(seen, seen_next, np.array([a]), np.array([r]), np.zeros(1), [{}])
    return made


def values(network, s):
    """``(A,)`` what a network of two hidden layers says of a state, by NumPy alone."""
    W = [p.detach().double().numpy() for p in network.q_net.parameters()]
    hidden = np.maximum(W[0] @ np.eye(2)[s] + W[1], 0)
    return W[4] @ np.maximum(W[2] @ hidden + W[3], 0) + W[5]


def test_the_target_is_the_maximum_of_the_mean_of_the_last_networks(monkeypatch):
    from stable_baselines3.common.logger import configure
    from stable_baselines3.dqn import dqn

    learner = model(3, target_update_interval=1)
    for _ in range(5):  # five networks that differ; three are kept
        for parameter in learner.q_net.parameters():
            parameter.data += 0.3 * parameter.data.new_tensor(
                np.random.default_rng(learner._n_calls).normal(size=parameter.shape)
            )
        learner._on_step()
    regressed, loss = [], dqn.F.smooth_l1_loss

    def spied(current, target):
        regressed.append((current.detach().numpy().ravel(), target.numpy().ravel()))
        return loss(current, target)

    monkeypatch.setattr(dqn.F, "smooth_l1_loss", spied)
    learner.set_logger(configure(None, []))
    batch = learner.replay_buffer._get_samples(np.array([0, 1]))
    monkeypatch.setattr(learner.replay_buffer, "sample", lambda *_, **__: batch)
    current = [values(learner.q_net, s)[a] for s, a in ((0, 1), (1, 0))]
    networks = list(learner.q_net_target.networks)
    assert len(networks) == 3
    means = [np.mean([values(network, s) for network in networks], axis=0) for s in (1, 0)]
    expected = [-3.0 + 0.5 * means[0].max(), 2.0 + 0.5 * means[1].max()]
    learner.train(1, 2)
    ((found_current, found_target),) = regressed
    assert found_current == pytest.approx(current, abs=1e-5)
    assert found_target == pytest.approx(expected, abs=1e-5)
    single = [-3.0 + 0.5 * values(networks[-1], 1).max(), 2.0 + 0.5 * values(networks[-1], 0).max()]
    assert found_target != pytest.approx(single, abs=1e-3)  # the mean does make a difference


def test_the_networks_kept_are_those_of_the_last_intervals():
    learner = model(2, target_update_interval=3)
    bias = learner.q_net.q_net[-1].bias
    kept = []
    for step in range(1, 10):
        bias.data.fill_(float(step))
        learner._on_step()
        kept.append([float(n.q_net[-1].bias[0].detach()) for n in learner.q_net_target.networks])
    assert kept[2][1:] == [3.0]  # beside the network at the start
    assert kept[4] == kept[2]
    assert kept[5] == [3.0, 6.0]
    assert kept[8] == [6.0, 9.0]


def test_with_one_target_it_is_dqn_bit_for_bit():
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_vec_env

    ours = learn(n_targets=1, target_interval=40, buffer_size=500, seed=3)
    seed = int(np.random.default_rng(3).integers(2**31))
    theirs = DQN(
        "MlpPolicy",
        make_vec_env(Bandit, n_envs=4, seed=seed),
        gamma=0.5,
        learning_rate=1e-3,
        buffer_size=500,
        learning_starts=100,
        batch_size=128,
        train_freq=1,
        gradient_steps=1,
        target_update_interval=40,
        exploration_fraction=0.5,
        exploration_final_eps=0.1,
        seed=seed,
        device="cpu",
    )
    theirs.learn(1000)
    q = theirs.q_net(theirs.policy.obs_to_tensor(np.array([[0], [1]]))[0])
    assert (q.detach().double().numpy() == ours.q).all()


def test_q_comes_near_the_optimal_one_and_its_greedy_policy_is_returned():
    result = learn(Backwards, n_steps_total=2000, learning_rate=3e-3, target_interval=40)
    assert result.q == pytest.approx(np.array([[1.0, 2.0], [2.0, 1.0]]), abs=0.1)
    assert (result.policy == result.q.argmax(axis=1)).all()


def test_the_same_generator_gives_the_same_table_bit_for_bit_and_another_seed_another():
    first, second, other = (learn(seed=seed, n_steps_total=300).q for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()
