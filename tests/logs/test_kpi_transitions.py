"""Transitions in the order of time are those that are counted."""

import numpy as np
import pytest

import germane
from germane.errors import MalformedFile
from germane.logs import parse_codebook

BOOK = parse_codebook("""
[[column]]
name = "time"
role = "time"
unit = "s"
period = 1
jitter = 0

[[column]]
name = "run"
role = "episode"

[[column]]
name = "load"
role = "state"
edges = [0, 1, 2, 3]

[[column]]
name = "power"
role = "action"
categories = [0, 1]

[[column]]
name = "rate"
role = "reward"
belongs_to = "end"
""")


@pytest.fixture
def log(tmp_path):
    """Two runs of 300 s, the second of which begins earlier; rows are shuffled, some are missing."""
    rng = np.random.default_rng(3)
    rows = [
        f"{start + t},{run},{rng.integers(3)},{rng.integers(2)},{start + t}"
        for run, start in (("a", 1000), ("b", 500))
        for t in range(300)
        if rng.random() < 0.9
    ]
    rng.shuffle(rows)
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["time,run,load,power,rate", *rows]))
    return path


@pytest.mark.parametrize("how", [{}, {"part": (1, 2)}, {"only": {"power": (1,)}}])
def test_what_comes_in_order_is_what_is_counted(log, how):
    found = germane.kpi_transitions(log, BOOK, **how)
    again = germane.estimate(found, gamma=0.9, n_states=3, n_actions=2)
    counted = germane.estimate(log, codebook=BOOK, gamma=0.9, **how)
    assert (again.counts != counted.counts).nnz == 0
    # the rewards are whole numbers, so that their sums are exact in any order
    assert np.array_equal(again.reward_sum, counted.reward_sum)


def test_they_come_in_the_order_of_time_whatever_the_order_of_the_rows(log):
    found = germane.kpi_transitions(log, BOOK)
    assert (np.diff(found.reward) > 0).all()  # a reward is the time at which its step ends
    assert np.array_equal(found.episode, np.where(found.reward < 1000, 1, 0))


def test_a_log_of_which_nothing_is_left_is_refused_as_by_estimate(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time,run,load,power,rate\n0,a,0,0,1\n5,a,0,0,1\n")
    with pytest.raises(MalformedFile, match="1 gap, 1 last of its episode"):
        germane.kpi_transitions(path, BOOK)
