"""What both engines must say alike, and what Python says too."""

import math
import re

import numpy as np
import pytest

from germane.errors import MalformedFile
from germane.logs import DuckDB, estimate

NUMBERS = [
    "1",
    "-1",
    "+1",
    "1.5",
    ".5",
    "5.",
    "1e5",
    "1E+5",
    "-1e-5",
    " 3 ",
    "00012",
    "1e-400",
    "-0",
]
NO_NUMBERS = [
    *(
        "1_000",
        "1__0",
        "1d",
        "1f",
        "2F",
        "1L",
        "1e5d",
        "0x10",
        "0x1p3",
        "0b11",
        "1e",
        "e5",
        "1e5.5",
    ),
    *(
        "inf",
        "-Infinity",
        "nan",
        "NaN",
        "",
        "  ",
        "1,5",
        "1 000",
        "--1",
        "+-1",
        "1.2.3",
        "-",
        ".",
        "abc",
    ),
    *("true", "NULL", "1'000", "\u0661", "\uff10", "3\u00a0", "\u200b3"),
]


@pytest.fixture(scope="module")
def duck():
    with DuckDB() as engine:
        yield engine


@pytest.fixture(params=["duck", "spark"])
def engine(request):
    return request.getfixturevalue(request.param)


def test_a_text_is_the_same_number_everywhere(engine):
    texts = [*NUMBERS, *NO_NUMBERS, "1e999"]
    rows = ", ".join(
        f"({k}, '{text.replace(chr(39), chr(39) * 2)}')" for k, text in enumerate(texts)
    )
    found = engine.query(
        f"SELECT as_number(x) AS x FROM (VALUES {rows}) AS given(k, x) ORDER BY k"
    )["x"]
    expected = [*map(float, NUMBERS), *[math.nan] * len(NO_NUMBERS), math.inf]
    assert np.array_equal(found, expected, equal_nan=True)


def test_columns_come_back_as_they_are(engine):
    found = engine.query(
        """SELECT k AS "a ""name\""", k / 2e0 AS half, CASE WHEN k > 1 THEN k END AS hole, """
        "CASE WHEN k > 1 THEN 'it''s \\n' END AS said, k > 1 AS truth, "
        "CAST(SUM(k) OVER () AS BIGINT) AS total "
        "FROM (VALUES (1), (2)) AS given(k) ORDER BY k"
    )
    assert [found[name].tolist() for name in ('a "name"', "half", "total")] == [
        [1, 2],
        [0.5, 1.0],
        [3, 3],
    ]
    assert np.array_equal(found["hole"], [math.nan, 2.0], equal_nan=True)
    assert found["said"].tolist() == [None, "it's \\n"]
    assert found["truth"].tolist() == [False, True]
    assert found["total"].dtype == np.int64


def test_arrays_are_opened_with_their_kinds(engine):
    arrays = {
        "n": np.arange(3),
        "x": np.array([0.5, math.nan, 2.0]),
        "t": np.array([True, False, True]),
    }
    assert engine.table("given", arrays) == {"n": "integer", "x": "number", "t": "boolean"}
    found = engine.query("SELECT n, x FROM given WHERE t ORDER BY n")
    assert found["n"].tolist() == [0, 2]
    assert found["x"].tolist() == [0.5, 2.0]


def test_an_error_names_the_file_on_either_engine(tmp_path, engine):
    good = "state,action,reward,next_state\n0,0,1,0\n"
    (tmp_path / "a.csv").write_text(good)
    for row, said in (
        ("0,0,x,0", "reward must be finite; got x"),
        ("0,0,1", "0,0,1|4 fields; got 3"),
    ):
        (tmp_path / "b.csv").write_text(good + row + "\n")
        with pytest.raises(MalformedFile, match=said) as caught:
            estimate(tmp_path, gamma=0.5, engine=engine)
        assert caught.value.path in (tmp_path / "b.csv", str(tmp_path / "b.csv"))
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(MalformedFile, match=re.escape("cut.parquet: ")) as caught:
        estimate(tmp_path / "*.parquet", gamma=0.5, engine=engine)
    assert "\n" not in str(caught.value)
    assert estimate(tmp_path / "a.csv", gamma=0.5, engine=engine).n_transitions == 1  # it goes on
