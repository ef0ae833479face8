"""ME-TRPO beside what ``test_deep.py`` asks; needs the extra ``rl``."""

import numpy as np
import pytest

from bandits import Bandit, cut_short
from germane.learning import me_trpo

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")


def ensemble(levels, n_actions=2, n_models=5, seed=0):
    from germane.learning._me_trpo import Ensemble

    torch.manual_seed(seed)
    return Ensemble(np.array(levels), n_actions, n_models, 1e-2)


def rigged(laws, rewards):
    """Models that say the same whatever they are shown: ``laws (K, V, L)``, ``rewards (K,)``."""
    laws = np.array(laws, dtype=float)
    models = ensemble((laws > 0).any(axis=0).sum(axis=-1), n_models=len(laws))
    weight, bias = models._layers[-1]
    with torch.no_grad():
        weight.zero_()
        logits = np.where((laws > 0).any(axis=0), np.log(np.maximum(laws, 1e-30)), 5.0)
        logits = logits.reshape(
            len(laws), -1
        )  # what lies beyond a variable's levels must not count
        bias[:, 0] = torch.tensor(np.column_stack([logits, rewards]))
    return models


def run_on(env, n_envs=1, seed=0):
    from germane.learning._deep import deep_run

    return deep_run("me_trpo", env, n_envs, np.random.default_rng(seed))


class Fixed:
    """An agent that takes one action always."""

    def __init__(self, action):
        self.action = action

    def predict(self, observation, *, deterministic):
        return np.full(len(observation), self.action), None


@pytest.mark.parametrize(
    ("n_better", "n_models", "enough"),
    [(4, 5, True), (3, 5, False), (7, 10, True), (6, 10, False), (1, 1, True), (0, 1, False)],
)
def test_seventy_percent_of_the_models_must_show_an_improvement(n_better, n_models, enough):
    from germane.learning._me_trpo import enough_improve

    before = np.arange(n_models, dtype=float)
    after = before.copy()  # what is equal is no improvement
    after[:n_better] += 1e-9
    assert enough_improve(before, after) is enough


def test_each_place_is_asked_of_the_model_that_the_order_says():
    models = rigged([np.eye(5)[[k]] for k in range(5)], rewards=np.arange(5.0))
    order = np.random.default_rng(1).permutation(15)
    expected = np.empty(15)
    for k in range(5):
        expected[order[3 * k : 3 * k + 3]] = k
    seen = np.zeros((15, 1), dtype=np.int64)
    seen_next, reward = models.step(seen, np.zeros(15, int), order, np.random.default_rng(2))
    assert (reward == expected).all()
    assert (seen_next[:, 0] == expected).all()


def test_imagined_observations_follow_the_models_law_and_no_impossible_one_is_drawn():
    from scipy.stats import chisquare

    law = np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]])  # the second variable has two values
    models = rigged([law], rewards=[0.0])
    n = 6000
    seen_next, _ = models.step(
        np.zeros((n, 2), int), np.zeros(n, int), np.arange(n), np.random.default_rng(3)
    )
    counts = [np.bincount(column, minlength=3) for column in seen_next.T]
    assert chisquare(counts[0], n * law[0]).pvalue > 1e-3
    assert counts[1][2] == 0
    assert chisquare(counts[1][:2], n * law[1, :2]).pvalue > 1e-3
    together = (seen_next == 0).all(axis=1).mean()
    assert together == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / n))  # independent


def test_every_imagined_step_is_taken_in_a_model_drawn_at_random():
    from scipy.stats import chisquare

    from germane.learning._me_trpo import _imagined_envs

    models = rigged([[[1.0, 1.0]]] * 4, rewards=np.arange(4.0))
    with run_on(Bandit) as run:
        dream = _imagined_envs(run, models, 2, np.random.default_rng(4))
    dream.starts = np.array([[0], [1]])
    starts = np.concatenate([dream.reset() for _ in range(50)]).ravel()
    assert np.bincount(starts).min() > 150  # of 400
    told = []
    for _ in range(1000):
        seen, reward, over, _ = dream.step(np.zeros(8, int))
        assert seen.shape == (8, 1)
        assert not over.any()
        assert np.bincount(reward.astype(int)).tolist() == [2] * 4
        told.append(reward)
    told = np.array(told, dtype=int)
    for place in told.T:  # whichever trajectory, any model, whatever the one before
        pairs = 4 * place[:-1] + place[1:]
        assert chisquare(np.bincount(pairs, minlength=16)).pvalue > 1e-4


