"""The sampler of factored cousins: its rows are the dense ones, its draws follow them, in little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from germane.cousins import ColinkSampler, colink, colink_step, cousin
from germane.cousins._colink_sampler import _law, weighed_word
from germane.cousins._product_chain import merged
from germane.errors import InvalidParameter
from germane.mdp import FactoredMDP
from germane.networks import NETWORKS
from germane.sampling import new_stream
from strategies import factored_mdps

RNG = np.random.default_rng(8)


def network(n_levels, n_channels):
    """Three buffers that send 0 to 3 packets in all, and channels of their own: 20 actions."""
    levels = np.arange(n_levels)
    kernels = []
    for sent in range(4):
        left = np.maximum(levels - sent, 0)
        kernel = np.zeros((n_levels, n_levels))
        kernel[levels, left] += 0.7
        kernel[levels, np.minimum(left + 1, n_levels - 1)] += 0.3
        kernels.append(kernel)
    kernels.append(np.array([[0.9, 0.1], [0.4, 0.6]]))
    sent = [(i, j, k) for i in range(4) for j in range(4 - i) for k in range(4 - i - j)]
    index = [[*triple, *(4,) * n_channels] for triple in sent]
    r = np.zeros((n_levels**3 * 2**n_channels, len(sent)))
    return FactoredMDP(kernels=tuple(kernels), index=index, r=r, gamma=0.9)


@settings(max_examples=40)
@given(factored_mdps(), st.integers(1, 10))
def test_its_rows_are_those_of_the_cousin_multiplied_out(mdp, order):
    sampler, dense = ColinkSampler(mdp, order), cousin(mdp.flat(), order).transitions.toarray()
    for s in range(mdp.n_states):
        for a in range(mdp.n_actions):
            row = dense[s * mdp.n_actions + a]
            np.testing.assert_allclose(sampler.row(s, a), row, rtol=0, atol=1e-12)


@given(factored_mdps(), st.integers(1, 20))
def test_merging_components_changes_no_transition(mdp, largest):
    new = merged(mdp, largest)
    P, Q = mdp.flat().transitions, new.flat().transitions
    np.testing.assert_allclose(Q.toarray(), P.toarray(), rtol=0, atol=1e-15)
    assert max(new.sizes) <= max(largest, *mdp.sizes)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 10])
def test_its_draws_follow_the_rows_of_the_dense_cousin(order):
    mdp = network(3, 2)
    flat, sampler = mdp.flat(), ColinkSampler(mdp, order)
    rng = np.random.default_rng(order)
    for s, a in [(0, 0), (57, 13), (107, 19)]:
        P_a = flat.transitions[a :: mdp.n_actions].toarray()
        n = 100_000
        seen = np.bincount(sampler.draw(np.full(n, s), a, rng), minlength=mdp.n_states)
        expected = n * colink(P_a, order)[s]
        assert not seen[expected == 0].any()
        common = expected >= 5
        rest = [seen[~common].sum()], [expected[~common].sum()]
        if rest[1][0] < 5:  # too rare for the chi-square law: into one of the others
            rest = [], []
            seen[np.argmax(common)] += seen[~common].sum()
            expected[np.argmax(common)] += expected[~common].sum()
        test = chisquare([*seen[common], *rest[0]], [*expected[common], *rest[1]])
        assert test.pvalue > 1e-4  # 18 tests with fixed seeds


@settings(max_examples=40)
@given(factored_mdps(), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_its_draws_are_possible(mdp, order, seed):
    sampler, rng = ColinkSampler(mdp, order), np.random.default_rng(seed)
    for s in range(mdp.n_states):
        assert (sampler.row(s, 0)[sampler.draw(np.full(20, s), 0, rng)] > 0).all()


def expected_proposals(sampler):
    """``(laws, S)`` how many proposals of a word a draw would take if there were no end to them."""
    t, W = sampler.tables, sampler.n_words
    alone = np.array([_law(t.proposals[i : i + W], W) for i in range(0, len(t.kept), W)])
    kept, found = t.kept.reshape(-1, W), []
    for law in np.unique(t.row, axis=0):
        row = (law + t.value) // W
        found.append(1 / (alone[row[:, 0]] * kept[row[:, 1:]].prod(axis=1)).sum(axis=1))
    return np.array(found)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "admission-control"])
def test_in_the_networks_a_draw_takes_the_few_proposals_that_are_promised(name):
    for size in ("small", "medium", "large"):
        mdp = NETWORKS[name].of_size(size).factored()
        for order in (2, 5):
            expected = expected_proposals(ColinkSampler(mdp, order))
            assert expected.mean() < 4.35
            assert expected.max() < 15.5


def test_where_components_disagree_on_words_a_draw_still_ends_and_follows_its_row():
    # one value goes anywhere and nothing comes back; beside it one that everything comes to
    out = np.zeros((20, 20))
    out[0, 1:], out[1:, 0] = 1 / 19, 1
    sink = np.array([[0.0, 1.0], [0.0, 1.0]])
    mdp = FactoredMDP(kernels=(out, sink), index=[[0, 0, 0, 1]], r=np.zeros((16_000, 1)), gamma=0.9)
    sampler = ColinkSampler(mdp, 2)
    expected = expected_proposals(sampler)[0]
    s = int(expected.argmax())
    assert expected[s] > 1e6
    n, row = 20_000, sampler.row(s, 0)
    seen = np.bincount(sampler.draw(np.full(n, s), 0, np.random.default_rng(0)), minlength=len(row))
    assert not seen[row == 0].any()
    for x_f in mdp.components(
        np.arange(mdp.n_states)
    ).T:  # component by component: states are too many
        shares = np.bincount(x_f, row)
        possible = shares > 0
        counts = np.bincount(x_f, seen, len(shares))[possible]
        assert len(counts) == 1 or chisquare(counts, n * shares[possible]).pvalue > 1e-4


@settings(max_examples=40)
@given(factored_mdps(), st.integers(2, 5))
def test_where_all_words_are_weighed_each_has_its_share_of_the_unit_interval(mdp, order):
    # every word is one interval of u: on a grid of n midpoints it is counted to within one
    sampler, n = ColinkSampler(mdp, order), 2000
    t, W = sampler.tables, sampler.n_words
    for s in (0, mdp.n_states - 1):
        rows = t.row[0] + t.value[s]
        weight = np.prod([t.kept[i : i + W] for i in rows], axis=0)
        seen = np.bincount(
            [weighed_word(t, s, 0, (i + 0.5) / n) for i in range(n)], minlength=sampler.n_words
        )
        np.testing.assert_allclose(seen / n, weight / weight.sum(), rtol=0, atol=1.01 / n)
        assert not seen[weight == 0].any()


def test_the_tables_of_a_network_of_40_000_pairs_take_less_than_a_megabyte():
    for order in range(1, 6):
        t = ColinkSampler(network(5, 4), order).tables
        arrays = (t.size, t.value, t.row, *t.kernels, t.proposals, t.kept)
        assert sum(array.nbytes for array in arrays) < 1e6


def test_a_step_in_compiled_code_is_a_draw():
    sampler = ColinkSampler(network(3, 1), 4)
    s, a = RNG.integers(54, size=50), RNG.integers(20, size=50)
    stream = new_stream(np.random.default_rng(3))
    steps = [colink_step(sampler.tables, *pair, stream) for pair in zip(s, a)]
    assert sampler.draw(s, a, np.random.default_rng(3)).tolist() == steps


def test_the_same_generator_gives_the_same_draws_of_the_shape_asked_for():
    sampler = ColinkSampler(network(3, 1), 4)
    s, a = RNG.integers(54, size=(4, 1)), RNG.integers(20, size=5)
    first, second = (sampler.draw(s, a, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (4, 5)
    assert (first == second).all()
    assert sampler.draw([0], 0, RNG).shape == (1,)


@pytest.mark.parametrize("order", [0, 11])
def test_orders_out_of_range_are_refused(order):
    with pytest.raises(InvalidParameter, match=rf"order must lie in 1\.\.10; got {order}"):
        ColinkSampler(network(2, 1), order)


@pytest.mark.parametrize(
    ("s", "a", "message"),
    [
        (16, 0, r"state must lie in 0\.\.15"),
        (0, -1, r"0\.\.19; got -1"),
        (0.5, 0, "state must be whole numbers; got 0.5"),
    ],
)
def test_what_is_no_pair_is_refused(s, a, message):
    sampler = ColinkSampler(network(2, 1), 2)
    with pytest.raises(InvalidParameter, match=message):
        sampler.draw(s, a, RNG)
    with pytest.raises(InvalidParameter, match=message):
        sampler.row(s, a)


MEASURED = """
import re
import numpy as np
from cousins.test_colink_sampler import network
from germane.cousins import ColinkSampler

mdp = network(5, 4)
assert mdp.n_states * mdp.n_actions == 40_000
rng = np.random.default_rng(1)
s, a = rng.integers(mdp.n_states, size=100_000), rng.integers(mdp.n_actions, size=100_000)
for order in (2, 3, 4, 5):
    assert len(np.unique(ColinkSampler(mdp, order).draw(s, a, rng))) > 1_000
# not ru_maxrss, which a process inherits from the one that started it
status = open("/proc/self/status").read()
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]))
"""


def test_all_cousins_of_a_network_of_40_000_pairs_are_sampled_within_a_gigabyte():
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak is read from /proc")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1e9
