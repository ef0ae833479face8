"""The transitions of a ready log in the order of its rows are those that are counted."""

import numpy as np
import pytest

import germane
from germane.errors import InvalidParameter, MalformedFile


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def log(tmp_path):
    """Two files; some cells are empty, some rows end their episodes."""
    rng = np.random.default_rng(1)
    for name in "ab":
        rows = [
            (
                rng.integers(3),
                rng.integers(2),
                i if rng.random() < 0.9 else "",
                *((3, 1) if rng.random() < 0.1 else (rng.integers(3), 0)),
            )
            for i in range(200)
        ]
        write(tmp_path / f"{name}.csv", "state,action,reward,next_state,terminated", rows)
    return tmp_path / "*.csv"


def test_what_comes_in_order_is_what_is_counted(log):
    found = germane.ready_transitions(log)
    again, counted = (germane.estimate(x, gamma=0.9) for x in (found, log))
    assert (again.counts != counted.counts).nnz == 0
    np.testing.assert_array_equal(again.reward_sum, counted.reward_sum)
    np.testing.assert_array_equal(again.terminal, counted.terminal)


def test_rows_come_file_by_file_as_they_stand(log):
    steps = np.diff(germane.ready_transitions(log).reward)  # rewards count the rows of a file
    assert (steps < 0).sum() == 1
    assert steps.min() < -150


def test_the_next_state_is_that_of_the_next_row_where_the_log_names_none(tmp_path):
    path = write(tmp_path / "x.csv", "state,action,reward", [(i % 3, 0, i) for i in range(5)])
    found = germane.ready_transitions(path)
    assert found.state.tolist() == [0, 1, 2, 0]
    assert found.next_state.tolist() == [1, 2, 0, 1]


def test_other_names_of_columns_are_understood(tmp_path):
    path = write(tmp_path / "x.csv", "load,action,reward,next_state", [(1, 0, 2.5, 0)])
    found = germane.ready_transitions(path, columns={"state": "load"})
    assert (found.state.tolist(), found.reward.tolist()) == ([1], [2.5])


def test_what_is_wrong_in_a_log_refuses_it(tmp_path):
    path = write(tmp_path / "x.csv", "state,action,reward,next_state", [(1, 0, 2.5, 9)])
    with pytest.raises(MalformedFile, match="next_state must be a whole number from 0 to 3; got 9"):
        germane.ready_transitions(path, n_states=4)
    with pytest.raises(InvalidParameter, match="in memory"):
        germane.ready_transitions(germane.Transitions(state=[0], action=[0], reward=[0.0]))