def test_returns_in_each_model_are_discounted_sums_of_its_own_rewards():
    from germane.learning._me_trpo import returns_in_each_model

    models = rigged([[[1.0, 1.0]]] * 3, rewards=[1.0, -2.0, 0.5])
    starts = np.zeros((6, 1), int)
    found = returns_in_each_model(models, Bandit(), starts, Fixed(0), horizon=4, seed=0)
    assert found == pytest.approx(np.array([1.0, -2.0, 0.5]) * (1 + 0.5 + 0.25 + 0.125))


def test_two_policies_that_act_alike_have_the_same_returns_and_leave_torch_as_it_was():
    from stable_baselines3.common.policies import ActorCriticPolicy

    from germane.learning._me_trpo import returns_in_each_model

    models, env = ensemble([2]), Bandit()
    policies = [
        ActorCriticPolicy(env.observation_space, env.action_space, lambda _: 0.0) for _ in range(2)
    ]
    policies[1].load_state_dict(policies[0].state_dict())

    def returns(policy):
        starts = np.zeros((10, 1), int)
        return returns_in_each_model(models, env, starts, policy, horizon=5, seed=7)

    before = torch.get_rng_state()
    first = returns(policies[0])
    assert (torch.get_rng_state() == before).all()
    torch.rand(1)
    assert (returns(policies[1]) == first).all()


def test_what_happened_is_remembered_up_to_the_end_of_an_episode():
    from germane.learning._me_trpo import experience

    with run_on(cut_short, n_envs=2) as run:  # seven steps an episode
        happened, seen = experience(run, Fixed(1), run.envs.reset(), 19)
    assert run.n_steps == 20
    s = np.array([0, 1, 0, 1, 0, 1, 0, 0, 1, 0]).repeat(2)
    assert happened.seen.ravel().tolist() == s.tolist()
    assert happened.seen_next.ravel().tolist() == (1 - s).tolist()  # at the end of one, too
    assert happened.action.tolist() == [1] * 20
    assert happened.reward.tolist() == (s == 1).astype(float).tolist()
    assert seen.ravel().tolist() == [1, 1]


def test_the_models_learn_the_law_and_the_standardised_reward():
    from germane.learning._me_trpo import Transitions

    rng = np.random.default_rng(5)
    seen, action = rng.integers(2, size=(2000, 1)), rng.integers(2, size=2000)
    happens = rng.random(2000) < np.where(action == 1, 0.9, 0.2)  # whether the state swaps
    reward = 10.0 * (action == seen[:, 0]) - 3
    models = ensemble([2], n_models=2)
    known = Transitions(seen, action, reward, np.where(happens[:, None], 1 - seen, seen))
    models.fit(known, 300, rng)
    with torch.no_grad():
        x = models.inputs(np.array([[0], [0], [1], [1]]), np.array([0, 1, 0, 1]))
        law, expected = models.predict(x.expand(2, 4, -1))
    mean, deviation = models.scale
    assert (mean, deviation) == pytest.approx((reward.mean(), reward.std()))
    told = mean + deviation * expected.numpy()
    assert told == pytest.approx(np.tile([7.0, -3.0, -3.0, 7.0], (2, 1)), abs=1.0)
    in_one = law.exp().numpy()[:, :, 0, 1]
    assert in_one == pytest.approx(np.tile([0.2, 0.9, 0.8, 0.1], (2, 1)), abs=0.12)


def test_real_steps_are_counted_and_imagined_ones_are_not():
    class Counting(Bandit):
        n_taken = 0

        def step(self, action):
            Counting.n_taken += 1
            return super().step(action)

    result = me_trpo(
        Counting,
        rng=np.random.default_rng(0),
        n_steps_total=90,
        n_envs=2,
        n_steps_per_round=40,
        n_model_updates=5,
        n_imagined=4,
        imagined_horizon=5,
        max_trials=1,
    )
    assert Counting.n_taken == 90
    assert [c.n_steps for c in result.history] == [40, 80, 90]
