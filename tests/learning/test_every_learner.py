"""What all tabular learners promise: repeatable, resumable, on models and on live environments."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import (
    DiscreteEnv,
    Schedule,
    TrainingState,
    double_q_learning,
    ensemble_bootstrapped_q_learning,
    ensemble_graph,
    ensemble_link,
    esql,
    expected_sarsa_lambda,
    maxmin_q_learning,
    multi_timescale,
    q_learning,
    speedy_q_learning,
)
from germane.mdp import FiniteMDP, regret
from learning.test_q_learning import Corridor, chain
from strategies import mdps

LEARNERS = {
    "q_learning": q_learning,
    "speedy_q_learning": partial(speedy_q_learning, samples_per_round=7),
    "double_q_learning": double_q_learning,
    "maxmin_q_learning": maxmin_q_learning,
    "ensemble_bootstrapped_q_learning": ensemble_bootstrapped_q_learning,
    "expected_sarsa_lambda": expected_sarsa_lambda,
    "esql": partial(esql, orders=(1, 2, 3)),
    "multi_timescale": partial(multi_timescale, orders=(1, 2, 3)),
    "ensemble_link": partial(ensemble_link, orders=(1, 2, 3)),
    "ensemble_graph": partial(ensemble_graph, orders=(1, 2, 3)),
}
# without cousins, which are made of a model
ALONE = {
    name: partial(learner, orders=(1,)) if "orders" in getattr(learner, "keywords", {}) else learner
    for name, learner in LEARNERS.items()
}
every_learner = pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
every_learner_alone = pytest.mark.parametrize("learner", ALONE.values(), ids=ALONE)
law = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(learner, mdp, *, seed=0, **options):
    return learner(mdp, rng=np.random.default_rng(seed), **({"n_steps": 800} | options))


@every_learner
@law
@given(mdps(), seeds)
def test_the_same_generator_gives_the_same_table_bit_for_bit(learner, mdp, seed):
    first, second = learn(learner, mdp, seed=seed), learn(learner, mdp, seed=seed)
    assert first.q.tobytes() == second.q.tobytes()
    assert repr([c._replace(seconds=0) for c in first.history]) == repr(
        [c._replace(seconds=0) for c in second.history]
    )


@every_learner
@law
@given(mdps(), st.integers(1, 40))
def test_how_often_history_is_written_changes_nothing_that_is_learned(learner, mdp, checkpoints):
    assert (learn(learner, mdp, checkpoints=checkpoints).q == learn(learner, mdp).q).all()


@every_learner
@law
@given(mdps(), st.integers(1, 19))
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(learner, mdp, stopped_after):
    stop = 40 * stopped_after  # whole iterations, for those learners that have them
    state, whole = TrainingState(), learn(learner, mdp, checkpoints=[stop])
    learn(learner, mdp, n_steps=stop, checkpoints=1, state=state)
    resumed = learn(learner, mdp, seed=1, checkpoints=[stop], state=state)
    assert (resumed.q == whole.q).all()
    assert [c.mean_reward for c in resumed.history] == [c.mean_reward for c in whole.history]


@every_learner_alone
def test_it_finds_the_way_along_a_chain(learner):
    mdp = chain(5)
    result = learn(learner, mdp, n_steps=100_000, epsilon=Schedule(1.0, rate=1e-3, floor=0.1))
    assert (regret(mdp, result.policy) <= 1e-9).all()
    assert result.policy.tolist() == [0] * 5
    assert result.history[-1].mean_reward > result.history[0].mean_reward


class Coin(Corridor):
    """A live environment of one state and one action: it earns 1 and ends."""

    observation_space, action_space = Corridor.Numbers(1), Corridor.Numbers(1)

    def step(self, action):
        return 0, 1.0, True, False, {}


@every_learner_alone
def test_nothing_is_earned_after_the_end_of_an_episode(learner):
    # a learner that went on would find 1 / (1 - gamma) = 2
    result = learn(learner, DiscreteEnv(Coin(), gamma=0.5), n_steps=4000, checkpoints=1)
    assert result.q == pytest.approx(np.ones((1, 1)), abs=1e-3)
    assert result.history[-1].mean_reward == 1


@every_learner_alone
def test_it_learns_in_a_live_environment(learner):
    # 0 -> 1 -> 2, where it ends with reward 1
    options = {"n_steps": 8000, "epsilon": Schedule(1.0, rate=1e-2)}
    result = learn(learner, DiscreteEnv(Corridor(), gamma=0.5), **options)
    assert result.policy[:2].tolist() == [0, 0]
    assert 0.5 < result.q.max() < 1.05
    assert (result.q[2] == 0).all()


@every_learner
def test_rewards_that_are_all_one_make_a_table_that_is_constant(learner):
    # q* = 1 / (1 - gamma) whatever is done; every target of every learner is a mean of such values
    rng = np.random.default_rng(0)
    mdp = FiniteMDP(rng.dirichlet(np.ones(3), size=(3, 2)), np.ones((3, 2)), 0.5)
    q = learn(learner, mdp, n_steps=60_000).q
    assert q == pytest.approx(np.full((3, 2), 2.0), abs=0.02)


@every_learner
def test_an_option_out_of_its_range_is_refused_by_name(learner):
    with pytest.raises(InvalidParameter, match="n_steps must be at least 1; got 0"):
        learn(learner, chain(2), n_steps=0)
