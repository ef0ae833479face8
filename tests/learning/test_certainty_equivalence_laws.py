"""What learners that count and plan promise."""

import gymnasium
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import IncompatibleModels, InvalidParameter
from germane.learning import (
    DiscreteEnv,
    TrainingState,
    certainty_equivalence,
    pooled_certainty_equivalence,
    structural_certainty_equivalence,
)
from germane.learning._certainty_equivalence import plan_on_counts
from germane.learning._pooled_certainty_equivalence import MASSES, PooledModel
from germane.learning._samples import Samples
from germane.mdp import FactoredMDP, FiniteMDP, bellman_q, evaluate, policy_error, solve
from germane.networks import MimoMobile, MisoInterference
from strategies import factored_mdps, mdps

law = settings(max_examples=20, deadline=None)
LEARNERS = (
    certainty_equivalence,
    structural_certainty_equivalence,
    pooled_certainty_equivalence,
)


def learned(learner, mdp, n_per_pair, seed, **options):
    """What it learns with that many samples of every pair."""
    n_steps = n_per_pair * mdp.r.size
    rng = np.random.default_rng(seed)
    return learner(mdp, n_steps=n_steps, checkpoints=1, generative=True, rng=rng, **options)


def optimum(mdp):
    flat = mdp.flat()
    return bellman_q(flat, solve(flat, tol=1e-10).v)


@law
@given(st.one_of(mdps(), factored_mdps()), st.integers(1, 200), st.booleans())
def test_with_mass_zero_pooled_is_plain_certainty_equivalence(mdp, n_steps, generative):
    options = {"n_steps": n_steps, "generative": generative, "epsilon": 1.0}
    plain = certainty_equivalence(mdp, rng=np.random.default_rng(0), **options)
    pooled = pooled_certainty_equivalence(mdp, mass=0, rng=np.random.default_rng(0), **options)
    scale = max(1.0, np.abs(mdp.r).max() / (1 - mdp.gamma))
    assert np.abs(pooled.q - plain.q).max() <= 1e-9 * scale


@law
@given(st.integers(0, 2**32), st.sampled_from([0.5, 0.9, 0.99]))
def test_samples_that_are_the_law_itself_give_the_optimum(seed, gamma):
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(8, np.full(5, 0.2), size=10)  # eighths: exact as frequencies
    mdp = FiniteMDP(sp.csr_array(counts / 8), rng.normal(size=(5, 2)), gamma)
    n_visits = np.full((5, 2), 8)
    samples = Samples(sp.csr_array(counts.astype(float)), n_visits, mdp.r, n_visits > 0, gamma)
    q_star = bellman_q(mdp, solve(mdp, tol=1e-11).v)
    scale = np.abs(mdp.r).max() / (1 - gamma)
    assert np.abs(plan_on_counts(samples, np.zeros(5)) - q_star).max() <= 1e-10 * scale


