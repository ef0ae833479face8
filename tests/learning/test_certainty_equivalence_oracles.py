"""Learners that count and plan, against dictionaries, refits and enumerations."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.learning import (
    TrainingState,
    certainty_equivalence,
    pooled_certainty_equivalence,
    structural_certainty_equivalence,
)
from germane.learning._environment import start, step, tables
from germane.learning._pooled_certainty_equivalence import (
    MASSES,
    RIDGE,
    STATE_MASS,
    PooledModel,
    described,
    left_out_error,
)
from germane.learning._samples import Samples
from germane.mdp import FiniteMDP, bellman_q, greedy_actions, solve
from germane.networks import MimoInterference
from germane.sampling import new_stream
from learning.plain import epsilon_greedy
from strategies import factored_mdps, mdps

law = settings(max_examples=20, deadline=None)


def plain_certainty_equivalence(mdp, *, rng, n_steps, epsilon=0.3, trajectory=40):
    """Counts in dictionaries, planned on by ``solve`` whenever the samples have doubled."""
    env, stream = tables(mdp), new_stream(rng)
    counts, greedy, doubled = {}, np.zeros(mdp.n_states, dtype=int), trajectory
    for t in range(n_steps):
        if t == doubled:
            greedy, doubled = greedy_actions(plan(mdp, counts)).argmax(axis=1), 2 * doubled
        if t % trajectory == 0:
            s = start(env, stream)
        a = epsilon_greedy(np.eye(mdp.n_actions)[greedy[s]], epsilon, stream)
        _, s_next, _, _ = step(env, s, a, stream)
        counts.setdefault((int(s), int(a)), Counter())[int(s_next)] += 1
        s = s_next
    return plan(mdp, counts)


def plan(mdp, counts):
    """Optimal action values where rows are frequencies, and an untried pair stays and earns the worst."""
    worst = min(mdp.r[pair] for pair in counts)
    P, r = np.zeros((mdp.n_states, mdp.n_actions, mdp.n_states)), np.full(mdp.r.shape, worst)
    for s, a in product(range(mdp.n_states), range(mdp.n_actions)):
        if (s, a) not in counts:
            P[s, a, s] = 1
            continue
        r[s, a] = mdp.r[s, a]
        for s_next, n in counts[s, a].items():
            P[s, a, s_next] = n / counts[s, a].total()
    model = FiniteMDP(P, r, mdp.gamma)
    return bellman_q(model, solve(model, tol=1e-11).v)


@law
@given(st.one_of(mdps(), factored_mdps()), st.integers(1, 300), st.sampled_from([0.3, 1.0]))
def test_certainty_equivalence_is_what_dictionaries_and_a_planner_make_of_the_same_samples(
    mdp, n_steps, epsilon
):
    options = {"n_steps": n_steps, "epsilon": epsilon}
    q = certainty_equivalence(mdp, rng=np.random.default_rng(1), **options).q
    by_hand = plain_certainty_equivalence(mdp, rng=np.random.default_rng(1), **options)
    scale = max(1.0, np.abs(mdp.r).max() / (1 - mdp.gamma))
    assert np.abs(q - by_hand).max() <= 1e-9 * scale


def samples_of(mdp, s, a, s_next):
    S, A = mdp.r.shape
    counts = sp.csr_array((np.ones(len(s)), (s * A + a, s_next)), shape=(S * A, S))
    n_visits = counts.sum(axis=1).astype(int).reshape(S, A)
    return Samples(counts, n_visits, mdp.r, n_visits > 0, mdp.gamma)


def some_samples(mdp, n, seed):
    """Pairs and next states at random: some pairs often, some never."""
    rng = np.random.default_rng(seed)
    s, a = rng.integers(mdp.n_states, size=n), rng.integers(mdp.n_actions, size=n)
    return samples_of(mdp, s, a, mdp.draw(s, a, rng))


@pytest.mark.parametrize("n", [40, 3000])
def test_the_pool_is_what_regressions_without_the_state_and_other_actions_in_it_say(n):
    mdp = MimoInterference.tiny().factored()
    samples = some_samples(mdp, n, seed=3)
    visits, x = samples.n_visits, described(samples)
    own = (samples.frequencies @ np.random.default_rng(0).normal(size=mdp.n_states)).reshape(
        visits.shape
    )
    penalty = np.diag([0.0] + [1.0] * (x.shape[1] - 1))

    def elsewhere(s, a):
        w = visits[:, a] / (visits[:, a] + 1)
        ridge = RIDGE * w.sum()  # of all states, so that it is the same whichever is left out
        w = np.where(np.arange(mdp.n_states) == s, 0, w)
        beta = np.linalg.solve((x.T * w) @ x + ridge * penalty, x.T @ (w * own[:, a]))
        return x[s] @ beta

    pool = PooledModel(samples).pool(own)
    for s, a in product(range(mdp.n_states), range(mdp.n_actions)):
        others = [b for b in range(mdp.n_actions) if b != a]
        missed = sum(visits[s, b] * (own[s, b] - elsewhere(s, b)) for b in others if visits[s, b])
        expected = elsewhere(s, a) + missed / (visits[s, others].sum() + STATE_MASS)
        assert pool[s, a] == pytest.approx(expected, abs=1e-6)


@law
@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=9), st.floats(-5, 5), st.sampled_from(MASSES)
)
def test_the_error_of_samples_left_out_is_what_leaving_them_out_gives(values, m, kappa):
    v, n = np.array(values), len(values)
    by_hand = [
        (v[i] - (np.delete(v, i).sum() + kappa * m) / (n - 1 + kappa)) ** 2 for i in range(n)
    ]
    error = left_out_error(np.array(n), v.var(), (v.mean() - m) ** 2, kappa)
    assert error == pytest.approx(np.mean(by_hand), rel=1e-9, abs=1e-9)


def outcomes(p, n):
    """All sequences of ``n`` samples of a distribution, with their probabilities."""
    for drawn in product(range(len(p)), repeat=n):
        yield np.array(drawn), np.prod(p[list(drawn)])


@pytest.mark.parametrize("kappa", [0.5, 3.0])
def test_bias_and_variance_of_a_shrunk_row_are_as_stated(kappa):
    p, v, m, n = np.array([0.5, 0.3, 0.2]), np.array([1.0, -2.0, 4.0]), 1.7, 4
    mean, variance = p @ v, p @ v**2 - (p @ v) ** 2
    squared = sum(
        chance * ((v[drawn].sum() + kappa * m) / (n + kappa) - mean) ** 2
        for drawn, chance in outcomes(p, n)
    )
    stated = (n * variance + kappa**2 * (m - mean) ** 2) / (n + kappa) ** 2
    assert squared == pytest.approx(stated, rel=1e-12)
    pays = (m - mean) ** 2 < variance * (2 / kappa + 1 / n)
    assert (stated < variance / n) == pays


def test_leaving_out_estimates_the_error_with_one_sample_fewer_without_bias():
    p, v, m, n, kappa = np.array([0.6, 0.3, 0.1]), np.array([1.0, -2.0, 4.0]), 0.3, 4, 2.0
    mean, variance = p @ v, p @ v**2 - (p @ v) ** 2
    expected = sum(
        chance * left_out_error(np.array(n), v[drawn].var(), (v[drawn].mean() - m) ** 2, kappa)
        for drawn, chance in outcomes(p, n)
    )
    fewer = n - 1
    stated = (fewer * variance + kappa**2 * (m - mean) ** 2) / (fewer + kappa) ** 2
    assert expected == pytest.approx(variance + stated, rel=1e-12)


def test_an_unvisited_pair_is_never_chosen_where_another_was_tried():
    mdp = MimoInterference.tiny().factored()
    for learner in (
        certainty_equivalence,
        structural_certainty_equivalence,
        pooled_certainty_equivalence,
    ):
        state = TrainingState()
        found = learner(mdp, n_steps=40, epsilon=1.0, state=state, rng=np.random.default_rng(2))
        tried = state.arrays["n_visits"] > 0
        assert not tried.all()
        chosen = tried[np.arange(mdp.n_states), found.policy]
        assert chosen[tried.any(axis=1)].all()
        worst = mdp.r[tried].min() / (1 - mdp.gamma)
        assert found.q[~tried.any(axis=1)] == pytest.approx(worst)
