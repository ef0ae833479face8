"""Groups of states that share their action values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from germane.cousins import aggregate_states
from germane.errors import InvalidParameter


@st.composite
def networks(draw):
    """``r``, buffer levels and channel states of a few states."""
    S, A = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.uniform(size=(S, A)), rng.integers(4, size=(S, 2)), rng.integers(2, size=(S, 1))


@given(networks(), st.integers(1, 6), st.sampled_from([0.0, 0.3, np.inf]))
def test_groups_are_small_alike_and_close_in_reward_to_their_first_state(network, k, delta):
    r, near, alike = network
    groups = aggregate_states(r, near, alike, k=k, delta=delta)
    assert sorted(set(groups.group)) == list(range(groups.n_groups))
    for g in range(groups.n_groups):
        members = np.flatnonzero(groups.group == g)
        assert 1 <= len(members) <= k
        assert (alike[members] == alike[members[0]]).all()
        assert (np.abs(r[members] - r[members[0]]) <= delta).all()


@given(networks(), st.integers(1, 6))
def test_no_state_outside_was_nearer_when_a_group_was_formed(network, k):
    r, near, alike = network
    group = aggregate_states(r, near, alike, k=k).group
    for g in range(group.max() + 1):
        members = np.flatnonzero(group == g)
        first = members[0]
        reach = np.abs(near[members] - near[first]).sum(axis=1).max()
        later = (group > g) & (alike == alike[first]).all(axis=1)  # groups count by first states
        distance = np.abs(near - near[first]).sum(axis=1)
        assert (distance[later] >= reach).all()
        assert len(members) == k or not later.any()


def test_a_line_of_buffer_levels_is_cut_into_neighbours():
    levels = np.arange(8)[:, None]
    groups = aggregate_states(np.zeros((8, 1)), levels, np.zeros((8, 0)), k=3)
    assert groups.group.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert groups.n_groups == 3
    assert groups.saving == pytest.approx(5 / 8)
    q = np.array([[1.0], [2.0], [3.0]])
    assert groups.expand(q).ravel().tolist() == [1, 1, 1, 2, 2, 2, 3, 3]


@given(networks())
def test_groups_of_one_aggregate_nothing(network):
    groups = aggregate_states(*network, k=1)
    assert groups.group.tolist() == list(range(len(network[0])))
    assert groups.saving == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"delta": -1.0}, "delta >= 0"),
        ({"near": np.zeros((3, 1))}, "one row for each state"),
        ({"alike": np.zeros(4)}, "one row for each state"),
    ],
)
def test_what_is_no_aggregation_is_refused(changes, message):
    given = {
        "r": np.zeros((4, 1)),
        "near": np.zeros((4, 1)),
        "alike": np.zeros((4, 1)),
        "k": 2,
        "delta": 0.0,
    }
    with pytest.raises(InvalidParameter, match=message):
        aggregate_states(**(given | changes))
