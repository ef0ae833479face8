"""ESQL: the mixture that is never formed, against Algorithm 1 line by line; its members, its options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.cousins import colink, limit_policy_error, power
from germane.errors import InvalidParameter
from germane.learning import DiscreteEnv, Schedule, TrainingState, esql, q_learning
from germane.learning._esql import environments
from germane.mdp import FiniteMDP, bellman_q, solve
from learning.plain import plain_esql
from learning.test_q_learning import Corridor
from strategies import factored_mdps, mdps

law = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    return esql(mdp, rng=np.random.default_rng(seed), **({"n_steps": 800} | options))


@law
@given(factored_mdps() | mdps(), seeds, st.floats(0, 0.99))
def test_the_mixture_is_that_of_algorithm_1(mdp, seed, u):
    orders = (1, 2, 3)
    envs = environments(mdp, mdp, orders, colink)
    mixtures, weights, tables = plain_esql(
        envs, mdp.r.shape, mdp.gamma, rng=np.random.default_rng(seed), n_steps=800, u=u
    )
    found = learn(mdp, seed=seed, orders=orders, update_ratio=u, checkpoints=20)
    assert (found.members == tables[-1]).all()
    # the two sums round differently: 20 iterations, tables of size |r| / (1 - gamma)
    scale = np.abs(mdp.r).max() / (1 - mdp.gamma)
    np.testing.assert_allclose(found.q, mixtures[-1], rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose([c.weights for c in found.history], weights, rtol=1e-13)
    changes = np.abs(np.diff(mixtures, axis=0)).max(axis=(1, 2))
    if u > 0.01:  # the change is told by y - Q^it, whose rounding is divided by u
        np.testing.assert_allclose(
            [c.change for c in found.history[1:]], changes, rtol=0, atol=1e-11 * scale
        )


@pytest.mark.parametrize("u", [0, 5e-324, 2.3e-313, 1e-12])
def test_a_change_that_is_lost_in_rounding_is_not_told(u):
    mdp = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    assert np.isnan([c.change for c in learn(mdp, orders=(1, 2), update_ratio=u).history]).all()


@law
@given(factored_mdps(), seeds)
def test_an_ensemble_of_one_is_q_learning_bit_for_bit(mdp, seed):
    alone = q_learning(mdp, n_steps=800, rng=np.random.default_rng(seed))
    assert (learn(mdp, seed=seed, orders=(1,)).members[0] == alone.q).all()
    assert (learn(mdp, seed=seed, orders=(1,), update_ratio=0).q == alone.q).all()


@law
@given(mdps(), seeds, st.integers(1, 100))
def test_how_many_samples_make_an_iteration_changes_no_member(mdp, seed, n):
    # 800 samples are rounded up to whole iterations; both see the same first 800
    found = learn(mdp, seed=seed, orders=(1,), samples_per_iteration=n, n_steps=n)
    assert (found.members == learn(mdp, seed=seed, orders=(1,), n_steps=n, trajectory=40,
                                   samples_per_iteration=1).members).all()  # fmt: skip


@law
@given(factored_mdps(), seeds)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(mdp, seed):
    state, whole = TrainingState(), learn(mdp, seed=seed, checkpoints=[400])
    learn(mdp, seed=seed, n_steps=400, checkpoints=1, state=state)
    resumed = learn(mdp, checkpoints=[400], state=state)
    assert (resumed.q == whole.q).all()
    assert resumed.history[-1].weights == whole.history[-1].weights


def test_thousands_of_iterations_leave_no_trace_of_the_first_ones_but_in_the_tables():
    # u^t goes below the smallest double after 1100 iterations; the factored-out product must not
    mdp = FiniteMDP([[[0.0, 1.0]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    found = learn(mdp, orders=(1, 2), n_steps=400_000, checkpoints=1)
    assert np.isfinite(found.q).all()
    # both learners' tables have settled: the mixture is their mean, as they always agree
    np.testing.assert_allclose(found.q, found.members.mean(axis=0), atol=1e-3)


@law
@given(factored_mdps(), seeds, st.floats(0.1, 1000))
def test_fading_cousins_count_for_kappa_visits_of_a_state(mdp, seed, kappa):
    state = TrainingState()
    faded = learn(mdp, seed=seed, fading=kappa, state=state)
    mixture = learn(mdp, seed=seed).q
    for s in range(mdp.n_states):
        m = state.arrays["n_visits"][0, s].min()
        expected = (m * faded.members[0, s] + kappa * mixture[s]) / (m + kappa)
        np.testing.assert_allclose(faded.q[s], expected, rtol=1e-13, atol=1e-300)
    # the bound of the theorem, at any time
    q_star = bellman_q(mdp.flat(), solve(mdp.flat(), tol=1e-12).v)
    m = state.arrays["n_visits"][0].min()
    reach = (np.maximum(mdp.r, 0).max() + np.maximum(-mdp.r, 0).max()) / (1 - mdp.gamma)
    bound = np.abs(faded.members[0] - q_star).max() + kappa / (kappa + m) * reach
    assert np.abs(faded.q - q_star).max() <= bound + 1e-9


def test_fading_cousins_leave_no_floor():
    # in state 1 one can stay and go on earning 3, or leave for good; cousins take leaving for as easily
    # undone, so that an ensemble with them is wrong there however long it learns
    mdp = FiniteMDP([[[1, 0], [1, 0]], [[0, 1], [1, 0]]], [[1, 0], [3, 3]], 0.9)
    q_star = bellman_q(mdp, solve(mdp, tol=1e-12).v)
    orders = (1, 2, 3)
    assert limit_policy_error(mdp, orders) == 0.5
    options = {"orders": orders, "n_steps": 200_000, "q_star": q_star, "checkpoints": 10}
    assert learn(mdp, **options).history[-1].policy_error == 0.5
    assert learn(mdp, fading=50, **options).history[-1].policy_error == 0


def test_other_chains_and_models_make_other_cousins():
    P = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    mdp, other = FiniteMDP(P, [[1.0], [0.0]], 0.5), FiniteMDP(P[::-1], [[1.0], [0.0]], 0.5)
    first = learn(mdp)
    assert (learn(mdp, model=mdp).q == first.q).all()
    for changed in (learn(mdp, chain=power), learn(mdp, model=other)):
        assert (changed.q != first.q).any()
        assert (changed.members[0] == first.members[0]).all()


def test_a_live_environment_learns_beside_cousins_of_a_model():
    P = np.zeros((3, 2, 3))
    P[[0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], [1, 2, 2, 0, 1, 2]] = 1
    model = FiniteMDP(P, [[0, 0], [1, 0], [0, 0]], 0.5)
    live = DiscreteEnv(Corridor(), gamma=0.5)
    found = learn(live, model=model, orders=(1, 2), n_steps=4000)
    assert found.members[0] == pytest.approx(np.array([[0.5, 0.25], [1, 0.5], [0, 0]]), abs=0.05)
    with pytest.raises(InvalidParameter, match="cousins are made of a model"):
        learn(live, orders=(1, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"orders": (2, 1)}, r"orders must be different, 1 first; got \(2, 1\)"),
        ({"orders": (1, 2, 2)}, "orders must be different"),
        ({"orders": ()}, "orders must be different"),
        ({"update_ratio": 1.5}, r"update_ratio must stay within \[0, 1\]; got 1.5"),
        ({"update_ratio": Schedule(-1.0)}, "update_ratio must stay within"),
        ({"fading": 0.0}, "fading must be positive and finite; got 0.0"),
        ({"samples_per_iteration": 0}, "samples_per_iteration must be at least 1; got 0"),
        ({"model": FiniteMDP([[[1.0]]], [[0.0]], 0.5)}, "model must have 2 states and 1 actions"),
        ({"epsilon": -1.0}, "epsilon must stay within"),
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(options, message):
    mdp = FiniteMDP([[[0.0, 1.0]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.5)
    with pytest.raises(InvalidParameter, match=message):
        learn(mdp, **options)