def test_each_pair_is_tried_as_often_as_every_other_where_samples_are_free_to_choose():
    mdp, state = MisoInterference.tiny().factored(), TrainingState()
    certainty_equivalence(
        mdp, n_steps=3 * 64 + 5, generative=True, state=state, rng=np.random.default_rng(0)
    )
    expected = np.full(64, 3) + (np.arange(64) < 5)
    assert np.array_equal(state.arrays["n_visits"].ravel(), expected)


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_same_generator_gives_the_same_table(learner):
    mdp = MisoInterference.tiny().factored()
    first, second = (learner(mdp, n_steps=500, rng=np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first.q, second.q)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(learner):
    mdp = MisoInterference.tiny().factored()
    options = {"n_steps": 900, "checkpoints": [100, 410], "q_star": optimum(mdp)}
    whole = learner(mdp, rng=np.random.default_rng(4), **options)
    state = TrainingState()

    def stop(checkpoint):
        if checkpoint.n_steps == 410:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learner(mdp, rng=np.random.default_rng(4), state=state, progress=stop, **options)
    rest = learner(mdp, rng=np.random.default_rng(5), state=state, **options)
    assert np.abs(rest.q - whole.q).max() <= 1e-9 * np.abs(whole.q).max()
    assert [c.n_steps for c in rest.history] == [100, 410, 900]


def model_and_own(seed):
    """A pooled model of a few samples, and the means of random values."""
    mdp = MisoInterference.tiny().factored()
    rng = np.random.default_rng(seed)
    pairs = rng.integers(mdp.r.size, size=100)
    s_next = mdp.draw(*np.divmod(pairs, mdp.n_actions), rng)
    counts = sp.csr_array((np.ones(100), (pairs, s_next)), shape=(mdp.r.size, mdp.n_states))
    n_visits = counts.sum(axis=1).astype(int).reshape(mdp.r.shape)
    model = PooledModel(Samples(counts, n_visits, mdp.r, n_visits > 0, mdp.gamma))
    return model, rng.normal(size=mdp.r.shape) * (n_visits > 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_row_has_no_part_in_its_own_pool(seed):
    model, own = model_and_own(seed)
    for s, a in np.argwhere(model.n > 0)[::5]:
        changed = own.copy()
        changed[s, a] += 1.0
        assert model.pool(changed)[s, a] == pytest.approx(model.pool(own)[s, a], abs=1e-9)


def test_weights_in_the_pool_sum_to_one():
    model, _ = model_and_own(0)
    assert model.pool(np.where(model.n > 0, 7.0, 0.0)) == pytest.approx(7.0, abs=1e-6)


def test_the_error_is_within_the_theorem():
    mdp = MisoInterference.tiny().factored()
    q_star, n, gamma = optimum(mdp), 20_000, mdp.gamma
    flat, v = mdp.flat(), q_star.max(axis=1)
    state = TrainingState()
    q = learned(pooled_certainty_equivalence, mdp, n, seed=0, state=state).q
    pair, s_next = np.divmod(state.arrays["transitions"], mdp.n_states)
    counts = sp.csr_array((np.ones(len(pair)), (pair, s_next)), shape=flat.transitions.shape)
    n_visits = state.arrays["n_visits"]
    model = PooledModel(Samples(counts, n_visits, mdp.r, n_visits > 0, gamma))
    B = np.array([model.pool(e.reshape(mdp.r.shape)).ravel() for e in np.eye(mdp.r.size)]).T
    norm, share = np.abs(B).sum(axis=1).max(), MASSES.max() / (n + MASSES.max())
    sampling = np.abs((model.P - flat.transitions) @ v).max()
    epsilon, beta = sampling + share * np.ptp(v), 1 + share * (norm - 1)
    assert gamma * beta < 1
    assert np.abs(q - q_star).max() <= gamma * epsilon / (1 - gamma * beta)


@pytest.mark.parametrize("learner", LEARNERS)
def test_with_many_samples_the_policy_is_optimal(learner):
    mdp = MisoInterference.tiny().factored()
    q_star = optimum(mdp)
    assert policy_error(q_star, learned(learner, mdp, 2000, seed=1).policy) == 0
    options = {"q_star": q_star, "checkpoints": [1000], "n_steps": 200_000}
    walked = learner(mdp, rng=np.random.default_rng(1), **options)
    assert walked.history[-1].policy_error == 0
    assert walked.history[-1].value_error < walked.history[0].value_error


@pytest.mark.parametrize("network", [MisoInterference, MimoMobile])
def test_at_few_samples_pooled_has_half_the_error_of_plain_and_structure_less_still(network):
    # ten seeds at two samples a pair: on both networks the ratios of the means are near a third or below
    mdp = network.small().factored()
    flat, q_star = mdp.flat(), optimum(mdp)

    def mean_errors(learner):
        policies = [learned(learner, mdp, 2, seed).policy for seed in range(10)]
        v = q_star.max(axis=1)
        return np.mean(
            [(policy_error(q_star, p), (v - evaluate(flat, p).v).mean()) for p in policies], axis=0
        )

    plain, structural, pooled = map(mean_errors, LEARNERS)
    assert (pooled < plain / 2).all()
    assert (structural < plain / 2).all()


@pytest.mark.parametrize(
    "learner", [structural_certainty_equivalence, pooled_certainty_equivalence]
)
def test_known_rewards_let_pairs_be_planned_for_that_were_never_tried(learner):
    mdp = MisoInterference.small().factored()
    q_star = optimum(mdp)
    options = {"n_steps": mdp.r.size, "epsilon": 1.0, "checkpoints": 1}

    def error(known):
        found = learner(mdp, known_rewards=known, rng=np.random.default_rng(3), **options)
        return policy_error(q_star, found.policy)

    assert error(known=True) < error(known=False) / 3


def test_a_twin_helps_as_far_as_it_is_right():
    mdp = MimoMobile.small().factored()
    q_star, flat = optimum(mdp), mdp.flat()
    uniform = np.full((mdp.n_states, mdp.n_states), 1 / mdp.n_states)
    wrong = FiniteMDP([uniform] * mdp.n_actions, mdp.r, mdp.gamma)

    def error(twin):
        found = [
            learned(pooled_certainty_equivalence, mdp, 4, seed, twin=twin).policy
            for seed in range(3)
        ]
        return np.mean([policy_error(q_star, policy) for policy in found])

    assert error(flat) < error(None) / 2
    assert error(mdp) == error(flat)
    assert error(wrong) < 1.5 * error(None)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_step_size_is_refused_by_name(learner):
    with pytest.raises(InvalidParameter, match="step_size"):
        learner(MisoInterference.tiny().factored(), step_size=0.1, rng=np.random.default_rng(0))


def test_what_is_no_model_or_no_product_is_refused():
    flat, rng = MisoInterference.tiny().mdp(), np.random.default_rng(0)
    with pytest.raises(InvalidParameter, match="FactoredMDP; got FiniteMDP"):
        structural_certainty_equivalence(flat, rng=rng)
    live = DiscreteEnv(gymnasium.make("FrozenLake-v1"), gamma=0.9)
    with pytest.raises(InvalidParameter, match="got DiscreteEnv"):
        pooled_certainty_equivalence(live, rng=rng)


@pytest.mark.parametrize("mass", [-1.0, np.inf, np.nan])
def test_a_mass_must_be_finite_and_not_negative(mass):
    mdp = MisoInterference.tiny().factored()
    with pytest.raises(InvalidParameter, match="mass"):
        pooled_certainty_equivalence(mdp, mass=mass, rng=np.random.default_rng(0))


def test_a_twin_of_another_shape_is_refused():
    mdp, other = MisoInterference.tiny().factored(), MisoInterference.small().factored()
    with pytest.raises(IncompatibleModels, match="16 states and 4 actions; got 64"):
        pooled_certainty_equivalence(mdp, twin=other, rng=np.random.default_rng(0))


def test_rewards_that_are_all_alike_describe_nothing_and_do_no_harm():
    mdp = FactoredMDP(kernels=(np.eye(3),), index=[[0], [0]], r=np.ones((3, 2)), gamma=0.5)
    q = learned(pooled_certainty_equivalence, mdp, 2, seed=0).q
    assert q == pytest.approx(2.0)
