"""Small logs whose counts are written out by hand."""

import json

import duckdb
import gymnasium
import numpy as np
import pytest

from germane.errors import InvalidModel, InvalidParameter, InvalidPolicy, MalformedFile
from germane.logs import (
    DuckDB,
    EstimatedMDP,
    Transitions,
    estimate,
    holds_estimate,
    read_estimate,
    sample,
)
from germane.mdp import FiniteMDP, write_mdp

LOG = {
    "state": [0, 1, 0, 1],
    "action": [0, 1, 0, 0],
    "reward": [1.0, 2.0, 4.0, -1.0],
    "next_state": [1, 0, 1, 2],
    "terminated": [False, False, False, True],
}


def cells(found):
    """``{(s, a, s'): n}``."""
    at = found.counts.tocoo()
    keys = zip(*np.divmod(at.row, found.n_actions), at.col)
    return {tuple(map(int, key)): int(n) for key, n in zip(keys, at.data)}


def test_a_log_in_memory():
    found = estimate(LOG, gamma=0.5)
    assert cells(found) == {(0, 0, 1): 2, (1, 0, 2): 1, (1, 1, 0): 1}
    assert found.n_states == 3
    assert found.n_actions == 2
    assert found.mdp.r.tolist() == [[2.5, -1.0], [-1.0, 2.0], [0.0, 0.0]]  # never tried: the least
    assert found.terminal.tolist() == [False, False, True]
    assert found.unvisited.tolist() == [[0, 1]]
    assert found.reward_range == (-1.0, 4.0)
    assert not found.range_given
    assert not found.counts_fixed


def test_what_is_known_of_the_network_is_kept():
    found = estimate(
        LOG, gamma=0.5, n_states=5, n_actions=3, reward_range=(-2, 4), counts_fixed=True
    )
    assert found.n_visits.shape == (5, 3)
    assert found.reward_range == (-2.0, 4.0)
    assert found.range_given
    assert found.counts_fixed


def test_a_truncation_is_no_terminal():
    rows = {**LOG, "terminated": [False] * 4, "truncated": [False, True, False, True]}
    found = estimate(rows, gamma=0.5)
    assert cells(found) == cells(estimate(LOG, gamma=0.5))
    assert not found.terminal.any()
    assert found.unvisited.tolist() == [[0, 1], [2, 0], [2, 1]]


def test_a_next_state_may_end_one_episode_and_not_another():
    # The same transition, once with an end and once without, is one cell of two counts.
    rows = {**LOG, "state": [1, 1, 1, 1], "action": [0] * 4, "next_state": [2] * 4}
    found = estimate(rows, gamma=0.5)
    assert cells(found) == {(1, 0, 2): 4}
    assert found.reward_sum.tolist() == [6.0]
    assert found.reward_square_sum.tolist() == [22.0]
    assert found.terminal.tolist() == [False, False, True]


def test_a_state_that_ends_episodes_and_goes_on_is_refused():
    with pytest.raises(InvalidModel, match="state 1 ends episodes, but 2 transitions leave it"):
        estimate({**LOG, "terminated": [True, False, False, False]}, gamma=0.5)


def test_every_row_is_accounted_for_by_reason():
    nan = np.nan
    rows = {
        "state": [0, nan, 0, 0, 0],
        "action": [0, 0, nan, 0, 0],
        "reward": [0.0, 0.0, 0.0, nan, 0.0],
        "next_state": [0, 0, 0, 0, nan],
    }
    about = estimate(rows, gamma=0.5).provenance
    reasons = dict.fromkeys(("no state", "no action", "no reward", "no next_state"), 1)
    assert (about.n_rows, about.n_transitions, about.dropped) == (5, 1, reasons)


def test_the_last_row_of_an_episode_has_no_next_state():
    rows = {k: LOG[k] for k in ("state", "action", "reward")} | {"episode": [0, 0, 1, 1]}
    found = estimate(rows, gamma=0.5)
    assert cells(found) == {(0, 0, 1): 2}
    assert found.provenance.dropped == {"last of its episode": 2}


