"""Policy sampling and reconstruction: which states are kept, what the others take, and what is learned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import TrainingState, certainty_equivalence, psr
from germane.learning._psr import kept_states, reconstructed
from germane.mdp import FiniteMDP, bellman_q, policy_error, solve
from strategies import factored_mdps, mdps

law = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def learn(mdp, *, seed=0, **options):
    return psr(mdp, rng=np.random.default_rng(seed), **({"n_steps": 800} | options))


def test_half_of_the_states_kept_are_the_closest_decisions():
    # gaps 5, 4, 3, 2, 1, 0, 1, 2, 3, 4: states 5 and 4 are closest; three of the other eight, evenly
    q = np.stack([np.zeros(10), np.abs(np.arange(10) - 5)], axis=1)
    assert kept_states(q, 5).tolist() == [1, 4, 5, 6, 8]
    assert kept_states(q, 10).tolist() == list(range(10))
    assert kept_states(q, 1).tolist() == [5]
    assert len(kept_states(q[:, :1], 3)) == 3  # one action


@law
@given(factored_mdps(), seeds, st.data())
def test_the_others_take_the_row_of_the_nearest(mdp, seed, data):
    q = np.random.default_rng(seed).normal(size=mdp.r.shape)
    n = data.draw(st.integers(1, mdp.n_states))
    x, kept = mdp.components(np.arange(mdp.n_states)), kept_states(q, n)
    assert len(set(kept)) == n
    found = reconstructed(q, x, n)
    for s in range(mdp.n_states):
        distance = np.abs(x[kept] - x[s]).sum(axis=1)
        nearest = kept[distance == distance.min()]
        assert any((found[s] == q[t]).all() for t in nearest)
    assert (found[kept] == q[kept]).all()


@law
@given(mdps(), seeds)
def test_with_all_states_it_is_certainty_equivalence(mdp, seed):
    planned = certainty_equivalence(mdp, n_steps=800, rng=np.random.default_rng(seed))
    assert (learn(mdp, seed=seed, share=1).q == planned.q).all()


def test_a_threshold_is_found_from_a_quarter_of_the_states():
    # staying in s earns s / 19 by action 0 and 1/2 by action 1: the threshold lies between 9 and 10
    stay = np.eye(20)[:, None, :].repeat(2, axis=1)
    r = np.stack([np.arange(20) / 19, np.full(20, 0.5)], axis=1)
    mdp = FiniteMDP(stay, r, 0.5)
    found = learn(mdp, share=0.25, n_steps=2000, trajectory=4)
    assert found.policy.tolist() == [1] * 10 + [0] * 10
    assert policy_error(bellman_q(mdp, solve(mdp).v), found.policy) == 0
    assert len(np.unique(found.q, axis=0)) == 5


@law
@given(mdps(), st.integers(1, 19))
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(mdp, stopped_after):
    options = {"checkpoints": [40 * stopped_after]}
    state, whole = TrainingState(), learn(mdp, **options)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(mdp, state=state, progress=stop, **options)
    resumed = learn(mdp, seed=1, state=state, **options)
    # planning begins with other values, and ends within rounding of the same ones
    scale = np.abs(mdp.r).max() / (1 - mdp.gamma)
    np.testing.assert_allclose(resumed.q, whole.q, rtol=0, atol=1e-9 * scale)
    assert [c.mean_reward for c in resumed.history] == [c.mean_reward for c in whole.history]


@law
@given(factored_mdps(), seeds)
def test_the_same_generator_gives_the_same_table_bit_for_bit(mdp, seed):
    assert learn(mdp, seed=seed).q.tobytes() == learn(mdp, seed=seed).q.tobytes()


def test_a_share_out_of_its_range_is_refused():
    mdp = FiniteMDP([[[1.0]]], [[1.0]], 0.5)
    for share in (0, 1.5):
        with pytest.raises(InvalidParameter, match=rf"share must lie in \(0, 1\]; got {share}"):
            learn(mdp, share=share)
