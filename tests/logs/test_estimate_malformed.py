"""Logs that hold what cannot be: one clear error each, naming the file; never a silent wrong model."""

import gzip

import duckdb
import numpy as np
import pytest

from germane.errors import InvalidModel, InvalidParameter, MalformedFile, MissingExtra, TooLarge
from germane.logs import DuckDB, Spark, estimate

HEADER = "state,action,reward,next_state,terminated"
GOOD = ["0,0,1,1,false", "1,1,2,0,false"]


def refusal(path, **options):
    """The one line of the error, which names the file."""
    with pytest.raises(MalformedFile) as caught:
        estimate(path, gamma=0.5, **options)
    said = str(caught.value)
    assert "\n" not in said
    assert str(caught.value.path) in said
    return said


def csv(tmp_path, *rows, header=HEADER):
    path = tmp_path / "log.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def parquet(
    path, sql="SELECT i % 5 AS state, 0 AS action, random() AS reward, i % 3 AS next_state"
):
    duckdb.sql(f"COPY ({sql} FROM range(100000) t(i)) TO '{path}' (ROW_GROUP_SIZE 10000)")
    return path


CELLS = {
    "text for a state": ("x,0,1,1,false", "state must be a whole number from 0 to 999999; got x"),
    "a fraction for a state": (
        "0.5,0,1,1,false",
        "state must be a whole number .*; got 0.5 in one row",
    ),
    "a negative state": ("-1,0,1,1,false", "state must be a whole number .*; got -1"),
    "a huge state": ("1e9,0,1,1,false", "state must be a whole number .*; got 1e9"),
    "an infinite state": ("inf,0,1,1,false", "state must be a whole number .*; got inf"),
    "text for an action": ("0,up,1,1,false", "action must be a whole number .*; got up"),
    "text for a next state": ("0,0,1,end,false", "next_state must be a whole number .*; got end"),
    "text for a reward": ("0,0,n/a,1,false", "reward must be finite; got n/a in one row"),
    "a comma for a point": ('0,0,"1,5",1,false', "reward must be finite; got 1,5"),
    "an infinite reward": ("0,0,-inf,1,false", "reward must be finite; got -inf"),
    "a reward too large for a double": ("0,0,1e999,1,false", "reward must be finite; got 1e999"),
    "an end that is no truth": ("0,0,1,1,maybe", "terminated must be true or false; got maybe"),
}


@pytest.mark.parametrize("what", CELLS)
def test_a_wrong_cell_is_named_with_its_column(tmp_path, what):
    row, said = CELLS[what]
    with pytest.raises(MalformedFile, match=rf"log\.csv: {said}"):
        estimate(csv(tmp_path, *GOOD, row), gamma=0.5)


def test_what_is_known_of_the_network_is_held_against_the_log(tmp_path):
    path = csv(tmp_path, *GOOD)
    for options, said in (
        ({"n_states": 1}, "state must be a whole number from 0 to 0; got 1"),
        ({"n_actions": 1}, "action must be a whole number from 0 to 0; got 1"),
        ({"reward_range": (0, 1)}, r"reward must lie in \[0, 1\]; got 2 in one row"),
        ({"reward_range": (1.5, 9)}, r"reward must lie in \[1.5, 9\]; got 1 in one row"),
    ):
        with pytest.raises(MalformedFile, match=said):
            estimate(path, gamma=0.5, **options)


