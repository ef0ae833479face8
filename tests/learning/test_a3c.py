"""A3C beside what ``test_deep.py`` asks; needs the extra ``rl``."""

import numpy as np
import pytest

from bandits import Bandit, Twofold, cut_short
from germane.learning import a3c

torch = pytest.importorskip("torch")
policies = pytest.importorskip("stable_baselines3.common.policies")


def policy_for(env, seed=0):
    torch.manual_seed(seed)
    return policies.ActorCriticPolicy(env.observation_space, env.action_space, lambda _: 1e-3)


def test_n_step_returns_are_discounted_sums_with_the_value_at_the_end():
    from germane.learning._a3c import n_step_returns

    assert n_step_returns([1.0, 2.0, 4.0], 8.0, 0.5).tolist() == [4.0, 6.0, 8.0]
    rng = np.random.default_rng(0)
    for n in (1, 2, 7):
        r, v, gamma = rng.normal(size=n), rng.normal(), rng.random()
        t = np.arange(n)
        discount = np.where(t >= t[:, None], gamma ** np.abs(t - t[:, None]), 0.0)
        expected = discount @ r + gamma ** (n - t) * v
        assert n_step_returns(r.tolist(), v, gamma) == pytest.approx(expected, rel=1e-12)


def forward(policy, s):
    """``(A,)`` logits and the value of a state, by NumPy alone."""
    W = {name: p.detach().double().numpy() for name, p in policy.named_parameters()}

    def hidden(kind):
        h = np.eye(2)[s]
        for layer in (0, 2):
            name = f"mlp_extractor.{kind}_net.{layer}"
            h = np.tanh(W[f"{name}.weight"] @ h + W[f"{name}.bias"])
        return h

    logits = W["action_net.weight"] @ hidden("policy") + W["action_net.bias"]
    return logits, (W["value_net.weight"] @ hidden("value") + W["value_net.bias"])[0]


@pytest.mark.parametrize("env", [Bandit, Twofold])
def test_the_loss_and_the_gradient_at_the_last_layer_are_those_of_the_formula(env):
    from germane.learning._a3c import actor_critic_loss

    policy = policy_for(env)
    with torch.no_grad():
        policy.action_net.weight.mul_(100)  # at first it is nearly uniform
    seen, returns = np.array([[0], [1], [1]]), np.array([1.0, -2.0, 0.5])
    actions = np.array([1, 0, 1]) if env is Bandit else np.array([[1, 0], [0, 0], [1, 1]])
    loss = actor_critic_loss(policy, seen, actions, returns, 0.7, 0.2)
    ours = torch.autograd.grad(loss, [policy.value_net.bias, policy.action_net.bias])

    expected, value_gradient, logit_gradient = [], [], []
    for (s,), action, R in zip(seen, actions.reshape(3, -1), returns):
        logits, value = forward(policy, s)
        log_probability = entropy = 0.0
        gradient = []
        for z, a in zip(logits.reshape(-1, 2), action):
            p = np.exp(z) / np.exp(z).sum()
            H = -(p * np.log(p)).sum()
            log_probability, entropy = log_probability + np.log(p[a]), entropy + H
            gradient += list(-(np.eye(2)[a] - p) * (R - value) + 0.2 * p * (np.log(p) + H))
        expected.append(-log_probability * (R - value) + 0.7 * (R - value) ** 2 - 0.2 * entropy)
        value_gradient.append(2 * 0.7 * (value - R))  # none by way of the first term
        logit_gradient.append(gradient)
    assert loss.item() == pytest.approx(np.mean(expected), rel=1e-5)
    assert ours[0].item() == pytest.approx(np.mean(value_gradient), rel=1e-5)
    assert ours[1].numpy() == pytest.approx(np.mean(logit_gradient, axis=0), rel=1e-4, abs=1e-6)


def test_a_worker_stops_where_its_episode_is_truncated_and_looks_ahead_from_there():
    from germane.learning._a3c import Worker

    env = cut_short()  # after seven steps, in state 1
    policy = policy_for(env)
    worker = Worker(env, env.reset()[0], policy)
    taken = worker.act(20)
    assert taken.seen.ravel().tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert taken.rewards == [float(s == a) for (s,), a in zip(taken.seen, taken.actions)]
    assert taken.value_ahead == pytest.approx(forward(policy, 1)[1], rel=1e-5)
    assert worker.seen.tolist() == [0]  # a new episode
    taken = worker.act(3)
    assert taken.seen.ravel().tolist() == [0, 1, 0]
    assert taken.value_ahead == pytest.approx(forward(policy, 1)[1], rel=1e-5)


def test_workers_act_by_parameters_of_their_own_last_update_and_finish_in_random_order(monkeypatch):
    from germane.learning import _a3c, _deep

    def number(policy):
        return float(policy.value_net.bias.detach())

    order, acted_by, shared = [], [], []

    def act(worker, n_steps, act=_a3c.Worker.act):
        order.append(id(worker))
        acted_by.append(number(worker.policy))
        return act(worker, n_steps)

    def updated(run, read_out):
        shared.append(number(read_out.args[0]))

    monkeypatch.setattr(_a3c.Worker, "act", act)
    monkeypatch.setattr(_deep.DeepRun, "updated", updated)
    a3c(Bandit, rng=np.random.default_rng(0), n_steps_total=400, n_workers=3, n_steps_per_update=4)
    assert len(order) == len(set(shared)) == 100
    latest = dict.fromkeys(order, 0.0)  # a bias is zero at first
    for worker, used, now in zip(order, acted_by, shared):
        assert used == latest[worker]
        latest[worker] = now
    assert len(latest) == 3
    n_stale = sum(used != now for used, now in zip(acted_by[1:], shared))
    assert n_stale / 99 == pytest.approx(2 / 3, abs=0.2)  # the last update was another worker's


def test_the_same_generator_gives_the_same_parameters_bit_for_bit(monkeypatch):
    from germane.learning import _a3c

    found = []
    read_out = _a3c.likeliest_actions

    def spied(policy, finite):
        found.append(torch.nn.utils.parameters_to_vector(policy.parameters()).detach().numpy())
        return read_out(policy, finite)

    monkeypatch.setattr(_a3c, "likeliest_actions", spied)
    for seed in (1, 1, 2):
        a3c(Bandit, rng=np.random.default_rng(seed), n_steps_total=200, n_workers=3)
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()