def test_no_step_leads_across_the_end_of_an_episode():
    # One number for all episodes, as of logs with resets in them: what follows a cut is no next state.
    rows = {k: LOG[k] for k in ("state", "action", "reward")}
    found = estimate({**rows, "truncated": [False, True, False, False]}, gamma=0.5)
    assert cells(found) == {(0, 0, 1): 2}
    assert found.provenance.dropped == {
        "ends its episode, with no next state": 1,
        "last of its episode": 1,
    }


def test_a_missing_step_is_a_gap():
    rows = {k: LOG[k] for k in ("state", "action", "reward")}
    found = estimate({**rows, "episode": [0] * 4, "t": [0, 1, 3, 4]}, gamma=0.5)
    assert cells(found) == {(0, 0, 1): 2}
    assert found.provenance.dropped == {"gap": 1, "last of its episode": 1}


def test_columns_may_have_names_of_their_own(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('"cell load";"prb";"sum rate";"then"\n0;1;2,5;1\n'.replace(",", "."))
    own = {"state": "cell load", "action": "prb", "reward": "sum rate", "next_state": "then"}
    found = estimate(path, columns=own, gamma=0.5)
    assert cells(found) == {(0, 1, 1): 1}
    assert found.provenance.columns == own


def test_episodes_with_names_are_parted_in_their_order(tmp_path):
    path = tmp_path / "log.csv"
    lines = (f"{name},0,0,{k},0" for k, name in enumerate(["c", "a", "b", "a", "d"]))
    path.write_text("\n".join(["episode,state,action,reward,next_state", *lines]))
    even, odd = (estimate(path, part=(k, 2), gamma=0.5) for k in (0, 1))
    assert (even.reward_sum.tolist(), odd.reward_sum.tolist()) == ([1 + 3 + 0], [2 + 4])
    assert not even.shares_rows(odd)
    assert even.shares_rows(even)


def test_parts_of_different_collections_of_files_may_share_rows(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("episode,state,action,reward\nx,0,0,0\nx,0,0,1\n")
    both, one = tmp_path / "*.csv", tmp_path / "a.csv"
    first = estimate(both, gamma=0.5)
    assert not estimate(tmp_path / "b.csv", gamma=0.5, part=(0, 2)).provenance.shares_rows(
        estimate({**LOG, "episode": [1, 1, 1, 1]}, part=(1, 2), gamma=0.5).provenance
    )
    assert first.shares_rows(estimate(one, part=(0, 2), gamma=0.5))


def test_restrictions_that_exclude_each_other_share_no_rows(tmp_path):
    (tmp_path / "log.csv").write_text("state,action,reward,next_state\n0,0,1,1\n0,0,2,1\n1,0,3,0\n")
    low, text, high = (
        estimate(tmp_path / "log.csv", only={"reward": x}, gamma=0.5)
        for x in ((1, 2.0), ("1",), (3, 4))
    )
    assert cells(low) == {(0, 0, 1): 2}
    assert low.provenance.dropped == {"not selected": 1}
    assert cells(text) == {(0, 0, 1): 1}
    assert not low.shares_rows(high)
    assert low.shares_rows(text)  # in a log of texts, "1" is 1


def test_an_engine_that_is_given_stays_open_and_is_named():
    with DuckDB(threads=1) as engine:
        for _ in range(2):
            assert estimate(LOG, gamma=0.5, engine=engine).provenance.engine == engine.name
        assert engine.query("SELECT 1 AS x")["x"].tolist() == [1]


def test_progress_is_told(tmp_path):
    path, told = tmp_path / "log.csv", []
    sql = "SELECT i % 9 AS state, i % 2 AS action, i AS reward, i % 7 AS next_state FROM range(2000000) t(i)"
    duckdb.sql(f"COPY ({sql}) TO '{path}'")
    estimate(path, gamma=0.5, progress=told.append)
    assert told == sorted(told)
    assert 0 <= min(told) <= max(told) <= 1


def test_an_estimate_is_read_back_bit_for_bit(tmp_path):
    found = estimate(LOG, gamma=0.5, only={"reward": (1.0, 2.0)})
    found.save(tmp_path / "a.npz")
    again = read_estimate(tmp_path / "a.npz")
    assert isinstance(again, EstimatedMDP)
    assert again.fingerprint() == found.fingerprint()
    assert again.provenance == found.provenance
    assert again.shares_rows(found)
    again.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_an_estimate_is_told_from_a_model_and_from_nonsense(tmp_path):
    estimate(LOG, gamma=0.5).save(tmp_path / "estimate.npz")
    write_mdp(FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.5), tmp_path / "model.npz")
    (tmp_path / "text.npz").write_text("no archive")
    for name, holds in (("estimate", True), ("model", False), ("text", False)):
        assert holds_estimate(tmp_path / f"{name}.npz") == holds
    for name in ("model", "text"):
        with pytest.raises(MalformedFile, match=name):
            read_estimate(tmp_path / f"{name}.npz")


def minari(folder, form, episodes):
    """A data set as Minari lays it out: ``(observations, actions, rewards, terminated)`` of episodes."""
    data = folder / "data"
    data.mkdir(parents=True)
    about = {"data_format": form, "total_episodes": len(episodes)}
    (data / "metadata.json").write_text(json.dumps(about))
    if form == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(data / "main_data.hdf5", "w") as file:
            for k, (observations, actions, rewards, terminated) in enumerate(episodes):
                n = len(actions)
                group = file.create_group(f"episode_{k}")
                group["observations"], group["actions"] = observations, actions
                group["rewards"] = rewards
                group["terminations"] = [False] * (n - 1) + [terminated]
                group["truncations"] = [False] * (n - 1) + [not terminated]
        return folder
    for k, (observations, actions, rewards, terminated) in enumerate(episodes):
        (data / str(k)).mkdir()
        (data / str(k) / "metadata.json").write_text("{}")
        n = len(actions)
        rows = zip(
            observations,
            [*actions, 0],
            [*rewards, 0.0],
            [*[False] * (n - 1), terminated, False],
            [*[False] * (n - 1), not terminated, False],
        )
        names = "observations, actions, rewards, terminations, truncations"
        sql = f"SELECT * FROM (VALUES {', '.join(map(str, rows))}) AS rows({names})"
        duckdb.sql(f"COPY ({sql}) TO '{data / str(k) / 'part-0.parquet'}'")
    return folder


EPISODES = [
    ([0, 1, 2], [0, 1], [1.0, 2.0], True),
    ([1, 0, 1, 0], [0, 1, 0], [3.0, 4.0, 5.0], False),
]


@pytest.mark.parametrize("form", ["parquet", "hdf5"])
def test_a_minari_data_set_has_one_observation_more_than_steps(tmp_path, form):
    folder = minari(tmp_path / "set", form, EPISODES)
    found = estimate(folder, gamma=0.5)
    assert cells(found) == {(0, 0, 1): 1, (1, 1, 2): 1, (1, 0, 0): 2, (0, 1, 1): 1}
    assert found.reward_sum.sum() == 15
    assert found.terminal.tolist() == [False, False, True]
    padding = {"last of its episode": 2} if form == "parquet" else {}
    assert found.provenance.dropped == padding
    second = estimate(folder / "data", gamma=0.5, part=(1, 2), n_states=3)
    assert second.reward_sum.sum() == 12


def test_a_minari_object_may_be_filtered(tmp_path):
    class Object:
        pass

    minari(tmp_path / "set", "parquet", EPISODES)
    given = Object()
    given.storage, given.episode_indices = Object(), np.array([1])
    given.storage.data_path = tmp_path / "set" / "data"
    assert estimate(given, gamma=0.5).reward_sum.sum() == 12


def test_other_storages_of_minari_are_refused(tmp_path):
    with pytest.raises(MalformedFile, match="kept as 'arrow'; parquet and hdf5 are accepted"):
        estimate(minari(tmp_path, "arrow", []), gamma=0.5)
    (tmp_path / "data" / "metadata.json").write_text("[]")
    with pytest.raises(MalformedFile, match="does not describe a Minari data set"):
        estimate(tmp_path, gamma=0.5)


class Walk:
    """Three states in a row; action 1 goes right, 0 stays; the third ends it; cut after four steps."""

    def reset(self, *, seed=None):
        if seed is not None:
            self.seed = seed
        self.state, self.t = 0, 0
        return np.int64(self.state), {}

    def step(self, action):
        self.state, self.t = self.state + int(action), self.t + 1
        return np.int64(self.state), 1.5, self.state == 2, self.t == 4, {}


def test_an_environment_is_sampled_live():
    found = sample(Walk(), np.array([1, 1]), n_steps=5, rng=np.random.default_rng(1))
    assert found.state.tolist() == [0, 1, 0, 1, 0]
    assert found.next_state.tolist() == [1, 2, 1, 2, 1]
    assert found.terminated.tolist() == [False, True, False, True, False]
    assert found.episode.tolist() == [0, 0, 1, 1, 2]
    assert found.t.tolist() == [0, 1, 0, 1, 0]
    assert cells(estimate(found, gamma=0.5)) == {(0, 1, 1): 3, (1, 1, 2): 2}


def test_whole_episodes_are_sampled():
    found = sample(Walk(), lambda s: 0, n_episodes=2, rng=np.random.default_rng(1))
    assert found.state.tolist() == [0] * 8
    assert found.truncated.tolist() == [False, False, False, True] * 2
    assert not found.terminated.any()


def test_the_same_generator_gives_the_same_sample():
    env = gymnasium.make("FrozenLake-v1")
    policy = np.full((16, 4), 0.25)
    a, b = (sample(env, policy, n_steps=200, rng=np.random.default_rng(5)) for _ in range(2))
    assert all((x == y).all() for x, y in zip(a.arrays.values(), b.arrays.values(), strict=True))
    found = estimate(a, gamma=0.9, n_states=16, n_actions=4)
    assert found.n_transitions == 200
    assert (found.n_visits[found.terminal] == 0).all()
    P = env.unwrapped.P
    for s, a, s_next in cells(found):
        assert s_next in {reached for _, reached, *_ in P[s][a]}


def test_what_cannot_be_sampled_is_refused():
    rng = np.random.default_rng(1)
    for options in ({}, {"n_steps": 1, "n_episodes": 1}, {"n_steps": 0}, {"n_episodes": 0}):
        with pytest.raises(InvalidParameter, match="n_steps or n_episodes"):
            sample(Walk(), np.array([0, 0]), rng=rng, **options)
    for policy in (np.array([1]), np.array([0.5, 0.5]), np.array([[0.5, 0.1]] * 2)):
        with pytest.raises(InvalidPolicy):
            sample(Walk(), policy, n_steps=3, rng=rng)
    env = gymnasium.make("CartPole-v1")
    with pytest.raises(InvalidModel, match="number of a state"):
        sample(env, np.array([0]), n_steps=1, rng=rng)


def test_arrays_must_fit_each_other():
    for arrays, said in (
        ({**LOG, "action": [0, 1]}, "action must be an array of 4 numbers"),
        ({**LOG, "reward": ["a"] * 4}, "reward must be an array of 4 numbers"),
        ({**LOG, "state": [[0, 1, 0, 1]]}, "state must be an array of 4 numbers"),
    ):
        with pytest.raises(InvalidModel, match=said):
            Transitions(**arrays)
    with pytest.raises(InvalidModel, match="arrays lack reward"):
        estimate({"state": [0], "action": [0]}, gamma=0.5)
    with pytest.raises(InvalidModel, match="the first three at least; got 2"):
        estimate(([0], [0]), gamma=0.5)
    with pytest.raises(
        InvalidParameter, match="a log is files, arrays or a Minari data set; got int"
    ):
        estimate(3, gamma=0.5)