def test_of_many_files_the_one_at_fault_is_named(tmp_path):
    for k in range(4):
        (tmp_path / f"{k}.csv").write_text("\n".join([HEADER, *GOOD]))
    (tmp_path / "2.csv").write_text("\n".join([HEADER, *GOOD, "0,0,x,1,false"]))
    assert "2.csv: reward must be finite; got x" in refusal(tmp_path)
    parquet(tmp_path / "a.parquet")
    whole = parquet(tmp_path / "b.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    assert "b.parquet" in refusal(tmp_path / "*.parquet")


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    said = refusal(csv(tmp_path, "0,0,1,1,false", header="s,action,reward,next_state,terminated"))
    assert "no column 'state'; it has 's', 'action'" in said
    path = csv(tmp_path, *GOOD)
    with pytest.raises(MalformedFile, match="no column 'load'; it has 'state'"):
        estimate(path, columns={"state": "load"}, gamma=0.5)
    with pytest.raises(InvalidParameter, match="columns: 'load' is none of state, action, reward"):
        estimate(path, columns={"load": "state"}, gamma=0.5)
    with pytest.raises(InvalidParameter, match="only: the log has no column 'run'"):
        estimate(path, only={"run": (1,)}, gamma=0.5)


def test_csv_that_is_none(tmp_path):
    path = tmp_path / "log.csv"
    for content, said in (
        (b"", "line 1: a CSV log starts with a line of column names; got an empty one"),
        (b"\n0,0,1\n", "line 1: a CSV log starts with a line of column names"),
        (b"\xff\xfe\x00state", "line 1: cannot be read as CSV"),
        (
            b"state,action,reward,state\n",
            "line 1: columns must differ in name; two are called 'state'",
        ),
        (HEADER.encode() + b"\n", "no row is a transition: there is none"),
        (HEADER.encode() + b"\n0,0,1\n", "line 2: .*"),
        (HEADER.encode() + b"\n0,0,1,1,false,9,9\n", "line 2: .*"),
        (HEADER.encode() + b"\n" + b",,,,\n" * 3, "no row is a transition: 3 no state"),
    ):
        path.write_bytes(content)
        with pytest.raises(MalformedFile, match=said):
            estimate(path, gamma=0.5)


def test_compressed_files_that_are_cut_off_or_not_compressed(tmp_path):
    path = tmp_path / "log.csv.gz"
    rng = np.random.default_rng(1)
    rows = [f"{s},0,{r},0,false" for s, r in zip(rng.integers(9, size=5000), rng.random(5000))]
    whole = gzip.compress("\n".join([HEADER, *rows]).encode())
    for content in (whole[: len(whole) // 2], b"state,action,reward\n0,0,1\n", b""):
        path.write_bytes(content)
        assert "log.csv.gz" in refusal(path)


def test_parquet_that_is_none(tmp_path):
    path = tmp_path / "log.parquet"
    whole = parquet(path).read_bytes()
    damaged = bytearray(whole)
    damaged[4:200] = bytes(196)  # the first page; the footer is as it was
    for content in (
        whole[: len(whole) // 2],
        whole[:-20],
        b"",
        b"PAR1",
        b"no Parquet at all",
        damaged,
    ):
        path.write_bytes(content)
        assert "log.parquet" in refusal(path)


def test_jsonl_that_is_none(tmp_path):
    path = tmp_path / "log.jsonl"
    row = '{"state": 0, "action": 0, "reward": 1, "next_state": 0}\n'
    for content in ("", row + '{"state": 0, "acti', row + "not JSON\n", "[1, 2, 3]\n"):
        path.write_text(content)
        assert "log.jsonl" in refusal(path)
    path.write_text(row + row.replace('"state": 0', '"state": {"load": 1}', 1))
    assert "state must be a whole number" in refusal(path)


def test_files_that_are_not_there_or_of_no_format(tmp_path):
    (tmp_path / "log.txt").write_text("state")
    (tmp_path / "empty").mkdir()
    for source, said in (
        (tmp_path / "none.csv", "there is no such file"),
        (tmp_path / "*.csv", "there is no such file"),
        (tmp_path / "empty", "there is no such file"),
        (tmp_path / "log.txt", "the format is known by its suffix, one of .parquet"),
    ):
        assert said in refusal(source)
    with pytest.raises(InvalidParameter, match="a log must have at least one file"):
        estimate([], gamma=0.5)
    csv(tmp_path, *GOOD)
    parquet(tmp_path / "log.parquet")
    with pytest.raises(InvalidParameter, match=r"must be of one format; got .*csv and .*parquet"):
        estimate([tmp_path / "log.csv", tmp_path / "log.parquet"], gamma=0.5)


def test_columns_of_another_kind(tmp_path):
    for column, said in (
        ("[1, 2] AS state", "column 'state' must hold numbers; it holds lists or the like"),
        ("now() AS state", "column 'state' must hold numbers; it holds times"),
        ("true AS state", "column 'state' must hold numbers; it holds truths"),
    ):
        sql = f"SELECT {column}, 0 AS action, 1 AS reward, 0 AS next_state"
        assert said in refusal(parquet(tmp_path / "log.parquet", sql))


def test_a_step_that_is_told_twice_leaves_the_order_open(tmp_path):
    path = csv(tmp_path, "0,0,0,1", "0,1,0,1", "0,1,1,1", header="episode,t,state,reward,action")
    path.write_text("episode,t,state,action,reward\n7,0,0,0,1\n7,1,0,0,1\n7,1,1,0,1\n")
    assert "t must name a step of its episode once; got 1 in one row" in refusal(path)
    path.write_text("episode,t,state,action,reward\n7,10:00,0,0,1\n7,10:01,0,0,1\n")
    assert "t must be a number; got 10:00 in 2 rows" in refusal(path)


def test_options_that_cannot_be(tmp_path):
    path = csv(tmp_path, *GOOD)
    for options in (
        {"n_states": 0},
        {"n_actions": -1},
        {"reward_range": (1, 0)},
        {"reward_range": (0, np.inf)},
        {"reward_range": (0, np.nan)},
        {"part": (2, 2)},
        {"part": (0, 0)},
        {"codebook": "coloran", "n_states": 3},
    ):
        with pytest.raises(InvalidParameter):
            estimate(path, gamma=0.5, **options)
    with pytest.raises(InvalidModel, match="gamma"):
        estimate(path, gamma=1.0)
    for options in ({"memory_mb": 0}, {"threads": 0}):
        with pytest.raises(InvalidParameter, match="at least 1"):
            DuckDB(**options)


def test_what_does_not_fit_in_memory_is_refused(tmp_path):
    with pytest.raises(TooLarge, match="1000000 states with 500 actions are more pairs"):
        estimate(csv(tmp_path, *GOOD), n_states=1_000_000, n_actions=500, gamma=0.5)
    path = parquet(
        tmp_path / "log.parquet",
        "SELECT i AS state, 0 AS action, 0.5 AS reward, (i * 7919) % 100000 AS next_state",
    )
    with DuckDB(memory_mb=1, threads=1) as engine, pytest.raises(TooLarge, match="more memory"):
        estimate(path, gamma=0.5, engine=engine)


def test_spark_is_an_extra(monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyspark" else found(name)
    )
    with pytest.raises(MissingExtra, match=r"pip install 'germane\[spark\]'"):
        Spark()
